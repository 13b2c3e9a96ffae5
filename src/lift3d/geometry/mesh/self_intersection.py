"""Self-intersections: pairs of faces that meet outside their shared vertex or edge; exact for float32 vertices.

Two triangles meet if an edge of one meets the other (closed sets); an edge meets a triangle if its ends lie on
different sides of the plane (or on it) and the edge passes the three sides in one sense (Guigue & Devillers, "Fast
and robust triangle-triangle overlap test using orientation predicates", 2003). Coplanar pairs are tested in a
coordinate projection in which the triangle has area. Faces that share a vertex intersect if the edge opposite to it,
of either face, meets the other face; faces that share an edge intersect only if one is folded onto the other.
Candidate pairs come from the bounding volume hierarchy, leaf against leaf.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.bvh import build_bvh, leaf_range, overlapping_triangles
from lift3d.geometry.mesh.exact_predicates import common_step, degenerate, orient2d, orient3d
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.types import F64

_BLOCK = 8192


def self_intersections(v: F64, f: NDArray[np.int32], limit: int = 1000) -> NDArray[np.int32]:
    """Pairs (K, 2) int32 of faces that intersect other than in their shared vertex or edge, K <= limit.

    v (V, 3) is rounded to float32 and merged by position before the test; f (F, 3). Contacts count: a vertex that
    touches another face, coplanar overlap, a face folded onto its neighbour, a duplicate face. Faces without area are
    left out (see `degenerate_faces`). Each pair is (low, high); the rows are sorted. Raises InputError for vertices
    that are not finite.
    """
    p, row = weld_exact(v)
    f = row[np.asarray(f, np.int64)].astype(np.int32).reshape(-1, 3)
    if not np.isfinite(p[f]).all():
        raise InputError("the mesh has vertices that are not finite", "remove them first")
    if len(f) < 2:
        return np.zeros((0, 2), np.int32)
    step = common_step(p)
    flat = np.zeros(len(f), np.bool_)
    _flat_faces(p, f, step, flat)
    tree = build_bvh(p, f)
    leaves = (len(tree.box) + 1) // 2
    pairs = np.empty((limit, 2), np.int32)
    n = 0
    for first in range(0, leaves, _BLOCK):
        count = np.zeros(min(_BLOCK, leaves - first), np.int32)
        _count(p, f, flat, step, tree.tri, tree.face, tree.box, first, limit, count)
        for leaf in np.flatnonzero(count):
            n = _collect(p, f, flat, step, tree.tri, tree.face, tree.box, first + leaf, pairs, n)
        if n >= limit:
            break
    pairs = np.sort(pairs[:n], 1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def degenerate_faces(v: F64, f: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(F,) True for faces whose area is exactly zero on float32 vertices, or with a corner that is not finite."""
    with np.errstate(over="ignore"):
        p = np.asarray(v, np.float32).astype(np.float64)
    f = np.ascontiguousarray(f, np.int32).reshape(-1, 3)
    flat = np.zeros(len(f), np.bool_)
    bad = np.array(~np.isfinite(p)).any(axis=1).reshape(-1)
    _flat_faces(np.where(bad[:, None], 0.0, p), f, common_step(p[~bad]), flat)
    return flat | bad[f].any(1)


@njit(cache=True, parallel=True)
def _flat_faces(p: Any, f: Any, step: float, flat: Any) -> None:
    """Mark faces without area in flat (F,)."""
    for i in prange(len(f)):
        flat[i] = degenerate(p[f[i, 0]], p[f[i, 1]], p[f[i, 2]], step)


@njit(cache=True, nogil=True)
def _inside2d(x: Any, a: Any, b: Any, c: Any, p: int, q: int, step: float) -> bool:
    """True if x lies in the closed triangle abc (not degenerate) in the plane of coordinates p, q."""
    s, t, u = orient2d(a, b, x, p, q, step), orient2d(b, c, x, p, q, step), orient2d(c, a, x, p, q, step)
    return (s >= 0 and t >= 0 and u >= 0) or (s <= 0 and t <= 0 and u <= 0)


@njit(cache=True, nogil=True)
def _segments2d(a: Any, b: Any, c: Any, d: Any, p: int, q: int, step: float) -> bool:
    """True if the closed segments ab and cd cross; `_inside2d` covers contact at an end point."""
    s, t = orient2d(a, b, c, p, q, step), orient2d(a, b, d, p, q, step)
    if s == t:
        return False
    u, w = orient2d(c, d, a, p, q, step), orient2d(c, d, b, p, q, step)
    return u != w and s * t <= 0 and u * w <= 0


@njit(cache=True, nogil=True)
def _segment_triangle(x: Any, y: Any, a: Any, b: Any, c: Any, ox: int, oy: int, step: float) -> bool:
    """True if the closed segment xy meets the closed triangle abc; ox, oy: sides of x and y of its plane."""
    if ox * oy > 0:
        return False
    if ox == 0 and oy == 0:
        axis = 0
        while axis < 2 and orient2d(a, b, c, (axis + 1) % 3, (axis + 2) % 3, step) == 0:
            axis += 1
        p, q = (axis + 1) % 3, (axis + 2) % 3
        return (
            _inside2d(x, a, b, c, p, q, step)
            or _inside2d(y, a, b, c, p, q, step)
            or _segments2d(x, y, a, b, p, q, step)
            or _segments2d(x, y, b, c, p, q, step)
            or _segments2d(x, y, c, a, p, q, step)
        )
    s = orient3d(x, y, a, b, step)
    t = orient3d(x, y, b, c, step)
    if s * t < 0:
        return False
    u = orient3d(x, y, c, a, step)
    return s * u >= 0 and t * u >= 0


