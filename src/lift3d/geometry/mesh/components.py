"""Connected components of a mesh (faces that share edges), their signed volumes, and the selection of components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.types import F64

DEBRIS = 1e-3
"""A component with less than this fraction of the largest |volume| is debris."""


def sorted_half_edges(f: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(order, key) of the half-edges, sorted by undirected edge; half-edge 3 i + k runs from corner k to k + 1 of
    face i.

    order (3F,): half-edges. key (3F,): key of the edge of each, in that order; equal keys are the same edge.
    """
    a = np.asarray(f, np.int64)
    b = np.roll(a, -1, axis=1)
    n = int(a.max(initial=0)) + 1
    key = (np.minimum(a, b) * n + np.maximum(a, b)).ravel()
    order = np.argsort(key, kind="stable")
    return order, key[order]


def connected_components(f: NDArray[np.int32], n_vertices: int = 0) -> NDArray[np.int32]:
    """Labels (F,) int32 of faces (F, 3) connected through shared edges, numbered by their first face.

    Faces that only touch in a vertex are apart. n_vertices is not needed; it documents the range of f.
    """
    order, key = sorted_half_edges(f)
    labels = np.empty(len(f), np.int32)
    _label(order, key, labels)
    return labels


@njit(cache=True, nogil=True)
def _root(parent: Any, i: int) -> int:
    """Root of i's tree, with path halving."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def _label(order: Any, key: Any, labels: Any) -> None:
    """Union-find (Tarjan 1975) over runs of equal edges; the lower face becomes the root."""
    parent = np.arange(len(labels), dtype=np.int32)
    for e in range(1, len(order)):
        if key[e] == key[e - 1]:
            a, b = _root(parent, order[e - 1] // 3), _root(parent, order[e] // 3)
            parent[max(a, b)] = min(a, b)
    n = 0
    for i in range(len(labels)):
        if parent[i] == i:
            labels[i] = n
            n += 1
        else:
            labels[i] = labels[_root(parent, i)]


def genus(f: NDArray[np.int32]) -> int:
    """The number of tunnels through a closed mesh (its handles, of all components together), from its Euler characteristic."""
    components = int(connected_components(f).max(initial=-1)) + 1
    return max(round(components - (len(np.unique(f)) - len(f) / 2) / 2), 0)


def face_volumes(v: F64, f: NDArray[np.int32]) -> F64:
    """(F,) signed volumes of the tetrahedra from the centre of the bounding box to each face.

    Over a closed surface they sum to its volume, positive if its faces point outward.
    """
    if len(f) == 0:
        return np.zeros(0)
    used = v[f]
    used = used - (used.min((0, 1)) + used.max((0, 1))) / 2
    return np.einsum("ij,ij->i", used[:, 0], np.cross(used[:, 1], used[:, 2])) / 6


def component_volumes(v: F64, f: NDArray[np.int32], labels: NDArray[np.int32]) -> F64:
    """(C,) signed volume of each component, negative for an inward (cavity) surface."""
    n = int(labels.max(initial=-1)) + 1
    return np.bincount(labels, face_volumes(v, f), minlength=n).astype(np.float64)


def select_faces(
    v: F64, f: NDArray[np.int32], keep: NDArray[np.bool_]
) -> tuple[F64, NDArray[np.int32], NDArray[np.int32]]:
    """(vertices, faces, indices of the vertices) of the sub-mesh of the faces in the mask keep (F,).

    Vertices that none of these faces uses are left out.
    """
    kept = np.asarray(f)[keep]
    used = np.zeros(len(v), np.bool_)
    used[kept] = True
    local = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return v[used], local[kept], np.flatnonzero(used).astype(np.int32)


def remove_debris(v: F64, f: NDArray[np.int32], fraction: float = DEBRIS) -> tuple[F64, NDArray[np.int32]]:
    """The mesh without components whose |volume| is below `fraction` of the largest component's."""
    labels = connected_components(f)
    volume = np.abs(component_volumes(v, f, labels))
    small = volume < fraction * volume.max(initial=0.0)
    if not small.any():
        return v, np.asarray(f)
    return select_faces(v, f, ~small[labels])[:2]


def keep_main_components(
    v: F64, f: NDArray[np.int32], fraction: float = 0.02
) -> tuple[F64, NDArray[np.int32], int]:
    """(vertices, faces, number of components removed): the outward components with at least `fraction` of the largest
    volume.

    Cavities, whose volume is negative, and debris are removed.
    """
    labels = connected_components(f)
    volume = component_volumes(v, f, labels)
    keep = volume >= fraction * volume.max(initial=0.0)
    return *select_faces(v, f, keep[labels])[:2], int((~keep).sum())


def keep_large_components(
    v: F64, f: NDArray[np.int32], fraction: float
) -> tuple[F64, NDArray[np.int32], int]:
    """(vertices, faces, number of components removed): the components with at least `fraction` of all faces."""
    labels = connected_components(f)
    keep = np.bincount(labels) >= fraction * len(f)
    return *select_faces(v, f, keep[labels])[:2], int((~keep).sum())


def winding_number_at(v: F64, f: NDArray[np.int32], point: F64) -> int:
    """Winding number of a closed surface around a point (3,): the rounded sum of signed solid angles / 4 pi.

    Solid angles after Van Oosterom & Strackee 1983. Visits all faces; for many points see `winding_number.py`.
    """
    return int(
        np.rint(_solid_angle(np.ascontiguousarray(v), np.asarray(f), *map(float, point)) / (4 * np.pi))
    )


@njit(cache=True, nogil=True)
def _solid_angle(v: Any, f: Any, x: float, y: float, z: float) -> float:
    """Sum of the signed solid angles of all faces seen from (x, y, z)."""
    total = 0.0
    for i in range(len(f)):
        a, b, c = f[i, 0], f[i, 1], f[i, 2]
        ax, ay, az = v[a, 0] - x, v[a, 1] - y, v[a, 2] - z
        bx, by, bz = v[b, 0] - x, v[b, 1] - y, v[b, 2] - z
        cx, cy, cz = v[c, 0] - x, v[c, 1] - y, v[c, 2] - z
        la, lb, lc = (
            np.sqrt(ax**2 + ay**2 + az**2),
            np.sqrt(bx**2 + by**2 + bz**2),
            np.sqrt(cx**2 + cy**2 + cz**2),
        )
        det = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
        dot = la * lb * lc
        dot += (ax * bx + ay * by + az * bz) * lc
        dot += (bx * cx + by * cy + bz * cz) * la
        dot += (cx * ax + cy * ay + cz * az) * lb
        total += 2 * np.arctan2(det, dot)
    return total
