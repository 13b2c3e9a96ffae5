"""Cells of a grid that a surface crosses: the exact test of a triangle against a box.

A triangle and a box are apart if and only if their shadows on one of 13 axes are: the box's three, the triangle's
normal, and the nine products of their edges (Akenine-Moeller, "Fast 3D triangle-box overlap testing", 2001).
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
    """(X, Y, Z) bool: does the surface touch the cubic cell of side `step` around origin + step * (i, j, k)?

    v (V, 3) finite, f (F, 3); what lies outside of the grid is not seen.
    """
    places = (np.asarray(v, np.float64) - origin) / step
    out = np.zeros(shape, np.bool_)
    _mark(places, np.asarray(f, np.int32).reshape(-1, 3), out)
    return out


@njit(cache=True)
def _mark(p: Any, f: Any, out: Any) -> None:
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
                    out[x, y, z] = not _apart(d, e)


@njit(cache=True)
def _apart(d: Any, e: Any) -> bool:
    """Is a product of an edge (rows of e) and an axis a direction in which the triangle d (3, 3; around the origin)
    and the unit cube leave a gap?"""
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
