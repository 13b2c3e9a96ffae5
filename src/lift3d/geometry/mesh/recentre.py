"""Recentring of geometry far from the origin, as surveys produce it, where float32 coordinates lose the detail."""

from __future__ import annotations

import math

import numpy as np

from lift3d.types import F64

FAR = 1000.0
"""Distance from the origin, in longest sides, beyond which geometry is moved to the origin before processing."""


def recentring_shift(points: F64, far: float = FAR) -> F64:
    """(3,) translation to subtract from points (N, 3): zero if they lie near the origin, else their centre.

    The centre is rounded to the leading decimal place of the longest side. Points that are not finite are ignored.
    """
    points = np.asarray(points, np.float64)
    finite = points[np.isfinite(points).all(1)]
    if not len(finite):
        return np.zeros(3)
    low, high = finite.min(0), finite.max(0)
    side = float((high - low).max())
    if not side > 0 or max(np.abs(low).max(), np.abs(high).max()) <= far * side:
        return np.zeros(3)
    digit = 10.0 ** math.floor(math.log10(side))
    return np.asarray(np.round((low + high) / 2 / digit) * digit)
