"""Anisotropic scaling of occupancy grids: an augmentation, since most categories have few shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.voxels.canonical_frame import CUBE_SIDE, RESOLUTION

B1 = NDArray[np.bool_]
MOST = 0.25
"""Largest change of the natural logarithm of a side."""


def random_stretch(full: B1, rng: np.random.Generator, most: float = MOST) -> B1:
    """Occupancy (64, 64, 64) of the upright frame (geometry/voxels/canonical_frame.py), each axis scaled by exp(u), u uniform in
    [-most, most]; then scaled so that the longest side is 1 again, centred and put on the ground. Thin parts never vanish: a
    voxel is full where any voxel that falls into it is."""
    factors = np.exp(rng.uniform(-most, most, 3))
    at = np.argwhere(full)
    if not len(at):
        return full.copy()
    low, high = at.min(0), at.max(0) + 1
    sides = (high - low) * factors
    sides *= RESOLUTION / CUBE_SIDE / sides.max()
    out = full[tuple(slice(a, b) for a, b in zip(low, high))]
    places = []
    for axis in range(3):
        count = max(1, round(float(sides[axis])))
        out = scale_axis(out, axis, count)
        room = (RESOLUTION - RESOLUTION / CUBE_SIDE) / 2
        first = round(room) if axis == 2 else round((RESOLUTION - count) / 2)
        places.append(slice(first, first + count))
    whole = np.zeros_like(full)
    whole[tuple(places)] = out
    return whole


def scale_axis(full: B1, axis: int, count: int) -> B1:
    """The grid with `count` voxels along one axis. Fewer: a voxel is full where any voxel is whose centre falls into it;
    more: the
    nearest voxel's value."""
    n = full.shape[axis]
    if count >= n:
        nearest = np.minimum(((np.arange(count) + 0.5) * n / count).astype(int), n - 1)
        return np.ascontiguousarray(full.take(nearest, axis))
    first = np.searchsorted((np.arange(n) + 0.5) * count / n, np.arange(count))
    return np.logical_or.reduceat(full, first, axis)
