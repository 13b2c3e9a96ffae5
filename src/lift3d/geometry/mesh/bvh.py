"""Bounding volume hierarchy over triangles: closest points, rays and box overlaps.

The tree is complete and has no pointers: node 0 is the root, node i has children 2 i + 1 and 2 i + 2, and
node k of level d covers the entries [(n k) >> d, (n (k + 1)) >> d) of the sorted triangles. Each level halves
its ranges at the median centroid along their longest axis. Construction is deterministic. The queries are numba
functions on the arrays of the tree, so that other kernels can call them:

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

from lift3d.geometry.mesh.triangle_queries import closest_on_triangle, ray_triangle
from lift3d.types import F64

LEAF = 4
"""Most triangles in a leaf."""
_STACK = 64


class Bvh(NamedTuple):
    """Tree over F triangles with N = 2^(levels + 1) - 1 nodes.

    tri (F, 3, 3) float64: corners in tree order. face (F,) int32: index of each triangle in the mesh.
    box (N, 6) float64: bounds of the nodes, lowest x y z, then highest x y z.
    """

    tri: F64
    face: NDArray[np.int32]
    box: F64


def build_bvh(v: F64, f: NDArray[np.int32]) -> Bvh:
    """The tree over the triangles of a mesh: v (V, 3) finite, f (F, 3)."""
    corners = np.ascontiguousarray(v, np.float64)[np.asarray(f)].reshape(-1, 3, 3)
    n = len(corners)
    levels = 0
    while n > LEAF << levels:
        levels += 1
    order = np.arange(n, dtype=np.int32)
    centroid_sum = corners.sum(1)
    for level in range(levels):
        _halve(centroid_sum, order, level)
    tri = np.ascontiguousarray(corners[order])
    box = np.empty((2 ** (levels + 1) - 1, 6))
    _bound(tri, box, levels)
    return Bvh(tri, order, box)


@njit(cache=True)
def _select(key: Any, order: Any, lo: int, hi: int, median: int) -> None:
    """Hoare's quickselect: permute order[lo:hi] so that no key before position `median` exceeds one behind it."""
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
        if median <= j:
            hi = j
        elif median >= i:
            lo = i
        else:
            return


@njit(cache=True, parallel=True)
def _halve(centroid_sum: Any, order: Any, level: int) -> None:
    """Partition every range of this level at its median centroid along its longest axis."""
    n = len(order)
    for k in prange(1 << level):
        lo, hi = (n * k) >> level, (n * (k + 1)) >> level
        median = (n * (2 * k + 1)) >> (level + 1)
        best, axis = -1.0, 0
        for a in range(3):
            low, high = np.inf, -np.inf
            for i in range(lo, hi):
                x = centroid_sum[order[i], a]
                low = min(low, x)
                high = max(high, x)
            if high - low > best:
                best, axis = high - low, a
        _select(centroid_sum[:, axis], order, lo, hi, median)


@njit(cache=True, parallel=True)
def _bound(tri: Any, box: Any, levels: int) -> None:
    """Bounds of the leaves, then of their ancestors."""
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
    """[lo, hi) of the sorted triangles in a leaf. A node is a leaf if node >= n_nodes >> 1; n: number of
    triangles."""
    leaves = (n_nodes + 1) >> 1
    k = node - leaves + 1
    return (n * k) // leaves, (n * (k + 1)) // leaves


@njit(cache=True)
def _box_distance2(box: Any, i: int, x: float, y: float, z: float) -> float:
    """Squared distance of a point from box i, 0 inside."""
    dx = max(box[i, 0] - x, 0.0, x - box[i, 3])
    dy = max(box[i, 1] - y, 0.0, y - box[i, 4])
    dz = max(box[i, 2] - z, 0.0, z - box[i, 5])
    return dx * dx + dy * dy + dz * dz


@njit(cache=True)
def closest_point(
    tri: Any, face: Any, box: Any, x: float, y: float, z: float, max_d2: float
) -> tuple[float, int, float, float, float]:
    """(squared distance, face, x, y, z) of the closest point within sqrt(max_d2) of (x, y, z).

    The face is -1, the squared distance max_d2 and the point the query itself if there is none.
    """
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
    """Ray parameter at which the ray enters box i, inf if it misses (slab test; i*: inverse direction)."""
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
    """(t, face, b, c) of the first hit of origin + t direction with t in (t_min, t_max), front or back side.

    b, c: barycentric coordinates of corners 1 and 2. Without a hit the face is -1 and t is t_max.
    """
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
def overlapping_triangles(
    face: Any, box: Any, lx: float, ly: float, lz: float, hx: float, hy: float, hz: float, found: Any
) -> int:
    """Write the triangles of every leaf whose box meets the closed query box into found, as indices into tree.tri.

    Returns their number, which may exceed len(found); only the first len(found) are written.
    """
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
