"""The canonical frame of solids, in which networks see them: longest side 1, z up, base on z = 0, centred over the
origin.

The grid has 64^3 voxels over [-0.55, 0.55]^2 x [-0.05, 1.05].
"""

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
"""Voxels along a side of the grid."""
CUBE_SIDE = 1.1
"""Side of the cube that the grid covers."""
CUBE_LOW = (-CUBE_SIDE / 2, -CUBE_SIDE / 2, -(CUBE_SIDE - 1) / 2)
"""Lowest corner of the cube."""


def canonical_grid(resolution: int = RESOLUTION) -> tuple[F64, float]:
    """(centre of the first voxel (3,), side of a voxel) of the grid at a resolution."""
    step = CUBE_SIDE / resolution
    return np.array(CUBE_LOW) + step / 2, step


def canonical_affine(resolution: int = RESOLUTION) -> F64:
    """(4, 4) transform from voxel indices to the canonical frame."""
    origin, step = canonical_grid(resolution)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    return affine


def canonical_transform(low: F64, high: F64) -> F64:
    """(4, 4) transform from the world to the canonical frame of a box with corners low and high (3,).

    Raises InputError for a box without extent.
    """
    longest = float((high - low).max())
    if not longest > 0 or not np.isfinite(longest):
        raise InputError("the model has no size", "check the file it was read from")
    out = np.eye(4) / longest
    out[:3, 3] = -np.array([low[0] + high[0], low[1] + high[1], 2 * low[2]]) / 2 / longest
    out[3, 3] = 1
    return out


def flatness(points: F64) -> float:
    """Least by largest singular value of centred points (N, 3): 0 for points in a plane."""
    centred = points - points.mean(0)
    singular_values = np.linalg.svd(centred / max(float(np.abs(centred).max()), 1e-300), compute_uv=False)
    return float(singular_values[-1] / max(float(singular_values[0]), 1e-300))


def voxelize_canonical(mesh: Mesh) -> tuple[NDArray[np.bool_], F64]:
    """((64, 64, 64) occupied voxels x y z, (4, 4) transform from the world to the canonical frame) of a mesh.

    Parts thinner than a voxel occupy whole voxels. Open and self-intersecting meshes are decided by votes
    (geometry/voxels/inside_test.py). Raises InputError for a mesh without faces that have an area.
    """
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    f = f[nondegenerate_faces(v, f)]
    if not len(f):
        raise InputError("the mesh has no faces with an area", "check the file it was read from")
    frame = canonical_transform(v[f].min((0, 1)), v[f].max((0, 1)))
    w = v @ frame[:3, :3].T + frame[:3, 3]
    return connected_occupancy(*inside_and_touched(w, f)), frame


def inside_and_touched(v: F64, f: NDArray[np.int32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(inside, touched), each (64, 64, 64): voxels whose centre is inside, and voxels that the surface touches.

    v (V, 3), f (F, 3) in the canonical frame.
    """
    origin, step = canonical_grid()
    shape = (RESOLUTION, RESOLUTION, RESOLUTION)
    return inside_mask(v, f, origin, step, shape), touched_mask(v, f, origin, step, shape)


def resample_to_canonical(voxels: Voxels) -> tuple[NDArray[np.bool_], F64]:
    """`voxelize_canonical` of a voxel grid in any axis-aligned frame: resampled unless it is canonical already.

    Voxels are full above the iso-level of an occupancy and below that of a signed distance. Raises InputError for an
    empty grid.
    """
    sign = 1 if voxels.quantity == "occupancy" else -1
    values, iso_level = sign * voxels.values, sign * voxels.iso_level
    full = values > iso_level
    if not full.any():
        raise InputError("no voxel is full: there is no solid", "use a lower iso-level")
    if full.shape == (RESOLUTION,) * 3 and np.allclose(voxels.affine, canonical_affine()):
        return np.asarray(full), np.eye(4)
    index = np.argwhere(full)
    corners = np.array(np.meshgrid(*zip(index.min(0) - 0.5, index.max(0) + 0.5))).reshape(3, -1)
    world = voxels.affine[:3, :3] @ corners + voxels.affine[:3, 3:]
    frame = canonical_transform(world.min(1), world.max(1))
    to_index = np.linalg.inv(frame @ voxels.affine) @ canonical_affine()
    indices = np.stack(np.meshgrid(*[np.arange(RESOLUTION)] * 3, indexing="ij")).reshape(3, -1)
    source_index = to_index[:3, :3] @ indices + to_index[:3, 3:]
    background = float(values.min())
    resampled: F32 = ndimage.map_coordinates(
        values, source_index, np.float32, 1, mode="constant", cval=background
    )
    return np.asarray(resampled.reshape((RESOLUTION,) * 3) > iso_level), frame
