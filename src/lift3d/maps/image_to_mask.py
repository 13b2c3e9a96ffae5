"""A photo to the mask of the object in it: a U-Net on the whole photo, then on closer crops, refined by colours and edges.

A random walk over colours (Grady 2005) and a guided filter (He et al. 2013) refine the network's output. Transparency and given
masks are taken as they are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.views import GIVEN_MASK_KEPT, ONE_OBJECT
from lift3d.geometry.image.crop import Crop, square_crop
from lift3d.geometry.image.guided_filter import guided_filter
from lift3d.geometry.image.random_walker import refine_mask
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, Image, Segmentation

if TYPE_CHECKING:
    import torch

NAME = "image_to_mask"
INPUT_SIZE = 128
"""Side of the network's input in pixels."""
WALK_SIZE, MATTE_SIZE = 192, 384
"""Sides in pixels at which the random walk and the guided filter work on the crop."""
CROP_SCALES = (1.5, 1.2)
"""Sizes of the closer crops in units of the object's box, the largest first."""
MIN_AREA_FRACTION = 0.004
"""Fraction of the photo below which a region is not an object."""
MIN_PEAK = 0.75
"""Probability that the network must give to at least one pixel of an object."""
MASK_ADVICE = "transparency is taken as the mask"
MAX_PIXELS = 16_000_000
"""Photos with more pixels are reduced first."""
MIN_OTHER_FRACTION = 0.15
"""A region of at least this fraction of the largest one counts as another object."""


