"""The colours of a surface averaged over the voxels of a coarse grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32, F64

RESOLUTION = 16
"""Voxels along each side."""


def colour_grid(
    points: F64, colours: NDArray[np.uint8], low: F64, side: float, resolution: int = RESOLUTION
) -> F32:
    """(4, X, Y, Z) float32 over the cube with lowest corner low (3,) and a side: mean sRGB in [-1, 1] of the points
    (N, 3) with colours (N, 3) in each voxel, then 1 for voxels with points; zero elsewhere. Points outside are
    ignored."""
    index = np.floor((points - low) / side * resolution).astype(np.int64)
    inside = ((index >= 0) & (index < resolution)).all(1)
    flat_index = np.ravel_multi_index(tuple(index[inside].T), (resolution,) * 3)
    count = np.bincount(flat_index, minlength=resolution**3)
    rgb = colours[inside].astype(np.float64) / 127.5 - 1
    sums = [np.bincount(flat_index, rgb[:, k], resolution**3) / np.maximum(count, 1) for k in range(3)]
    return np.stack([*sums, count > 0]).reshape(4, resolution, resolution, resolution).astype(np.float32)
