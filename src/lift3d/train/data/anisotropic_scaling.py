"""Anisotropic scaling of occupancy grids, an augmentation for categories with few shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.voxels.canonical_frame import CUBE_SIDE, RESOLUTION

B1 = NDArray[np.bool_]
MOST = 0.25
"""Largest change of the natural logarithm of a side."""


def random_stretch(full: B1, rng: np.random.Generator, most: float = MOST) -> B1:
    """Occupancy (64, 64, 64) of the upright frame (geometry/voxels/canonical_frame.py), each axis scaled by exp(u), u uniform in
    [-most, most]; then scaled uniformly so that the longest side is 1 again, centred and placed on the ground. Thin parts never
    vanish: an output voxel is full where any input voxel whose centre it contains is full."""
    factors = np.exp(rng.uniform(-most, most, 3))
    at = np.argwhere(full)
    if not len(at):
        return full.copy()
    low, high = at.min(0), at.max(0) + 1
    sides = (high - low) * factors
    sides *= RESOLUTION / CUBE_SIDE / sides.max()
    out = full[tuple(slice(a, b) for a, b in zip(low, high))]
    slices = []
    for axis in range(3):
        count = max(1, round(float(sides[axis])))
        out = scale_axis(out, axis, count)
        room = (RESOLUTION - RESOLUTION / CUBE_SIDE) / 2
        first = round(room) if axis == 2 else round((RESOLUTION - count) / 2)
        slices.append(slice(first, first + count))
    whole = np.zeros_like(full)
    whole[tuple(slices)] = out
    return whole


def scale_axis(full: B1, axis: int, count: int) -> B1:
    """The grid resampled to `count` voxels along one axis. With fewer voxels, an output voxel is full where any input voxel whose
    centre it contains is full; with more, it has the value of the nearest input voxel."""
    n = full.shape[axis]
    if count >= n:
        nearest = np.minimum(((np.arange(count) + 0.5) * n / count).astype(int), n - 1)
        return np.ascontiguousarray(full.take(nearest, axis))
    first = np.searchsorted((np.arange(n) + 0.5) * count / n, np.arange(count))
    return np.logical_or.reduceat(full, first, axis)