@register(
    Card(
        NAME, "Image", "Image",
        (ONE_OBJECT, GIVEN_MASK_KEPT, SAME_BYTES),
        "learned", "Ronneberger, Fischer & Brox 2015; Grady 2005; He, Sun & Tang 2013",
    )
)  # fmt: skip
@dataclass(frozen=True)
class ImageToMask(Mapping[Image, Image]):
    """weights: a run's folder or a weights file; the package's own if not given."""

    weights: str | None = None

    def apply(self, source: Image, context: Context) -> Image:
        """The image with its mask. CaptureError where nothing stands out."""
        if source.mask is not None:
            if not source.mask.any():
                raise CaptureError(
                    f"the mask of {source.name} is empty",
                    "make the object white in it, or leave the mask out",
                )
            found_before = source.segmentation or Segmentation("given", float(source.mask.mean()))
            context.note(NAME, source=found_before.source)
            return replace(source, segmentation=found_before)
        factor = int(np.ceil(np.sqrt(source.width * source.height / MAX_PIXELS)))
        if factor > 1:
            small = np.asarray(Pil.fromarray(source.pixels).reduce(factor))
            reduced = self.apply(replace(source, pixels=small), context)
            assert reduced.mask is not None
            large = reduced.mask.repeat(factor, 0).repeat(factor, 1)[: source.height, : source.width]
            return replace(source, mask=large, segmentation=reduced.segmentation)
        from lift3d.inference.networks import load_network

        net, found = load_network(NAME, self.weights)
        level = found.threshold
        whole = Crop(source.width / 2, source.height / 2, max(source.width, source.height) / 2)
        share = _uncut(self._look(net, source, whole), whole, (source.height, source.width))
        mask, others = largest_region(share > level)
        if mask.mean() < MIN_AREA_FRACTION or share[mask].max(initial=0) < MIN_PEAK:
            raise CaptureError(
                f"no single object stands out in {source.name}",
                "take the photo so that the object fills half of it before a calm background, or cut it out: "
                + MASK_ADVICE,
            )
        # the network was trained on objects that fill most of the image, so a closer crop is more accurate
        near = square_crop(mask, CROP_SCALES[0])
        close = _uncut(self._closer(net, source, near, level), near, (source.height, source.width))
        mask, _ = largest_region(close > 0.5)
        if not mask.any():
            raise CaptureError(f"no single object stands out in {source.name}", "cut it out: " + MASK_ADVICE)
        mask = ndimage.binary_fill_holes(mask) if _small_holes(mask) else mask
        how = Segmentation("network", float(mask.mean()), others, found.name)
        context.note(NAME, **asdict(how))
        return replace(source, mask=np.asarray(mask, bool), segmentation=how)

    def _look(self, net: torch.nn.Module, image: Image, crop: Crop) -> F32:
        """(INPUT_SIZE, INPUT_SIZE) float32: probability of the object over the crop, averaged with the reflected input."""
        import torch

        from lift3d.inference.networks import inference_mode

        small = _cut(image.pixels, crop, INPUT_SIZE) / np.float32(255)
        both = np.stack([small, small[:, ::-1]]).transpose(0, 3, 1, 2)
        with inference_mode():
            probabilities = torch.sigmoid(net(torch.from_numpy((both - 0.45) / 0.25).float()))[:, 0].numpy()
        return np.asarray((probabilities[0] + probabilities[1, :, ::-1]) / 2)

    def _closer(self, net: torch.nn.Module, image: Image, near: Crop, level: float) -> F32:
        """(MATTE_SIZE, MATTE_SIZE) float32 in [0, 1]: matte of the largest crop, averaged over crops and refined by colours; the
        object's edge is at 0.5."""
        total, weight = (
            np.zeros((MATTE_SIZE, MATTE_SIZE), np.float32),
            np.zeros((MATTE_SIZE, MATTE_SIZE), np.float32),
        )
        for wider in CROP_SCALES:
            half = near.half * wider / CROP_SCALES[0]
            share = self._look(net, image, Crop(near.x, near.y, half))
            side = round(MATTE_SIZE * wider / CROP_SCALES[0])
            start = (MATTE_SIZE - side) // 2
            part = slice(start, start + side)
            fine = Pil.fromarray(share).resize((side, side), Pil.Resampling.BICUBIC)
            total[part, part] += np.asarray(fine, np.float32).clip(0, 1)
            weight[part, part] += 1
        rough = Pil.fromarray(total / weight).resize((WALK_SIZE, WALK_SIZE), Pil.Resampling.BOX)
        walked = refine_mask(_cut(image.pixels, near, WALK_SIZE), np.asarray(rough), level)
        fine = Pil.fromarray(walked).resize((MATTE_SIZE, MATTE_SIZE), Pil.Resampling.BICUBIC)
        return guided_filter(_cut(image.pixels, near, MATTE_SIZE), np.asarray(fine), MATTE_SIZE // 48, 1e-4)


def largest_region(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    """The largest connected region, and how many others are at least APART of its size."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask, 0
    sizes = np.bincount(labels.reshape(-1))[1:]
    best = int(sizes.argmax())
    return labels == best + 1, int((sizes >= MIN_OTHER_FRACTION * sizes[best]).sum()) - 1


def _small_holes(mask: NDArray[np.bool_]) -> bool:
    """Whether holes are so small that they are errors rather than, for example, the hole of a handle."""
    filled = ndimage.binary_fill_holes(mask)
    return bool((filled & ~mask).sum() < 0.01 * mask.sum())


def _cut(pixels: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: the crop, resampled; the border of the photo is repeated outside it."""
    h, w = pixels.shape[:2]
    x0, y0 = int(np.floor(crop.x - crop.half)), int(np.floor(crop.y - crop.half))
    x1, y1 = int(np.ceil(crop.x + crop.half)), int(np.ceil(crop.y + crop.half))
    around = ((max(-y0, 0), max(y1 - h, 0)), (max(-x0, 0), max(x1 - w, 0)), (0, 0))
    held = np.pad(pixels[max(y0, 0) : min(y1, h), max(x0, 0) : min(x1, w)], around, mode="edge")
    box = (crop.x - crop.half - x0, crop.y - crop.half - y0)
    end = (min(box[0] + 2 * crop.half, held.shape[1]), min(box[1] + 2 * crop.half, held.shape[0]))
    return np.asarray(Pil.fromarray(held).resize((size, size), Pil.Resampling.BILINEAR, (*box, *end)))


def _uncut(share: F32, crop: Crop, size: tuple[int, int]) -> F32:
    """(H, W) float32: probabilities of a crop pasted into the photo; 0 outside."""
    h, w = size
    n = len(share)
    matrix = np.array([n / (2 * crop.half)] * 2)
    offset = np.array([0.5 - crop.y + crop.half, 0.5 - crop.x + crop.half]) * matrix - 0.5
    return np.asarray(ndimage.affine_transform(share, matrix, offset, (h, w), np.float32, 1, "grid-constant"))
