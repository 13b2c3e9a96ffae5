"""Voxels inside a closed mesh, on any grid: winding numbers along the lines of voxel centres of the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_kernel
from lift3d.types import Mesh
from lift3d.types.volumes import Grid

ASIDE = (2.3e-5, 1.7e-5)
"""Offset of the lines in voxels: off the vertices and edges at round coordinates."""


def grid_around(meshes: Sequence[Mesh], cells: int) -> Grid:
    """A grid along the axes around meshes, with `cells` voxels along the longest side and one more on each side."""
    bounds = np.array([np.asarray(m.bounds) for m in meshes])
    low, high = bounds[:, 0].min(0), bounds[:, 1].max(0)
    step = float((high - low).max()) / cells
    shape = np.ceil((high - low) / step).astype(int) + 2
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low - step / 2
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def voxelize(mesh: Mesh, grid: Grid) -> NDArray[np.bool_]:
    """(I, J, K) True for the voxel centres inside a closed, oriented mesh in patient millimetres."""
    inverse = np.linalg.inv(grid.affine)
    v = np.asarray(mesh.vertices) @ inverse[:3, :3].T + inverse[:3, 3]
    v = v - [*ASIDE, 0.0]
    change = np.zeros((grid.shape[0], grid.shape[1], grid.shape[2] + 1), np.int16)
    _cross(np.ascontiguousarray(v), np.asarray(mesh.faces), change)
    inside = np.empty(grid.shape, np.bool_)
    for i in range(grid.shape[0]):
        inside[i] = np.cumsum(change[i, :, :-1], axis=1, dtype=np.int16) != 0
    return inside


@njit_kernel
def _cross(v: Any, f: Any, change: Any) -> None:
    """Add the change of the winding number at the first voxel centre behind each crossing of a line with a face."""
    n, m, depth = change.shape
    for t in range(len(f)):
        ax, ay, az = v[f[t, 0], 0], v[f[t, 0], 1], v[f[t, 0], 2]
        bx, by, bz = v[f[t, 1], 0], v[f[t, 1], 1], v[f[t, 1], 2]
        cx, cy, cz = v[f[t, 2], 0], v[f[t, 2], 1], v[f[t, 2], 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        sign = 1 if area > 0 else -1
        for i in range(max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))), n - 1) + 1):
            for j in range(
                max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))), m - 1) + 1
            ):
                p = (bx - i) * (cy - j) - (by - j) * (cx - i)
                q = (cx - i) * (ay - j) - (cy - j) * (ax - i)
                r = (ax - i) * (by - j) - (ay - j) * (bx - i)
                if (p >= 0 and q >= 0 and r >= 0) or (p <= 0 and q <= 0 and r <= 0):
                    z = (p * az + q * bz + r * cz) / area
                    at = min(max(int(np.ceil(z)), 0), depth - 1)
                    change[i, j, at] += sign
