"""The frame in which networks know solids: longest side 1, upright (z up), standing on z = 0 over the origin, in 64^3 cells
of [-0.55, 0.55]^2 x [-0.05, 1.05]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.errors import InputError
from lift3d.geometry.mesh.distances import nondegenerate_faces
from lift3d.geometry.voxels.inside_test import inside_mask
from lift3d.geometry.voxels.occupancy import connected_occupancy
from lift3d.geometry.voxels.surface_voxels import touched_mask
from lift3d.types import F32, F64, Mesh, Voxels

RESOLUTION = 64
CUBE_SIDE = 1.1
"""Length of the grid's cube."""
CUBE_LOW = (-CUBE_SIDE / 2, -CUBE_SIDE / 2, -(CUBE_SIDE - 1) / 2)
"""Its lowest corner."""


def canonical_grid(resolution: int = RESOLUTION) -> tuple[F64, float]:
    """(centre of the first cell, side of a cell) of the cube at a resolution."""
    step = CUBE_SIDE / resolution
    return np.array(CUBE_LOW) + step / 2, step


def canonical_affine(resolution: int = RESOLUTION) -> F64:
    """(4, 4) from indices of cells to the unit frame."""
    origin, step = canonical_grid(resolution)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    return affine


def canonical_transform(low: F64, high: F64) -> F64:
    """(4, 4) from the world to the unit frame of what lies between two corners."""
    longest = float((high - low).max())
    if not longest > 0 or not np.isfinite(longest):
        raise InputError("the thing has no size", "check the file it was read from")
    out = np.eye(4) / longest
    out[:3, 3] = -np.array([low[0] + high[0], low[1] + high[1], 2 * low[2]]) / 2 / longest
    out[3, 3] = 1
    return out


def flatness(points: F64) -> float:
    """Spread of points (N, 3) across their plane by that along their longest way: 0 for a sheet."""
    away = points - points.mean(0)
    spread = np.linalg.svd(away / max(float(np.abs(away).max()), 1e-300), compute_uv=False)
    return float(spread[-1] / max(float(spread[0]), 1e-300))


def voxelize_canonical(mesh: Mesh) -> tuple[NDArray[np.bool_], F64]:
    """(64, 64, 64) x y z: which cells the mesh fills in its unit frame, and (4, 4) from the world to that frame. What is
    thinner than a cell has whole cells. Open and crossing meshes are decided by vote (geometry/voxels/inside_test.py)."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    f = f[nondegenerate_faces(v, f)]
    if not len(f):
        raise InputError("the mesh has no faces with an area", "check the file it was read from")
    frame = canonical_transform(v[f].min((0, 1)), v[f].max((0, 1)))
    w = v @ frame[:3, :3].T + frame[:3, 3]
    return connected_occupancy(*inside_and_touched(w, f)), frame


def inside_and_touched(v: F64, f: NDArray[np.int32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(64, 64, 64) each, of faces in the unit frame: cells whose centre is inside, by vote where the surface is open, and
    cells that it touches."""
    origin, step = canonical_grid()
    shape = (RESOLUTION, RESOLUTION, RESOLUTION)
    return inside_mask(v, f, origin, step, shape), touched_mask(v, f, origin, step, shape)


def resample_to_canonical(voxels: Voxels) -> tuple[NDArray[np.bool_], F64]:
    """The same of voxels in any frame and grid: resampled, unless they are unit cells already."""
    sign = 1 if voxels.quantity == "occupancy" else -1
    values, level = sign * voxels.values, sign * voxels.iso_level
    full = values > level
    if not full.any():
        raise InputError("no cell is full: there is no solid", "use a lower iso-level")
    if full.shape == (RESOLUTION,) * 3 and np.allclose(voxels.affine, canonical_affine()):
        return np.asarray(full), np.eye(4)
    index = np.argwhere(full)
    corners = np.array(np.meshgrid(*zip(index.min(0) - 0.5, index.max(0) + 0.5))).reshape(3, -1)
    world = voxels.affine[:3, :3] @ corners + voxels.affine[:3, 3:]
    frame = canonical_transform(world.min(1), world.max(1))
    to_index = np.linalg.inv(frame @ voxels.affine) @ canonical_affine()
    places = np.stack(np.meshgrid(*[np.arange(RESOLUTION)] * 3, indexing="ij")).reshape(3, -1)
    at = to_index[:3, :3] @ places + to_index[:3, 3:]
    outside = float(values.min())
    held: F32 = ndimage.map_coordinates(values, at, np.float32, 1, mode="constant", cval=outside)
    return np.asarray(held.reshape((RESOLUTION,) * 3) > level), frame
