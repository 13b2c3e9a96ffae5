"""Face normals, and corner normals for shading: smooth on curved surfaces, sharp at creases."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32, F64


def face_normals(v: F64, f: NDArray[np.integer]) -> F64:
    """(F, 3) unit normals of the faces f (F, 3) over v (V, 3); zero for faces without area."""
    t = v[f]
    n = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-300))


def corner_normals(v: F64, f: NDArray[np.integer], crease: float = 40.0) -> F32:
    """(F, 3, 3) float32 unit normals per corner: the area-weighted mean of the normals of the faces at the same
    position that differ from the corner's face normal by less than `crease` degrees.

    Vertices at equal positions (texture seams) count as one. Corners of faces without area take the mean of the
    normals around them.
    """
    faces = np.asarray(f, np.int64).reshape(-1, 3)
    if len(faces) == 0:
        return np.zeros((0, 3, 3), np.float32)
    position = np.asarray(v, np.float64)
    order = np.lexsort(position.T)
    step = np.r_[True, (np.diff(position[order], axis=0) != 0).any(1)]
    weld = np.empty(len(position), np.int64)
    weld[order] = np.cumsum(step) - 1
    t = position[faces]
    area = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    corners = weld[faces].ravel()
    by_vertex = np.argsort(corners, kind="stable")
    start = np.searchsorted(corners[by_vertex], np.arange(corners.max() + 2))
    out = np.zeros((len(faces), 3, 3), np.float32)
    _average(area, by_vertex // 3, by_vertex % 3, start, math.cos(math.radians(crease)), out)
    return out


@numba.njit(cache=True, parallel=True)
def _average(area: Any, face: Any, corner: Any, start: Any, limit: float, out: Any) -> None:
    """Corner normals into out (F, 3, 3); face, corner: sorted by vertex, whose ranges begin at start."""
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
