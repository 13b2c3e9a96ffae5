"""Split long edges at their midpoints, so that values stored per vertex or face can be interpolated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

I32 = NDArray[np.int32]

# New faces by the set of split edges (bit k: the edge from corner k to k + 1); corners 0-2, midpoints 3-5 of edges 0-2.
_PATTERNS = {
    0: [(0, 1, 2)],
    1: [(0, 3, 2), (3, 1, 2)],
    2: [(1, 4, 0), (4, 2, 0)],
    4: [(2, 5, 1), (5, 0, 1)],
    3: [(3, 1, 4), (0, 3, 4), (0, 4, 2)],
    6: [(4, 2, 5), (1, 4, 5), (1, 5, 0)],
    5: [(5, 0, 3), (2, 5, 3), (2, 3, 1)],
    7: [(0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)],
}


def split_long_edges(
    v: F64, f: I32, corners: F64, longest: float, limit: int = 400_000
) -> tuple[F64, I32, F64, I32]:
    """Split every edge longer than `longest` until none is left, or until the next round would exceed `limit` faces.

    Both faces of an edge are split alike, so no T-junction appears. corners: (F, 3, k) values at face corners, halved along with
    the edges. Returns vertices, faces (F', 3), corners (F', 3, k) and parent (F',) int32, ordered by parent.
    """
    parent = np.arange(len(f), dtype=np.int32)
    for _ in range(16):
        ends = np.sort(np.stack([f, np.roll(f, -1, 1)], -1).reshape(-1, 2), axis=1)
        key, edge = np.unique(ends[:, 0].astype(np.int64) * len(v) + ends[:, 1], return_inverse=True)
        a, b = key // len(v), key % len(v)
        split = np.linalg.norm(v[a] - v[b], axis=1) > longest
        marks = split[edge].reshape(-1, 3)
        if not split.any() or len(f) + int(marks.sum()) > limit:
            break
        midpoint = len(v) + np.cumsum(split) - 1
        six_vertices = np.concatenate([f, midpoint[edge].reshape(-1, 3)], axis=1)
        six_corners = np.concatenate([corners, (corners + np.roll(corners, -1, 1)) / 2], axis=1)
        pattern_index = marks @ np.array([1, 2, 4])
        v = np.concatenate([v, (v[a[split]] + v[b[split]]) / 2])
        faces, values, origin = [], [], []
        for pattern, triangles in _PATTERNS.items():
            rows = np.flatnonzero(pattern_index == pattern)
            for triangle in triangles:
                faces.append(six_vertices[rows][:, triangle])
                values.append(six_corners[rows][:, triangle])
                origin.append(rows)
        rows = np.concatenate(origin)
        order = np.argsort(rows, kind="stable")
        f = np.concatenate(faces)[order].astype(np.int32)
        corners, parent = np.concatenate(values)[order], parent[rows[order]]
    # One memory layout in every case, so that numba compiles its kernels once.
    return np.ascontiguousarray(v), np.ascontiguousarray(f), np.ascontiguousarray(corners), parent
