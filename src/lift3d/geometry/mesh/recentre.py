"""Things far from the origin, as surveys have them: files hold 24 bits of a coordinate, and far away none is left for it."""

from __future__ import annotations

import math

import numpy as np

from lift3d.types import F64

FAR = 1000.0
"""Times the longest side: from there on a thing is brought to the origin before anything is done to it."""


def recentring_shift(points: F64, far: float = FAR) -> F64:
    """(3,) to be taken off points (N, 3): nothing if they lie near, else about their middle, in whole digits of their size."""
    points = np.asarray(points, np.float64)
    kept = points[np.isfinite(points).all(1)]
    if not len(kept):
        return np.zeros(3)
    low, high = kept.min(0), kept.max(0)
    side = float((high - low).max())
    if not side > 0 or max(np.abs(low).max(), np.abs(high).max()) <= far * side:
        return np.zeros(3)
    digit = 10.0 ** math.floor(math.log10(side))
    return np.asarray(np.round((low + high) / 2 / digit) * digit)


def describe_shift(shift: F64) -> list[str]:
    """A line for the user, if there was a shift."""
    if not shift.any():
        return []
    where = ", ".join(f"{x:.10g}" for x in shift)
    return [
        f"origin   taken to ({where}): the thing lies too far from 0 for its size; add this to have it in its place"
    ]
