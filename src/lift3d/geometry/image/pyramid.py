"""Image pyramids that keep the half-pixel rule: each coarse pixel is the mean of four fine ones."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from lift3d.types import F32


@njit(cache=True, parallel=True)
def _halve(image, out):
    h, w = image.shape
    for y in prange(out.shape[0]):
        y1 = min(2 * y + 1, h - 1)
        for x in range(out.shape[1]):
            x1 = min(2 * x + 1, w - 1)
            out[y, x] = np.float32(0.25) * (
                image[2 * y, 2 * x] + image[2 * y, x1] + image[y1, 2 * x] + image[y1, x1]
            )


def halve(image: F32) -> F32:
    """(H, W) float32 to (H // 2, W // 2): a box filter, so that pixel centres keep their meaning
    (an odd last row or column is dropped; `projection.resize_camera` then differs from it by < 1 / W)."""
    h, w = image.shape
    out = np.empty((max(h // 2, 1), max(w // 2, 1)), np.float32)
    _halve(image, out)
    return out
