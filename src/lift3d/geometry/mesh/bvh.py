"""A bounding volume hierarchy over triangles, for closest points, rays and box overlaps.

The tree is complete and has no pointers: node 0 is the root, node i has children 2 i + 1 and 2 i + 2, and
node k of level d covers the entries [(n k) >> d, (n (k + 1)) >> d) of the sorted triangles. Each level halves
its ranges at the median centroid of their longest axis. Built and searched by numba; deterministic.
The searches are plain numba functions on the arrays, to be called from other kernels:

    tree = build(v, f)
    d2, face, x, y, z = closest_point(tree.tri, tree.face, tree.box, px, py, pz, np.inf)
    t, face, b, c = first_hit(tree.tri, tree.face, tree.box, ox, oy, oz, dx, dy, dz, 0.0, np.inf)
    count = overlapping(tree.face, tree.box, lx, ly, lz, hx, hy, hz, found)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.types import F64

LEAF = 4
_STACK = 64


class Bvh(NamedTuple):
    """tri (F, 3, 3) float64 corners in tree order; face (F,) int32 their numbers in the mesh;
    box (N, 6) float64 node bounds (low xyz, high xyz), N = 2^(levels + 1) - 1."""

    tri: F64
    face: NDArray[np.int32]
    box: F64


def build_bvh(v: F64, f: NDArray[np.int32]) -> Bvh:
    """Tree over the triangles of a mesh: v (V, 3) finite, f (F, 3)."""
    corners = np.ascontiguousarray(v, np.float64)[np.asarray(f)].reshape(-1, 3, 3)
    n = len(corners)
    levels = 0
    while n > LEAF << levels:
        levels += 1
    order = np.arange(n, dtype=np.int32)
    centre = corners.sum(1)
    for level in range(levels):
        _halve(centre, order, level)
    tri = np.ascontiguousarray(corners[order])
    box = np.empty((2 ** (levels + 1) - 1, 6))
    _bound(tri, box, levels)
    return Bvh(tri, order, box)


@njit(cache=True)
def _select(key: Any, order: Any, lo: int, hi: int, middle: int) -> None:
    """Hoare's quickselect: arrange order[lo:hi] so that keys before `middle` are not above those after."""
    hi -= 1
    while lo < hi:
        pivot = key[order[(lo + hi) >> 1]]
        i, j = lo, hi
        while i <= j:
            while key[order[i]] < pivot:
                i += 1
            while key[order[j]] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            hi = j
        elif middle >= i:
            lo = i
        else:
            return


@njit(cache=True, parallel=True)
def _halve(centre: Any, order: Any, level: int) -> None:
    """Split every range of this level at its median along its longest axis."""
    n = len(order)
    for k in prange(1 << level):
        lo, hi = (n * k) >> level, (n * (k + 1)) >> level
        middle = (n * (2 * k + 1)) >> (level + 1)
        best, axis = -1.0, 0
        for a in range(3):
            low, high = np.inf, -np.inf
            for i in range(lo, hi):
                x = centre[order[i], a]
                low = min(low, x)
                high = max(high, x)
            if high - low > best:
                best, axis = high - low, a
        _select(centre[:, axis], order, lo, hi, middle)


@njit(cache=True, parallel=True)
def _bound(tri: Any, box: Any, levels: int) -> None:
    """Boxes of the leaves, then of their parents."""
    n = len(tri)
    first = (1 << levels) - 1
    for k in prange(1 << levels):
        for a in range(3):
            low, high = np.inf, -np.inf
            for i in range((n * k) >> levels, (n * (k + 1)) >> levels):
                for c in range(3):
                    low = min(low, tri[i, c, a])
                    high = max(high, tri[i, c, a])
            box[first + k, a] = low
            box[first + k, 3 + a] = high
    for i in range(first - 1, -1, -1):
        for a in range(3):
            box[i, a] = min(box[2 * i + 1, a], box[2 * i + 2, a])
            box[i, 3 + a] = max(box[2 * i + 1, 3 + a], box[2 * i + 2, 3 + a])


@njit(cache=True)
def leaf_range(node: int, n_nodes: int, n: int) -> tuple[int, int]:
    """[lo, hi) of the sorted triangles in a leaf; node >= n_nodes >> 1 tells that it is one."""
    leaves = (n_nodes + 1) >> 1
    k = node - leaves + 1
    return (n * k) // leaves, (n * (k + 1)) // leaves


@njit(cache=True)
def _box_distance2(box: Any, i: int, x: float, y: float, z: float) -> float:
    dx = max(box[i, 0] - x, 0.0, x - box[i, 3])
    dy = max(box[i, 1] - y, 0.0, y - box[i, 4])
    dz = max(box[i, 2] - z, 0.0, z - box[i, 5])
    return dx * dx + dy * dy + dz * dz


