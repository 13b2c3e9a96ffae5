"""Closest points, even samples and Hausdorff distance of triangle meshes.

Closest point on a triangle by its Voronoi regions: Ericson, Real-Time Collision Detection (2005), 5.1.5.
Hausdorff: max over both directions of max_a min_b |a - b|, with a taken from samples and all vertices of
one mesh and b exact on the other (Cignoni et al. 1998, Metro).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.geometry.triangle_tree import TriangleTree, build_tree
from lift3d.types import F64


@njit(cache=True, inline="never")
def _closest_on_triangle(t, px, py, pz, out):  # type: ignore[no-untyped-def]
    """Writes the closest point to out[:3]; returns the squared distance. t (3, 3)."""
    abx, aby, abz = t[1, 0] - t[0, 0], t[1, 1] - t[0, 1], t[1, 2] - t[0, 2]
    acx, acy, acz = t[2, 0] - t[0, 0], t[2, 1] - t[0, 1], t[2, 2] - t[0, 2]
    apx, apy, apz = px - t[0, 0], py - t[0, 1], pz - t[0, 2]
    d1 = abx * apx + aby * apy + abz * apz
    d2 = acx * apx + acy * apy + acz * apz
    bpx, bpy, bpz = px - t[1, 0], py - t[1, 1], pz - t[1, 2]
    d3 = abx * bpx + aby * bpy + abz * bpz
    d4 = acx * bpx + acy * bpy + acz * bpz
    cpx, cpy, cpz = px - t[2, 0], py - t[2, 1], pz - t[2, 2]
    d5 = abx * cpx + aby * cpy + abz * cpz
    d6 = acx * cpx + acy * cpy + acz * cpz
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    v = 0.0
    w = 0.0
    if d1 <= 0.0 and d2 <= 0.0:
        pass
    elif d3 >= 0.0 and d4 <= d3:
        v = 1.0
    elif d6 >= 0.0 and d5 <= d6:
        w = 1.0
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v = d1 / (d1 - d3) if d1 != d3 else 0.0
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / (d2 - d6) if d2 != d6 else 0.0
    elif va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        s = (d4 - d3) + (d5 - d6)
        w = (d4 - d3) / s if s > 0.0 else 0.0
        v = 1.0 - w
    else:
        s = va + vb + vc
        if s > 0.0:
            v, w = vb / s, vc / s
    out[0] = t[0, 0] + v * abx + w * acx
    out[1] = t[0, 1] + v * aby + w * acy
    out[2] = t[0, 2] + v * abz + w * acz
    dx, dy, dz = px - out[0], py - out[1], pz - out[2]
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, inline="never")
def _box_distance(box, px, py, pz):  # type: ignore[no-untyped-def]
    dx = max(box[0] - px, 0.0, px - box[3])
    dy = max(box[1] - py, 0.0, py - box[4])
    dz = max(box[2] - pz, 0.0, pz - box[5])
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, parallel=True)
def _closest(corners, starts, boxes, queries, limit, points, squared, rows):  # type: ignore[no-untyped-def]
    inner = len(starts) - 2  # nodes below this index have children
    for i in prange(len(queries)):
        stack = np.empty(128, np.int64)
        near = np.empty(128)
        q = np.empty(3)
        px, py, pz = queries[i, 0], queries[i, 1], queries[i, 2]
        best, row = limit * limit, -1
        stack[0] = 0
        near[0] = _box_distance(boxes[0], px, py, pz)
        top = 1
        while top > 0:
            top -= 1
            if near[top] >= best:
                continue
            node = stack[top]
            if node >= inner:
                leaf = node - inner
                for k in range(starts[leaf], starts[leaf + 1]):
                    d = _closest_on_triangle(corners[k], px, py, pz, q)
                    if d < best:
                        best, row = d, k
                        points[i, 0], points[i, 1], points[i, 2] = q[0], q[1], q[2]
                continue
            a, b = 2 * node + 1, 2 * node + 2
            da, db = _box_distance(boxes[a], px, py, pz), _box_distance(boxes[b], px, py, pz)
            if da < db:
                a, b, da, db = b, a, db, da
            stack[top], near[top] = a, da
            stack[top + 1], near[top + 1] = b, db
            top += 2
        squared[i], rows[i] = best, row


def closest_in_tree(
    tree: TriangleTree, queries: F64, limit: float = math.inf
) -> tuple[F64, F64, NDArray[np.int32]]:
    """Closest points (N, 3), distances (N,) and faces (N,). Beyond `limit` the face is -1, the distance the
    limit and the point the query itself."""
    q = np.ascontiguousarray(queries, np.float64)
    points, squared, rows = q.copy(), np.empty(len(q)), np.empty(len(q), np.int64)
    _closest(tree.corners, tree.starts, tree.boxes, q, float(limit), points, squared, rows)
    faces = np.where(rows >= 0, tree.faces[rows], -1).astype(np.int32)
    return points, np.sqrt(squared), faces


def closest_points(
    v: F64, f: NDArray[np.integer], queries: F64, limit: float = math.inf
) -> tuple[F64, F64, NDArray[np.int32]]:
    """For every query (N, 3) the closest point on the mesh (N, 3), its distance (N,) and its face (N,)."""
    return closest_in_tree(build_tree(v, f), queries, limit)


def sample_surface(
    v: F64, f: NDArray[np.integer], n: int, rng: np.random.Generator
) -> tuple[F64, F64, NDArray[np.int32]]:
    """n points (n, 3) evenly distributed over the area, their face normals (n, 3) and faces (n,).

    Stratified: the k-th point falls in the k-th n-th of the summed area, so small samples are even too.
    """
    t = np.asarray(v, np.float64)[np.asarray(f)]
    vector = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    double = np.linalg.norm(vector, axis=1)
    total = np.cumsum(double)
    if len(total) == 0 or not total[-1] > 0:
        raise ValueError("a surface without area cannot be sampled")
    where = (np.arange(n) + rng.random(n)) / n * total[-1]
    faces = np.minimum(np.searchsorted(total, where, side="right"), len(total) - 1)
    r, s = np.sqrt(rng.random((n, 1))), rng.random((n, 1))
    a, b, c = t[faces, 0], t[faces, 1], t[faces, 2]
    points = (1 - r) * a + r * (1 - s) * b + r * s * c
    return points, vector[faces] / np.maximum(double[faces], 1e-300)[:, None], faces.astype(np.int32)


def directed_distances(
    v1: F64, f1: NDArray[np.integer], v2: F64, f2: NDArray[np.integer], samples: int, seed: int = 0
) -> F64:
    """Distances from samples and used vertices of the first mesh to the second surface."""
    points, _, _ = sample_surface(v1, f1, samples, np.random.default_rng(seed))
    corners = np.asarray(v1, np.float64)[np.unique(f1)]
    return closest_points(v2, f2, np.concatenate([points, corners]))[1]


def hausdorff(
    v1: F64, f1: NDArray[np.integer], v2: F64, f2: NDArray[np.integer], samples: int = 20000, seed: int = 0
) -> float:
    """Two-sided Hausdorff distance in the meshes' unit (a lower bound that tightens with `samples`)."""
    there = directed_distances(v1, f1, v2, f2, samples, seed)
    back = directed_distances(v2, f2, v1, f1, samples, seed)
    return float(max(there.max(), back.max()))
