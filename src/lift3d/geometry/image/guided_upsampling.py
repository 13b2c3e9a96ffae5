"""Upsampling of a map to the size of a photo along its edges, by the fast guided filter (He & Sun 2015, arXiv:1505.00996).

The linear coefficients of the guided filter (He, Sun & Tang 2013) are computed at the size of the map, upsampled bilinearly, and
applied to the photo at its full size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.types import F32

BAND = 512
"""Rows of the photo that are filtered at a time, which bounds the memory."""


def guided_upsample(rgb: NDArray[np.uint8], values: F32, radius: int, epsilon: float) -> F32:
    """The map at the photo's size, (H, W) float32.

    rgb: (H, W, 3) sRGB bytes, the guide. values: (h, w), a smaller map of the same view. radius: half the windows' side in pixels
    of `values`, rounded down. epsilon: regularisation in squared units of colours in [0, 1], relative to the map's variance: the
    larger, the less of the photo's texture appears. A map of equal values stays as it is."""
    h, w = values.shape
    height, width = rgb.shape[:2]
    small = np.asarray(Pil.fromarray(rgb).resize((w, h), Pil.Resampling.BOX), np.float64) / 255
    size = 2 * radius + 1

    def mean(x: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(ndimage.uniform_filter(x, (size, size, *(1,) * (x.ndim - 2)), mode="nearest"))

    p = values.astype(np.float64)
    colour, mean_p = mean(small), mean(p)
    cross = mean(small * p[..., None]) - colour * mean_p[..., None]
    square = mean(small[..., :, None] * small[..., None, :]) - colour[..., :, None] * colour[..., None, :]
    a = np.linalg.solve(square + epsilon * np.eye(3), cross[..., None])[..., 0]
    b = mean_p - (a * colour).sum(-1)
    maps = [np.asarray(mean(x), np.float32) for x in (a[..., 0], a[..., 1], a[..., 2], b)]
    out = np.empty((height, width), np.float32)
    for top in range(0, height, BAND):
        rows = slice(top, min(top + BAND, height))
        factors = [resize_rows(x, rows, height, width) for x in maps]
        guide = rgb[rows].astype(np.float32) / np.float32(255)
        out[rows] = factors[3] + sum(factors[k] * guide[..., k] for k in range(3))
    return out


def resize_map(values: F32, height: int, width: int) -> F32:
    """(height, width) float32: a map (h, w) resampled bilinearly with the half-pixel rule."""
    return resize_rows(values, slice(0, height), height, width)


def resize_rows(values: F32, rows: slice, height: int, width: int) -> F32:
    """Some rows of `resize_map`, (len(rows), width) float32."""
    h, w = values.shape
    y = (np.arange(rows.start, rows.stop) + 0.5) * h / height - 0.5
    x = (np.arange(width) + 0.5) * w / width - 0.5
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - y0).astype(np.float32)[:, None], (x - x0).astype(np.float32)
    top, bottom = np.clip(y0, 0, h - 1), np.clip(y0 + 1, 0, h - 1)
    left, right = np.clip(x0, 0, w - 1), np.clip(x0 + 1, 0, w - 1)
    rows_top = values[top][:, left] * (1 - fx) + values[top][:, right] * fx
    rows_bottom = values[bottom][:, left] * (1 - fx) + values[bottom][:, right] * fx
    return np.asarray(rows_top * (1 - fy) + rows_bottom * fy, np.float32)
