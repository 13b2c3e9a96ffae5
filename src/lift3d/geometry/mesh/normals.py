"""Normals of faces, and shading normals: smooth where the surface bends, sharp where it has an edge."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32, F64


def face_normals(v: F64, f: NDArray[np.integer]) -> F64:
    """(F, 3); zero for faces without area."""
    t = v[f]
    n = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-300))


def corner_normals(v: F64, f: NDArray[np.integer], crease: float = 40.0) -> F32:
    """(F, 3, 3) unit float32: around each corner, the area-weighted mean of the face normals that differ from
    the corner's own by less than `crease` degrees. Vertices at one position (texture seams) count as one.
    Faces without area get (0, 0, 0) unless a neighbour lends its normal."""
    faces = np.asarray(f, np.int64).reshape(-1, 3)
    if len(faces) == 0:
        return np.zeros((0, 3, 3), np.float32)
    where = np.asarray(v, np.float64)
    order = np.lexsort(where.T)
    step = np.r_[True, (np.diff(where[order], axis=0) != 0).any(1)]
    weld = np.empty(len(where), np.int64)
    weld[order] = np.cumsum(step) - 1
    t = where[faces]
    area = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    corners = weld[faces].ravel()
    by_vertex = np.argsort(corners, kind="stable")
    start = np.searchsorted(corners[by_vertex], np.arange(corners.max() + 2))
    out = np.zeros((len(faces), 3, 3), np.float32)
    _average(area, by_vertex // 3, by_vertex % 3, start, math.cos(math.radians(crease)), out)
    return out


@numba.njit(cache=True, parallel=True)
def _average(area, face, corner, start, limit, out):  # type: ignore[no-untyped-def]
    for vertex in numba.prange(len(start) - 1):
        for i in range(start[vertex], start[vertex + 1]):
            own = area[face[i]]
            size = math.sqrt(own[0] ** 2 + own[1] ** 2 + own[2] ** 2)
            x, y, z = 0.0, 0.0, 0.0
            for j in range(start[vertex], start[vertex + 1]):
                n = area[face[j]]
                other = math.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2)
                if own[0] * n[0] + own[1] * n[1] + own[2] * n[2] >= limit * size * other:
                    x, y, z = x + n[0], y + n[1], z + n[2]
            length = math.sqrt(x * x + y * y + z * z)
            if length > 0:
                out[face[i], corner[i], 0] = x / length
                out[face[i], corner[i], 1] = y / length
                out[face[i], corner[i], 2] = z / length
