"""Closest points, ray hits, area-uniform samples and the Hausdorff distance of triangle meshes.

Hausdorff distance: the larger of max_a min_b |a - b| in both directions, where a runs over samples and vertices of
one mesh and b over the whole surface of the other (Cignoni, Rocchini & Scopigno 1998, Metro).
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
    """(K,) indices of the faces with finite corners and an area above zero."""
    t = np.asarray(v, np.float64)[np.asarray(f)]
    with np.errstate(all="ignore"):
        area = (np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]) ** 2).sum(1)
    return np.flatnonzero(np.isfinite(t).all((1, 2)) & (area > 0)).astype(np.int32)


def build_search_tree(v: F64, f: NDArray[np.integer]) -> Bvh:
    """The tree of the mesh for `closest_in_tree` and `hits_in_tree`; its face indices refer to f.

    Faces without area or with corners that are not finite are left out. Raises ValueError if no face remains.
    """
    ids = nondegenerate_faces(v, f)
    if len(ids) == 0:
        raise ValueError("a surface without area has no closest points")
    clean = np.nan_to_num(np.asarray(v, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    tree = build_bvh(clean, np.asarray(f, np.int32)[ids])
    return tree._replace(face=ids[tree.face])


def closest_in_tree(tree: Bvh, queries: F64, limit: float = math.inf) -> tuple[F64, F64, NDArray[np.int32]]:
    """(points (N, 3), distances (N,), faces (N,)) of the surface points closest to queries (N, 3).

    Where nothing lies within `limit`, the face is -1, the distance `limit` and the point the query itself.
    """
    q = np.ascontiguousarray(queries, np.float64)
    points, squared, found = np.empty_like(q), np.empty(len(q)), np.empty(len(q), np.int32)
    _closest(tree.tri, tree.face, tree.box, q, float(limit) ** 2, points, squared, found)
    return points, np.sqrt(squared), found


def hits_in_tree(tree: Bvh, origins: F64, directions: F64, start: float) -> tuple[F64, NDArray[np.int32]]:
    """(parameters (N,), faces (N,)) of the first hits of rays beyond parameter `start`; inf and -1 without a hit."""
    t, found = np.empty(len(origins)), np.empty(len(origins), np.int32)
    o, d = np.ascontiguousarray(origins, np.float64), np.ascontiguousarray(directions, np.float64)
    _first_hits(tree.tri, tree.face, tree.box, o, d, float(start), t, found)
    return t, found


def closest_points(
    v: F64, f: NDArray[np.integer], queries: F64, limit: float = math.inf
) -> tuple[F64, F64, NDArray[np.int32]]:
    """`closest_in_tree` on the tree of v (V, 3) and f (F, 3)."""
    return closest_in_tree(build_search_tree(v, f), queries, limit)


def sample_surface(
    v: F64, f: NDArray[np.integer], n: int, rng: np.random.Generator
) -> tuple[F64, F64, NDArray[np.int32]]:
    """(points (n, 3), unit face normals (n, 3), faces (n,)): samples uniform over the area.

    Stratified: sample k lies in the k-th of n equal intervals of the cumulative area. Raises ValueError for a surface
    without area.
    """
    t = np.asarray(v, np.float64)[np.asarray(f)]
    vector = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    double = np.linalg.norm(vector, axis=1)
    total = np.cumsum(double)
    if len(total) == 0 or not total[-1] > 0:
        raise ValueError("a surface without area cannot be sampled")
    position = (np.arange(n) + rng.random(n)) / n * total[-1]
    faces = np.minimum(np.searchsorted(total, position, side="right"), len(total) - 1)
    r, s = np.sqrt(rng.random((n, 1))), rng.random((n, 1))
    a, b, c = t[faces, 0], t[faces, 1], t[faces, 2]
    points = (1 - r) * a + r * (1 - s) * b + r * s * c
    return points, vector[faces] / np.maximum(double[faces], 1e-300)[:, None], faces.astype(np.int32)


def directed_distances(
    v1: F64, f1: NDArray[np.integer], v2: F64, f2: NDArray[np.integer], samples: int, seed: int = 0
) -> F64:
    """(samples + U,) distances of samples and the U used vertices of the first mesh from the second surface."""
    points, _, _ = sample_surface(v1, f1, samples, np.random.default_rng(seed))
    corners = np.asarray(v1, np.float64)[np.unique(f1)]
    return closest_points(v2, f2, np.concatenate([points, corners]))[1]


def hausdorff(
    v1: F64, f1: NDArray[np.integer], v2: F64, f2: NDArray[np.integer], samples: int = 20000, seed: int = 0
) -> float:
    """Two-sided Hausdorff distance in the unit of the meshes: a lower bound that tightens with `samples`."""
    forward = directed_distances(v1, f1, v2, f2, samples, seed)
    backward = directed_distances(v2, f2, v1, f1, samples, seed)
    return float(max(forward.max(), backward.max()))
