"""Simplification of very large meshes by vertex clustering with quadrics (Rossignac & Borrel 1993; Lindstrom 2000).

All vertices in a cell of a grid become one, at the point with the least sum of squared distances to the planes of the faces
around it and to those through open borders, at right angles to the faces (Garland & Heckbert 1997). Linear in the number of
faces; edge collapse does the rest. Two sheets closer than a cell may touch, so it is for open scenes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.components import select_faces, sorted_half_edges
from lift3d.types import F64

REGULAR = 1e-2
"""Weight of the mean of the vertices, relative to the trace of the quadric: flat regions fix one direction only."""

BORDER = 4.0
"""Weight of the planes through open borders, for the square of an edge, relative to twice the area of a face."""


def cluster_vertices(v: F64, f: NDArray[np.int32], cell: float) -> tuple[F64, NDArray[np.int32]]:
    """(vertices, faces (G, 3)) with one vertex for each cell of side `cell` that has vertices. v (V, 3); f (F, 3) int32.

    Faces with two corners in a cell disappear, one face of several with the same corners remains, and faces that turn away from
    the surface around them, which are folds, are removed.
    """
    if len(f) == 0:
        return v, f
    index = np.floor((v - v.min(0)) / cell).astype(np.int64)
    side = index.max(0) + 1
    key = (index[:, 0] * side[1] + index[:, 1]) * side[2] + index[:, 2]
    _, row = np.unique(key, return_inverse=True)
    row = row.reshape(-1)
    count = int(row.max()) + 1
    size = np.bincount(row, minlength=count)
    mean = np.stack([np.bincount(row, v[:, k], count) for k in range(3)], 1) / size[:, None]
    normal = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    area = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(area, 1e-300)[:, None]
    quadric, right, facing = np.zeros((count, 3, 3)), np.zeros((count, 3)), np.zeros((count, 3))
    for corner in range(3):
        at = row[f[:, corner]]
        offset = ((v[f[:, corner]] - mean[at]) * normal).sum(1) * area
        for i in range(3):
            right[:, i] += np.bincount(at, offset * normal[:, i], count)
            facing[:, i] += np.bincount(at, area * normal[:, i], count)
            for j in range(i, 3):
                quadric[:, i, j] += np.bincount(at, area * normal[:, i] * normal[:, j], count)
    edge, across, long = _borders(v, f, normal)
    for corner in range(2):
        at = row[edge[:, corner]]
        offset = ((v[edge[:, corner]] - mean[at]) * across).sum(1) * long
        for i in range(3):
            right[:, i] += np.bincount(at, offset * across[:, i], count)
            for j in range(i, 3):
                quadric[:, i, j] += np.bincount(at, long * across[:, i] * across[:, j], count)
    for i in range(3):
        for j in range(i):
            quadric[:, i, j] = quadric[:, j, i]
    trace = np.trace(quadric, axis1=1, axis2=2)
    quadric += (REGULAR * trace + 1e-30)[:, None, None] * np.eye(3)
    shift = np.linalg.solve(quadric, right[..., None])[..., 0]
    shift *= np.minimum(1.0, 0.6 * cell / np.maximum(np.linalg.norm(shift, axis=1), 1e-300))[:, None]
    g = row[f]
    g = g[(g[:, 0] != g[:, 1]) & (g[:, 1] != g[:, 2]) & (g[:, 2] != g[:, 0])]
    _, first = np.unique(np.sort(g, axis=1), axis=0, return_index=True)
    g, p = g[np.sort(first)].astype(np.int32), mean + shift
    turned = np.cross(p[g[:, 1]] - p[g[:, 0]], p[g[:, 2]] - p[g[:, 0]])
    out = select_faces(p, g, (turned * facing[g].sum(1)).sum(1) > 0)
    return out[0], out[1]


def _borders(v: F64, f: NDArray[np.int32], normal: F64) -> tuple[NDArray[np.int32], F64, F64]:
    """(edges (N, 2) that have one face, unit normals (N, 3) in the plane of the face, weights (N,)) for the planes through the
    open borders at right angles to the surface, which keep them in place (Garland & Heckbert 1997, section 6)."""
    order, key = sorted_half_edges(f)
    apart = np.concatenate([[True], key[1:] != key[:-1], [True]])
    alone = order[apart[1:] & apart[:-1]]
    face, corner = alone // 3, alone % 3
    edge = np.stack([f[face, corner], f[face, (corner + 1) % 3]], 1)
    across = np.cross(v[edge[:, 1]] - v[edge[:, 0]], normal[face])
    size = np.linalg.norm(across, axis=1)
    return edge, across / np.maximum(size, 1e-300)[:, None], BORDER * size * size
