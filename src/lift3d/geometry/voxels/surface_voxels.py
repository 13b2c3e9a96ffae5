"""Voxels that a surface touches, by the separating axis test of a triangle and a box.

A triangle and a box are disjoint if and only if their projections on one of 13 axes are: the three of the box, the
normal of the triangle, and the nine cross products of their edges (Akenine-Moeller, "Fast 3D triangle-box overlap
testing", 2001).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.types import F64


def touched_mask(
    v: F64, f: NDArray[np.integer], origin: F64, step: float, shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """(X, Y, Z) bool: whether the surface touches the cube of side `step` around origin + step * (i, j, k).

    v (V, 3) finite, f (F, 3); parts outside the grid are ignored.
    """
    index_coordinates = (np.asarray(v, np.float64) - origin) / step
    out = np.zeros(shape, np.bool_)
    _mark(index_coordinates, np.asarray(f, np.int32).reshape(-1, 3), out)
    return out


@njit(cache=True)
def _mark(p: Any, f: Any, out: Any) -> None:
    """Mark the touched voxels of out; p (V, 3) in index coordinates."""
    low, high, e, n = np.empty(3, np.int64), np.empty(3, np.int64), np.empty((3, 3)), np.empty(3)
    t, d = np.empty((3, 3)), np.empty((3, 3))
    for i in range(len(f)):
        for k in range(3):
            for c in range(3):
                t[c, k] = p[f[i, c], k]
            low[k] = max(int(np.ceil(min(t[0, k], t[1, k], t[2, k]) - 0.5)), 0)
            high[k] = min(int(np.floor(max(t[0, k], t[1, k], t[2, k]) + 0.5)), out.shape[k] - 1)
        for k in range(3):
            e[0, k], e[1, k], e[2, k] = t[1, k] - t[0, k], t[2, k] - t[1, k], t[0, k] - t[2, k]
        for k in range(3):
            a, b = (k + 1) % 3, (k + 2) % 3
            n[k] = e[0, a] * e[1, b] - e[0, b] * e[1, a]
        half = 0.5 * (abs(n[0]) + abs(n[1]) + abs(n[2]))
        for x in range(low[0], high[0] + 1):
            for y in range(low[1], high[1] + 1):
                for z in range(low[2], high[2] + 1):
                    if out[x, y, z]:
                        continue
                    for c in range(3):
                        d[c, 0], d[c, 1], d[c, 2] = t[c, 0] - x, t[c, 1] - y, t[c, 2] - z
                    if abs(n[0] * d[0, 0] + n[1] * d[0, 1] + n[2] * d[0, 2]) > half:
                        continue
                    out[x, y, z] = not _separated(d, e)


@njit(cache=True)
def _separated(d: Any, e: Any) -> bool:
    """True if the cross product of an edge (rows of e) and an axis separates triangle d (3, 3) from the unit cube
    around 0."""
    for c in range(3):
        for k in range(3):
            a, b = (k + 1) % 3, (k + 2) % 3
            half = 0.5 * (abs(e[c, a]) + abs(e[c, b]))
            low, high = np.inf, -np.inf
            for m in range(3):
                s = e[c, a] * d[m, b] - e[c, b] * d[m, a]
                low, high = min(low, s), max(high, s)
            if low > half or high < -half:
                return True
    return False
