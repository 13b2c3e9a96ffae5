"""Closest points, even samples and Hausdorff distance of triangle meshes.

Hausdorff: max over both directions of max_a min_b |a - b|, with a taken from samples and all vertices of
one mesh and b exact on the other (Cignoni et al. 1998, Metro).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.geometry.mesh.bvh import Bvh, build_bvh, closest_point, first_hit
from lift3d.types import F64


@njit(cache=True, parallel=True)
def _closest(
    tri: Any, face: Any, box: Any, queries: Any, limit: float, points: Any, d2: Any, found: Any
) -> None:
    for i in prange(len(queries)):
        d2[i], found[i], points[i, 0], points[i, 1], points[i, 2] = closest_point(
            tri, face, box, queries[i, 0], queries[i, 1], queries[i, 2], limit
        )


@njit(cache=True, parallel=True)
def _first_hits(
    tri: Any, face: Any, box: Any, origins: Any, directions: Any, start: float, t: Any, found: Any
) -> None:
    for i in prange(len(origins)):
        o, d = origins[i], directions[i]
        t[i], found[i], _, _ = first_hit(tri, face, box, o[0], o[1], o[2], d[0], d[1], d[2], start, np.inf)


def nondegenerate_faces(v: F64, f: NDArray[np.integer]) -> NDArray[np.int32]:
    """Ids of the faces with finite corners and an area."""
    t = np.asarray(v, np.float64)[np.asarray(f)]
    with np.errstate(all="ignore"):
        area = (np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]) ** 2).sum(1)
    return np.flatnonzero(np.isfinite(t).all((1, 2)) & (area > 0)).astype(np.int32)


def build_search_tree(v: F64, f: NDArray[np.integer]) -> Bvh:
    """A tree for `closest_in_tree` and `hits_in_tree` over the proper faces; face ids are those of f."""
    ids = nondegenerate_faces(v, f)
    if len(ids) == 0:
        raise ValueError("a surface without area has no closest points")
    clean = np.nan_to_num(np.asarray(v, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    tree = build_bvh(clean, np.asarray(f, np.int32)[ids])
    return tree._replace(face=ids[tree.face])


def closest_in_tree(tree: Bvh, queries: F64, limit: float = math.inf) -> tuple[F64, F64, NDArray[np.int32]]:
    """Closest points (N, 3), distances (N,) and faces (N,). Beyond `limit` the face is -1, the distance the
    limit and the point the query itself."""
    q = np.ascontiguousarray(queries, np.float64)
    points, squared, found = np.empty_like(q), np.empty(len(q)), np.empty(len(q), np.int32)
    _closest(tree.tri, tree.face, tree.box, q, float(limit) ** 2, points, squared, found)
    return points, np.sqrt(squared), found


def hits_in_tree(tree: Bvh, origins: F64, directions: F64, start: float) -> tuple[F64, NDArray[np.int32]]:
    """First hits of rays (N, 3) beyond parameter `start`: parameters (N,) and faces, inf and -1 for none."""
    t, found = np.empty(len(origins)), np.empty(len(origins), np.int32)
    o, d = np.ascontiguousarray(origins, np.float64), np.ascontiguousarray(directions, np.float64)
    _first_hits(tree.tri, tree.face, tree.box, o, d, float(start), t, found)
    return t, found


def closest_points(
    v: F64, f: NDArray[np.integer], queries: F64, limit: float = math.inf
) -> tuple[F64, F64, NDArray[np.int32]]:
    """For every query (N, 3) the closest point on the mesh (N, 3), its distance (N,) and its face (N,)."""
    return closest_in_tree(build_search_tree(v, f), queries, limit)


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
