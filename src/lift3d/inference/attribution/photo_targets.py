"""Targets on photos: the mask of an object, its predicted shape, the nearness of a pixel, the label of an object.

The input is what the network receives: the photo, a square around it, or the cut-out object. The baseline is the network's zero:
a grey picture without an object. The networks' outputs are those for the picture itself, without the average over its mirror
image.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.inference.attribution.target import Target
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.inference.embedding_classifier import EmbeddingClassifier
from lift3d.inference.networks import inference_mode
from lift3d.nets.sizes import MEAN, SCALE
from lift3d.types import F32, Provenance
from lift3d.weights import PretrainedCfg

REGIONS = ("whole", "front", "back", "left", "right", "top", "bottom")
"""Parts of the predicted shape, as the camera sees them."""
COLUMN = 1
"""Voxels beside that of a pixel that belong to its column."""
SPOT = 0.02
"""Half the side of the square around a pixel over which an output is averaged, by the longer side of the input."""


def normalized(rgb: NDArray[np.uint8]) -> torch.Tensor:
    """(3, H, W) input of the backbone, of sRGB bytes (H, W, 3)."""
    return torch.from_numpy((rgb.astype(np.float32) - np.float32(MEAN)) / np.float32(SCALE)).permute(2, 0, 1)


def mask_target(
    net: torch.nn.Module, found: PretrainedCfg, rgb: NDArray[np.uint8], prompts: F32, region: NDArray[np.bool_],
    what: str,
) -> Target:  # fmt: skip
    """The mean log odds, over the pixels of a region, that they belong to the object.

    rgb (S, S, 3): the square that the network sees; prompts (5, S, S): its maps of prompts, which stay as they are; region
    (S, S), not empty; what: the region in words."""
    maps = torch.from_numpy(prompts)
    weight = torch.from_numpy(region.astype(np.float32) / region.sum())

    def output(x: torch.Tensor) -> torch.Tensor:
        both = torch.cat([x, maps.expand(len(x), *maps.shape)], 1)
        return (net(both.contiguous(memory_format=torch.channels_last))[:, 0] * weight).sum((1, 2))

    x = normalized(rgb)
    origin = (Provenance("image_to_mask", found.name, found.sha256),)
    return Target(
        output, x, torch.zeros_like(x), what, "log odds", (net,), (("colour", 3),), provenance=origin
    )


def depth_target(
    net: torch.nn.Module, found: PretrainedCfg, rgb: NDArray[np.uint8], place: NDArray[np.bool_] | tuple[float, float] | None
) -> tuple[Target, tuple[float, float] | None]:  # fmt: skip
    """The nearness (inverse depth) of a part of the picture, less the mean of the picture, in units of the picture's mean
    absolute deviation; and the pixel whose nearness it is, None for a region.

    rgb (H, W, 3): the network's input; place: a mask (H, W) that is not empty, fractions (x, y) of its width and height, or None
    for the nearest point."""
    x = normalized(rgb)
    with inference_mode():
        inverse = net(x[None].contiguous(memory_format=torch.channels_last)).inverse[0, 0]
        deviation = float((inverse - inverse.median()).abs().mean().clamp(min=1e-4))
    h, w = inverse.shape
    weight, what = torch.zeros(h, w), "nearness of the object"
    if isinstance(place, np.ndarray):
        mask = torch.from_numpy(place.astype(np.float32))[None, None]
        weight = torch.nn.functional.interpolate(mask, (h, w), mode="area")[0, 0]
        at = None
    else:
        at = place if place is not None else nearest_point(inverse)
        weight[spot(at, h, w)] = 1.0
        what = "nearness of the pixel" if place is not None else "nearness of the nearest point"
    weight = weight / weight.sum() - 1 / (h * w)

    def output(x: torch.Tensor) -> torch.Tensor:
        near = net(x.contiguous(memory_format=torch.channels_last)).inverse[:, 0]
        return (near * weight).sum((1, 2)) / deviation

    origin = (Provenance("image_to_depth", found.name, found.sha256),)
    target = Target(
        output, x, torch.zeros_like(x), what, "mean absolute deviations of inverse depth", (net,), (("colour", 3),),
        provenance=origin,
    )  # fmt: skip
    return target, at


def nearest_point(inverse: torch.Tensor) -> tuple[float, float]:
    """The position (x, y), in fractions of width and height, of the largest mean inverse depth (H, W) of a spot."""
    h, w = inverse.shape
    size = 2 * max(round(SPOT * max(h, w)), 1) + 1
    smooth = torch.nn.functional.avg_pool2d(inverse[None, None], size, 1, size // 2, count_include_pad=False)
    row, column = divmod(int(smooth[0, 0].argmax()), w)
    return (column + 0.5) / w, (row + 0.5) / h


def spot(at: tuple[float, float], height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the square around a position, given in fractions of width and height."""
    half = max(round(SPOT * max(height, width)), 1)
    x, y = min(int(at[0] * width), width - 1), min(int(at[1] * height), height - 1)
    return slice(max(y - half, 0), min(y + half + 1, height)), slice(
        max(x - half, 0), min(x + half + 1, width)
    )


