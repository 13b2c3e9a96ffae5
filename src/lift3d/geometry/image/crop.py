"""The square crop around a mask or a box; resampled out of an image and pasted back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.types import F32

MARGIN = 1.12
"""Side of the crop over the longer side of the mask's bounding box."""


@dataclass(frozen=True)
class Crop:
    """A square of an image: its centre (x, y) and half its side, in pixels. It may extend beyond the image."""

    x: float
    y: float
    half: float


def square_crop(mask: NDArray[np.bool_], margin: float = MARGIN) -> Crop:
    """The square around the True pixels of `mask` (H, W), `margin` times as large. Raises ValueError if the mask is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("an empty mask has no crop")
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    half = max(bottom - top, right - left) / 2 * margin
    return Crop((left + right) / 2, (top + bottom) / 2, max(half, 1.0))


def crop_around(box: tuple[float, float, float, float], scale: float) -> Crop:
    """The square around a box (x0, y0, x1, y1), `scale` times as large as its longer side."""
    x0, y0, x1, y1 = box
    return Crop((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) / 2 * scale)


def rows_and_columns(crop: Crop, size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the photo that a crop covers."""
    low = (max(int(crop.y - crop.half), 0), max(int(crop.x - crop.half), 0))
    high = (int(np.ceil(crop.y + crop.half)), int(np.ceil(crop.x + crop.half)))
    return slice(low[0], min(high[0], size[0])), slice(low[1], min(high[1], size[1]))


def resample_crop(pixels: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: the crop, resampled; the border of the photo is repeated outside it."""
    h, w = pixels.shape[:2]
    x0, y0 = int(np.floor(crop.x - crop.half)), int(np.floor(crop.y - crop.half))
    x1, y1 = int(np.ceil(crop.x + crop.half)), int(np.ceil(crop.y + crop.half))
    around = ((max(-y0, 0), max(y1 - h, 0)), (max(-x0, 0), max(x1 - w, 0)), (0, 0))
    held = np.pad(pixels[max(y0, 0) : min(y1, h), max(x0, 0) : min(x1, w)], around, mode="edge")
    box = (crop.x - crop.half - x0, crop.y - crop.half - y0)
    end = (min(box[0] + 2 * crop.half, held.shape[1]), min(box[1] + 2 * crop.half, held.shape[0]))
    return np.asarray(Pil.fromarray(held).resize((size, size), Pil.Resampling.BILINEAR, (*box, *end)))


def paste_crop(probability: F32, crop: Crop, size: tuple[int, int]) -> F32:
    """(H, W) float32: probabilities of a crop pasted into the photo; 0 outside."""
    h, w = size
    n = len(probability)
    matrix = np.array([n / (2 * crop.half)] * 2)
    offset = np.array([0.5 - crop.y + crop.half, 0.5 - crop.x + crop.half]) * matrix - 0.5
    return np.asarray(
        ndimage.affine_transform(probability, matrix, offset, (h, w), np.float32, 1, "grid-constant")
    )


def crop_of(probability: F32, crop: Crop, side: int) -> F32:
    """(side, side) float32: the part of the probabilities (H, W) of a photo that a crop covers; 0 outside the photo."""
    step = 2 * crop.half / side
    offset = np.array([crop.y - crop.half, crop.x - crop.half]) + step / 2 - 0.5
    return np.asarray(
        ndimage.affine_transform(
            probability, np.array([step] * 2), offset, (side, side), np.float32, 1, "grid-constant"
        )
    )
