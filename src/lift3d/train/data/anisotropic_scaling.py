"""A shape in other proportions: there are few of most kinds, and a longer table is a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.voxels.canonical_frame import CUBE_SIDE, RESOLUTION

B1 = NDArray[np.bool_]
MOST = 0.25
"""The natural logarithm of a length changes by as much at most."""


def random_stretch(full: B1, rng: np.random.Generator, most: float = MOST) -> B1:
    """(64, 64, 64) cells of the upright frame (geometry/voxels/canonical_frame.py), each axis scaled by exp of a
    number within +-most, and
    the whole so that its longest side is 1 again and it stands where things stand. What is thin never vanishes: a cell is full
    where any of those that fall into it is."""
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
    """With `count` cells along one axis: each is full where any cell is whose middle falls into it, or, between middles, the
    nearest."""
    n = full.shape[axis]
    if count >= n:
        nearest = np.minimum(((np.arange(count) + 0.5) * n / count).astype(int), n - 1)
        return np.ascontiguousarray(full.take(nearest, axis))
    first = np.searchsorted((np.arange(n) + 0.5) * count / n, np.arange(count))
    return np.logical_or.reduceat(full, first, axis)
