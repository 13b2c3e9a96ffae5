"""Targets on voxels: the label of a shape by `voxels_to_label`, and its embedding by the network on free data.

The input is the network's grid, for the label after the rotation that sets the shape upright. The baseline is an occupancy of one
half everywhere, which both networks receive as zero: neither full nor empty, so that empty space can contribute as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.inference.attribution.photo_targets import log_odds
from lift3d.inference.attribution.target import Target
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.inference.networks import inference_mode
from lift3d.nets.shape_classifier import VoxelClassifier, size_features
from lift3d.nets.spatial_transformer import FILL, bounding_box
from lift3d.types import F32, F64, Provenance
from lift3d.weights import PretrainedCfg

NEUTRAL = 0.5
"""Occupancy that the networks receive as zero."""


@dataclass(frozen=True, eq=False)
class UprightGrid:
    """to_grid (4, 4): from indices of the given grid to indices of the grid that the network classifies."""

    to_grid: F64
    rotation: F64


def voxel_label_target(
    net: torch.nn.Module, found: PretrainedCfg, full: NDArray[np.bool_], category: int | None, bias: float
) -> tuple[Target, int, UprightGrid]:
    """The log odds of a category; the category; and how the network's grid lies in the given one.

    full (64, 64, 64): the occupied voxels; category: its index, or None for the most probable one; bias: added to the score of
    the given pose. The size features (nets/shape_classifier.py) stay those of the shape. InputError for a classifier of
    points."""
    if not isinstance(net, VoxelClassifier):
        raise InputError("this classifier sees points, not voxels", "explain a classifier of voxels")
    with inference_mode():
        given = torch.from_numpy(full[None]).float()
        rotation = net.upright_rotation(given, bias)
        upright = given if torch.equal(rotation[0], torch.eye(3)) else net.rotate(given, rotation)
        sizes = size_features(upright)
        where = UprightGrid(
            np.eye(4) if upright is given else to_upright(given, rotation), rotation[0].double().numpy()
        )
        if category is None:
            category = int(net.upright_logits(upright)[0].argmax())
    chosen = category

    def output(x: torch.Tensor) -> torch.Tensor:
        features = torch.cat([net.backbone(2 * x[:, 0] - 1), sizes.expand(len(x), sizes.shape[1])], 1)
        return log_odds(net.head(features), chosen)

    origin = (Provenance("voxels_to_label", found.name, found.sha256),)
    target = Target(
        output, upright, torch.full_like(upright, NEUTRAL), f"label {found.require_labels()[chosen]}", "log odds",
        (net.backbone, net.head), (("occupancy", 1),), provenance=origin,
    )  # fmt: skip
    return target, chosen, where


def to_upright(given: torch.Tensor, rotation: torch.Tensor) -> F64:
    """(4, 4) transform of indices by which `VoxelClassifier.rotate` resamples a grid (1, N, N, N) with a rotation (1, 3, 3)."""
    n = given.shape[-1]
    centre, half = (t[0].double().numpy() for t in bounding_box(given, rotation))
    scale = FILL / float(half)
    to_unit = np.diag([2 / n, 2 / n, 2 / n, 1.0])
    to_unit[:3, 3] = 1 / n - 1
    linear = np.eye(4)
    linear[:3, :3] = rotation[0].double().numpy() * scale
    linear[:3, 3] = -np.asarray(centre) * scale
    return np.asarray(np.linalg.inv(to_unit) @ linear @ to_unit)


def embedding_target(space: EmbeddingNetwork, voxels: F32, colours: F32) -> Target:
    """The cosine of the embedding of voxels (64, 64, 64) with that of the shape itself, 1 for the shape. colours (4, 16, 16, 16)
    stay as they are. InputError for an embedding without a tower for voxels."""
    if space.on_backbone:
        raise InputError(
            f"{space.found.name} embeds pictures of a model, not its voxels",
            "give weights of an embedding with voxels, such as embedding",
        )
    net = space.net
    x, paint = torch.from_numpy(voxels)[None], torch.from_numpy(colours)

    def embed(x: torch.Tensor) -> torch.Tensor:
        vectors = net.embed_shapes(x[:, 0], paint.expand(len(x), *paint.shape))
        return torch.nn.functional.normalize(vectors, dim=1)

    with inference_mode():
        own = embed(x[None])[0]
    origin = (Provenance("embedding", space.found.name, space.found.sha256),)
    modules = (net.get_submodule("shape_tower"), net.get_submodule("shape_head"))
    return Target(
        lambda x: embed(x) @ own, x, torch.full_like(x, NEUTRAL), "embedding", "cosine with the embedding of the shape",
        modules, (("occupancy", 1),), provenance=origin,
    )  # fmt: skip