@njit(cache=True)
def closest_on_triangle(t: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The point of triangle t (3, 3) nearest to (x, y, z), by Voronoi regions (Ericson 2005, 5.1.5)."""
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
def closest_point(
    tri: Any, face: Any, box: Any, x: float, y: float, z: float, max_d2: float
) -> tuple[float, int, float, float, float]:
    """(squared distance, face, point) nearest to (x, y, z) within sqrt(max_d2); face is -1 if none is."""
    best, found = max_d2, -1
    bx, by, bz = x, y, z
    if len(face) == 0:
        return best, found, bx, by, bz
    stack = np.empty(_STACK, np.int64)
    away = np.empty(_STACK, np.float64)
    stack[0], away[0], top = 0, _box_distance2(box, 0, x, y, z), 1
    inner = len(box) >> 1
    while top:
        top -= 1
        node = stack[top]
        if away[top] > best or (away[top] == best and found >= 0):
            continue
        if node >= inner:
            lo, hi = leaf_range(node, len(box), len(face))
            for i in range(lo, hi):
                px, py, pz = closest_on_triangle(tri[i], x, y, z)
                d2 = (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2
                if d2 < best or (d2 == best and found < 0):
                    best, found = d2, face[i]
                    bx, by, bz = px, py, pz
            continue
        near, far = 2 * node + 1, 2 * node + 2
        dn, df = _box_distance2(box, near, x, y, z), _box_distance2(box, far, x, y, z)
        if df < dn:
            near, far, dn, df = far, near, df, dn
        stack[top], away[top] = far, df
        stack[top + 1], away[top + 1] = near, dn
        top += 2
    return best, found, bx, by, bz


@njit(cache=True)
def _box_entry(
    box: Any, i: int, ox: float, oy: float, oz: float, ix: float, iy: float, iz: float, t0: float, t1: float
) -> float:
    """Ray parameter at which box i is entered, inf if it is missed (slabs; i* are inverse directions)."""
    for a in range(3):
        o, inverse = (ox, ix) if a == 0 else ((oy, iy) if a == 1 else (oz, iz))
        if np.isinf(inverse):
            if o < box[i, a] or o > box[i, 3 + a]:
                return np.inf
            continue
        near, far = (box[i, a] - o) * inverse, (box[i, 3 + a] - o) * inverse
        if near > far:
            near, far = far, near
        t0, t1 = max(t0, near * (1 - 1e-12)), min(t1, far * (1 + 1e-12))
    return t0 if t0 <= t1 else np.inf


@njit(cache=True)
def first_hit(
    tri: Any, face: Any, box: Any,
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, t_min: float, t_max: float,
) -> tuple[float, int, float, float]:  # fmt: skip
    """First hit of origin + t direction, t in (t_min, t_max): (t, face, b, c) with barycentrics of corners
    1 and 2; face is -1 and t is t_max if there is none (Moeller & Trumbore 1997; both sides are hit)."""
    best, found, bb, bc = t_max, -1, 0.0, 0.0
    if len(face) == 0:
        return best, found, bb, bc
    ix = 1.0 / dx if dx != 0 else np.inf
    iy = 1.0 / dy if dy != 0 else np.inf
    iz = 1.0 / dz if dz != 0 else np.inf
    stack = np.empty(_STACK, np.int64)
    entry = np.empty(_STACK, np.float64)
    stack[0], entry[0], top = 0, _box_entry(box, 0, ox, oy, oz, ix, iy, iz, t_min, best), 1
    inner = len(box) >> 1
    while top:
        top -= 1
        node = stack[top]
        if entry[top] > best or np.isinf(entry[top]):
            continue
        if node >= inner:
            lo, hi = leaf_range(node, len(box), len(face))
            for i in range(lo, hi):
                t, b, c = ray_triangle(tri[i], ox, oy, oz, dx, dy, dz)
                if t > t_min and t < best:
                    best, found, bb, bc = t, face[i], b, c
            continue
        near, far = 2 * node + 1, 2 * node + 2
        tn = _box_entry(box, near, ox, oy, oz, ix, iy, iz, t_min, best)
        tf = _box_entry(box, far, ox, oy, oz, ix, iy, iz, t_min, best)
        if tf < tn:
            near, far, tn, tf = far, near, tf, tn
        stack[top], entry[top] = far, tf
        stack[top + 1], entry[top + 1] = near, tn
        top += 2
    return best, found, bb, bc


@njit(cache=True)
def ray_triangle(
    t: Any, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> tuple[float, float, float]:
    """(ray parameter, b, c); the parameter is nan if the ray's line misses the triangle or is parallel."""
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


@njit(cache=True)
def overlapping_triangles(
    face: Any, box: Any, lx: float, ly: float, lz: float, hx: float, hy: float, hz: float, found: Any
) -> int:
    """Sorted triangle numbers (index into tree.tri and tree.face) of every leaf whose box meets the query box
    (closed) go into found (int array); returns how many there are, which may exceed what found could hold."""
    count = 0
    if len(face) == 0:
        return count
    stack = np.empty(_STACK, np.int64)
    stack[0], top = 0, 1
    inner = len(box) >> 1
    while top:
        top -= 1
        node = stack[top]
        if box[node, 0] > hx or box[node, 1] > hy or box[node, 2] > hz:
            continue
        if box[node, 3] < lx or box[node, 4] < ly or box[node, 5] < lz:
            continue
        if node < inner:
            stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
            top += 2
            continue
        lo, hi = leaf_range(node, len(box), len(face))
        for i in range(lo, hi):
            if count < len(found):
                found[count] = i
            count += 1
    return count