def shape_target(
    net: torch.nn.Module, found: PretrainedCfg, cutout: F32, region: str, at: tuple[float, float] | None
) -> Target:
    """The occupied volume of the shape that is predicted from a cut-out (4, 128, 128), as a fraction of the view's volume, or of
    a part of it.

    region: one of REGIONS; at: fractions (x, y) of the cut-out, for the column of voxels behind that pixel, or None."""
    x = torch.from_numpy(cutout)
    with inference_mode():
        n = net(x[None, None]).volume.shape[-1]
    part = torch.from_numpy(region_of(n, region, at))

    def output(x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(torch.sigmoid(net(x[:, None]).volume.float())[:, part].mean(1))

    where = "volume" if region == "whole" else f"volume of the {region} half"
    where = where if at is None else "thickness behind the pixel"
    return Target(
        output, x, torch.zeros_like(x), where, "fraction of the voxels", (net,), (("colour", 3), ("silhouette", 1)),
        provenance=(Provenance("image_to_voxels", found.name, found.sha256),),
    )  # fmt: skip


def region_of(n: int, region: str, at: tuple[float, float] | None = None) -> NDArray[np.bool_]:
    """(n, n, n) bool, axes depth, down, right of the view: the voxels of a region, in the column of a pixel if given. ValueError
    for an unknown region."""
    if region not in REGIONS:
        raise ValueError(f"there is no region {region}")
    out, half = np.zeros((n, n, n), bool), n // 2
    first, second = slice(half), slice(half, n)
    halves = {
        "whole": (), "front": (first,), "back": (second,), "top": (slice(None), first), "bottom": (slice(None), second),
        "left": (slice(None), slice(None), first), "right": (slice(None), slice(None), second),
    }  # fmt: skip
    out[halves[region]] = True
    if at is not None:
        column = np.zeros((n, n), bool)
        x, y = (min(int(f * n), n - 1) for f in at)
        column[max(y - COLUMN, 0) : y + COLUMN + 1, max(x - COLUMN, 0) : x + COLUMN + 1] = True
        out &= column
    return out


def label_target(
    space: EmbeddingNetwork, classifier: EmbeddingClassifier, cutout: F32, category: int | None
) -> tuple[Target, int]:
    """The log odds of a category of the object on a cut-out (4, S, S), S = `space.image_size`; and the category. category: its
    index, or None for the most probable one."""
    modules: tuple[torch.nn.Module, ...]
    if space.on_backbone:
        from lift3d.inference.picture_features import frozen_backbone
        from lift3d.nets.dense.backbone_embedding import picture_features

        backbone = frozen_backbone()
        modules = (backbone, space.net, classifier.net)

        def embed(x: torch.Tensor) -> torch.Tensor:
            features = picture_features(backbone, x.contiguous(memory_format=torch.channels_last))
            return torch.as_tensor(space.net(features))
    else:
        modules = (space.net, classifier.net)

        def embed(x: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(space.net.embed_images(x))

    def logits(x: torch.Tensor) -> torch.Tensor:
        vectors = embed(x)
        present = torch.tensor([[True, False]]).expand(len(x), 2)
        return torch.as_tensor(classifier.net(vectors, torch.zeros_like(vectors), present))

    x = torch.from_numpy(cutout)
    if category is None:
        with inference_mode():
            category = int(logits(x[None])[0].argmax())
    chosen = category

    origin = (
        Provenance("image_to_embedding", space.found.name, space.found.sha256),
        Provenance("embedding_to_label", classifier.found.name, classifier.found.sha256),
    )
    channels = (("colour", 3), ("silhouette", 1))
    target = Target(
        lambda x: log_odds(logits(x), chosen), x, torch.zeros_like(x), f"label {classifier.names[chosen]}", "log odds",
        modules, channels, provenance=origin,
    )  # fmt: skip
    return target, chosen


def log_odds(logits: torch.Tensor, category: int) -> torch.Tensor:
    """(B,) log p / (1 - p) of the probability p of a category, from logits (B, K)."""
    others = [k for k in range(logits.shape[1]) if k != category]
    if not others:
        return logits[:, category]
    return logits[:, category] - logits[:, others].logsumexp(1)