@njit(cache=True, nogil=True)
def triangles_meet(p: Any, f: Any, i: int, j: int, step: float) -> bool:
    """True if faces i and j, neither degenerate, intersect outside their shared vertices; p (V, 3): welded
    positions."""
    shared = 0
    ki, kj = 0, 0  # sums of the indices of the shared corners, in i and in j
    for s in range(3):
        for t in range(3):
            if f[i, s] == f[j, t]:
                shared += 1
                ki += s
                kj += t
    if shared == 3:
        return True
    if shared == 2:
        m, n = 3 - ki, 3 - kj
        a, b, c, d = p[f[i, (m + 1) % 3]], p[f[i, (m + 2) % 3]], p[f[i, m]], p[f[j, n]]
        if orient3d(a, b, c, d, step) != 0:
            return False
        axis = 0
        while axis < 2 and orient2d(a, b, c, (axis + 1) % 3, (axis + 2) % 3, step) == 0:
            axis += 1
        u, w = (axis + 1) % 3, (axis + 2) % 3
        return orient2d(a, b, c, u, w, step) * orient2d(a, b, d, u, w, step) > 0
    if shared == 1:
        a, b, c = p[f[i, ki]], p[f[i, (ki + 1) % 3]], p[f[i, (ki + 2) % 3]]
        d, e = p[f[j, (kj + 1) % 3]], p[f[j, (kj + 2) % 3]]
        od, oe = orient3d(a, b, c, d, step), orient3d(a, b, c, e, step)
        if od * oe > 0:
            return False
        if _segment_triangle(d, e, a, b, c, od, oe, step):
            return True
        ob, oc = orient3d(a, d, e, b, step), orient3d(a, d, e, c, step)
        return _segment_triangle(b, c, a, d, e, ob, oc, step)
    a, b, c = p[f[i, 0]], p[f[i, 1]], p[f[i, 2]]
    d, e, g = p[f[j, 0]], p[f[j, 1]], p[f[j, 2]]
    od, oe, og = orient3d(a, b, c, d, step), orient3d(a, b, c, e, step), orient3d(a, b, c, g, step)
    if (od > 0 and oe > 0 and og > 0) or (od < 0 and oe < 0 and og < 0):
        return False
    oa, ob, oc = orient3d(d, e, g, a, step), orient3d(d, e, g, b, step), orient3d(d, e, g, c, step)
    if (oa > 0 and ob > 0 and oc > 0) or (oa < 0 and ob < 0 and oc < 0):
        return False
    return (
        _segment_triangle(d, e, a, b, c, od, oe, step)
        or _segment_triangle(e, g, a, b, c, oe, og, step)
        or _segment_triangle(g, d, a, b, c, og, od, step)
        or _segment_triangle(a, b, d, e, g, oa, ob, step)
        or _segment_triangle(b, c, d, e, g, ob, oc, step)
        or _segment_triangle(c, a, d, e, g, oc, oa, step)
    )


@njit(cache=True, nogil=True)
def _boxes_meet(s: Any, t: Any) -> bool:
    """True if the bounding boxes of triangles s and t (3, 3) meet."""
    for a in range(3):
        if max(s[0, a], s[1, a], s[2, a]) < min(t[0, a], t[1, a], t[2, a]):
            return False
        if max(t[0, a], t[1, a], t[2, a]) < min(s[0, a], s[1, a], s[2, a]):
            return False
    return True


@njit(cache=True, nogil=True)
def _collect(
    p: Any, f: Any, flat: Any, step: float, tri: Any, face: Any, box: Any, leaf: int, pairs: Any, n: int
) -> int:
    """Append the intersecting pairs whose lower sorted index lies in this leaf to pairs[n:] while there is room."""
    leaves = (len(box) + 1) >> 1
    node = leaves - 1 + leaf
    lo, hi = leaf_range(node, len(box), len(face))
    b = box[node]
    found = np.empty(512, np.int64)
    m = overlapping_triangles(face, box, b[0], b[1], b[2], b[3], b[4], b[5], found)
    if m > len(found):
        found = np.empty(m, np.int64)
        overlapping_triangles(face, box, b[0], b[1], b[2], b[3], b[4], b[5], found)
    for i in range(lo, hi):
        if flat[face[i]]:
            continue
        for k in range(m):
            j = found[k]
            if j <= i or flat[face[j]] or not _boxes_meet(tri[i], tri[j]):
                continue
            if n < len(pairs) and triangles_meet(p, f, face[i], face[j], step):
                pairs[n, 0], pairs[n, 1] = face[i], face[j]
                n += 1
    return n


@njit(cache=True, parallel=True)
def _count(
    p: Any, f: Any, flat: Any, step: float, tri: Any, face: Any, box: Any, first: int, limit: int, count: Any
) -> None:
    """Set count to 1 for every leaf of the block that owns an intersecting pair."""
    for leaf in prange(len(count)):
        one = np.empty((1, 2), np.int32)
        count[leaf] = _collect(p, f, flat, step, tri, face, box, first + leaf, one, 0)
