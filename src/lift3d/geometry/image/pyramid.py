"""Images of other sizes by the half-pixel rule: pyramids of 2 x 2 means, and nearest pixels."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.types import F32

T = TypeVar("T", bound=np.generic)


@njit(cache=True, parallel=True)
def _halve(image: F32, out: F32) -> None:
    """Write the 2 x 2 means of image (H, W) to out; a side of one pixel is repeated."""
    h, w = image.shape
    for y in prange(out.shape[0]):
        y1 = min(2 * y + 1, h - 1)
        for x in range(out.shape[1]):
            x1 = min(2 * x + 1, w - 1)
            out[y, x] = np.float32(0.25) * (
                image[2 * y, 2 * x] + image[2 * y, x1] + image[y1, 2 * x] + image[y1, x1]
            )


def halve(image: F32) -> F32:
    """(max(H // 2, 1), max(W // 2, 1)) float32 means of 2 x 2 pixels of an image (H, W) float32.

    Pixel centres keep their meaning. An odd last row or column is dropped; `projection.resize_camera` then differs by less than
    1 / W.
    """
    h, w = image.shape
    out = np.empty((max(h // 2, 1), max(w // 2, 1)), np.float32)
    _halve(image, out)
    return out


def resize_nearest(image: NDArray[T], shape: tuple[int, ...]) -> NDArray[T]:
    """An image (h, w) or (h, w, C) resized to `shape` (H, W): each pixel takes the pixel that its centre falls in."""
    rows = ((np.arange(shape[0]) + 0.5) * image.shape[0] / shape[0]).astype(np.int64)
    columns = ((np.arange(shape[1]) + 0.5) * image.shape[1] / shape[1]).astype(np.int64)
    return image[rows][:, columns]
