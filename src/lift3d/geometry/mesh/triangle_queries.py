"""Kernels of one triangle: its closest point, and its intersection with a ray."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True)
def closest_on_triangle(t: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The point (x, y, z) of triangle t (3, 3) that is closest to a point, by Voronoi regions (Ericson 2005, section
    5.1.5)."""
    ax, ay, az = t[0, 0], t[0, 1], t[0, 2]
    ux, uy, uz = t[1, 0] - ax, t[1, 1] - ay, t[1, 2] - az
    wx, wy, wz = t[2, 0] - ax, t[2, 1] - ay, t[2, 2] - az
    px, py, pz = x - ax, y - ay, z - az
    d1, d2 = ux * px + uy * py + uz * pz, wx * px + wy * py + wz * pz
    if d1 <= 0 and d2 <= 0:
        return ax, ay, az
    uu, uw, ww = ux * ux + uy * uy + uz * uz, ux * wx + uy * wy + uz * wz, wx * wx + wy * wy + wz * wz
    d3, d4 = d1 - uu, d2 - uw
    if d3 >= 0 and d4 <= d3:
        return t[1, 0], t[1, 1], t[1, 2]
    d5, d6 = d1 - uw, d2 - ww
    if d6 >= 0 and d5 <= d6:
        return t[2, 0], t[2, 1], t[2, 2]
    vc = d1 * d4 - d3 * d2
    if vc <= 0 and d1 >= 0 and d3 <= 0:
        s = d1 / (d1 - d3)
        return ax + s * ux, ay + s * uy, az + s * uz
    vb = d5 * d2 - d1 * d6
    if vb <= 0 and d2 >= 0 and d6 <= 0:
        s = d2 / (d2 - d6)
        return ax + s * wx, ay + s * wy, az + s * wz
    va = d3 * d6 - d5 * d4
    if va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        s = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return ax + ux + s * (wx - ux), ay + uy + s * (wy - uy), az + uz + s * (wz - uz)
    total = va + vb + vc
    s, r = vb / total, vc / total
    return ax + s * ux + r * wx, ay + s * uy + r * wy, az + s * uz + r * wz


@njit(cache=True)
def ray_triangle(
    t: Any, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> tuple[float, float, float]:
    """(t, b, c) of the line origin + t direction and triangle t (3, 3), with the barycentric coordinates b, c of
    corners 1 and 2.

    t is nan where the line misses the triangle or is parallel to it (Moeller & Trumbore 1997).
    """
    ux, uy, uz = t[1, 0] - t[0, 0], t[1, 1] - t[0, 1], t[1, 2] - t[0, 2]
    wx, wy, wz = t[2, 0] - t[0, 0], t[2, 1] - t[0, 1], t[2, 2] - t[0, 2]
    px, py, pz = dy * wz - dz * wy, dz * wx - dx * wz, dx * wy - dy * wx
    det = ux * px + uy * py + uz * pz
    if det == 0:
        return np.nan, 0.0, 0.0
    sx, sy, sz = ox - t[0, 0], oy - t[0, 1], oz - t[0, 2]
    b = (sx * px + sy * py + sz * pz) / det
    qx, qy, qz = sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux
    c = (dx * qx + dy * qy + dz * qz) / det
    if b < 0 or c < 0 or b + c > 1:
        return np.nan, b, c
    return (wx * qx + wy * qy + wz * qz) / det, b, c
