"""Photos as flat arrays for the baking kernels, with their low-pass band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.types import F32, F64, Camera, Image


@dataclass(frozen=True, eq=False)
class PhotoStack:
    """All photos as flat arrays for the kernels.

    full: (B,) uint8 photos; low: (C,) float32 low-pass after the gains; shape: (V, 6) int64 rows of full offset, height,
    width, low offset, height, width; projection: (V, 3, 4) float64 world to homogeneous pixels; tables: (V, 3, 256) float32
    values of bytes after the gains; factor: full pixels per low pixel.
    """

    full: NDArray[np.uint8]
    low: F32
    shape: NDArray[np.int64]
    projection: F64
    tables: F32
    factor: int


def stack_photos(
    images: tuple[Image, ...],
    cameras: tuple[Camera, ...],
    inside: tuple[NDArray[np.bool_], ...],
    tables: F32,
    factor: int,
) -> PhotoStack:
    """The stack of photos and their cameras.

    inside: per photo (H, W) bool, True where the low-pass takes pixels (on the mesh and the mask); tables: see `gain_tables`.
    """
    shape, offset, low_offset = [], 0, 0
    for image in images:
        h, w = image.height, image.width
        lh, lw = -(-h // factor), -(-w // factor)
        shape.append((offset, h, w, low_offset, lh, lw))
        offset, low_offset = offset + 3 * h * w, low_offset + 3 * lh * lw
    full, low = np.empty(offset, np.uint8), np.empty(low_offset, np.float32)
    for k, (image, (o, h, w, lo, lh, lw)) in enumerate(zip(images, shape)):
        full[o : o + 3 * h * w] = image.pixels.reshape(-1)
        low[lo : lo + 3 * lh * lw] = low_pass(
            np.require(image.pixels, requirements=["C", "W"]), inside[k], tables[k], factor
        ).reshape(-1)
    projection = np.stack([c.K @ c.world_to_camera[:3] for c in cameras])
    return PhotoStack(full, low, np.array(shape, np.int64), projection, tables, factor)


@njit(cache=True)
def low_pass(pixels: Any, inside: Any, table: Any, factor: int) -> Any:
    """(h, w, 3) float32 low-pass of a photo, h = ceil(H / factor).

    Means of factor x factor blocks, smoothed by the binomial 1 4 6 4 1 in both directions, over the inside pixels only
    (normalised convolution: Knutsson & Westin 1993); the block's plain mean where no inside pixel is near.
    """
    height, width = inside.shape
    lh, lw = -(-height // factor), -(-width // factor)
    total, plain = np.zeros((lh, lw, 4), np.float32), np.zeros((lh, lw, 4), np.float32)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                value = table[c, pixels[y, x, c]]
                plain[y // factor, x // factor, c] += value
                if inside[y, x]:
                    total[y // factor, x // factor, c] += value
            plain[y // factor, x // factor, 3] += 1
            if inside[y, x]:
                total[y // factor, x // factor, 3] += 1
    tap = np.array([1, 4, 6, 4, 1], np.float32) / np.float32(16)
    horizontal = np.zeros((lh, lw, 4), np.float32)
    for y in range(lh):
        for x in range(lw):
            for d in range(5):
                xx = x + d - 2
                if 0 <= xx < lw:
                    for c in range(4):
                        horizontal[y, x, c] += tap[d] * total[y, xx, c]
    out = np.empty((lh, lw, 3), np.float32)
    for y in range(lh):
        for x in range(lw):
            red, green, blue, weight = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for d in range(5):
                yy = y + d - 2
                if 0 <= yy < lh:
                    red += tap[d] * horizontal[yy, x, 0]
                    green += tap[d] * horizontal[yy, x, 1]
                    blue += tap[d] * horizontal[yy, x, 2]
                    weight += tap[d] * horizontal[yy, x, 3]
            if weight > 1e-3:
                out[y, x, 0], out[y, x, 1], out[y, x, 2] = red / weight, green / weight, blue / weight
            else:
                for c in range(3):
                    out[y, x, c] = plain[y, x, c] / plain[y, x, 3]
    return out
