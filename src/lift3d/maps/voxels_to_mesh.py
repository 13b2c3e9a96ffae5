"""Voxels to a closed surface: the iso-surface of occupancy or signed distance, lightly smoothed, without debris."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import CLOSED, FACE_BUDGET, NO_SMALL_COMPONENTS
from lift3d.geometry.mesh.components import keep_main_components
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.surface.decimation import decimate
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.geometry.surface.smoothing import constrained_smooth, taubin_smooth
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F64, Mesh, Voxels

NAME = "voxels_to_mesh"
MAX_RESOLUTION = 512


@register(
    Card(
        NAME, "Voxels", "Mesh",
        (CLOSED, NO_SMALL_COMPONENTS, FACE_BUDGET, SAME_BYTES),
        reference="Doi & Koide 1991; Taubin 1995; Gibson 1998",
    )
)  # fmt: skip
@dataclass(frozen=True)
class VoxelsToMesh(Mapping[Voxels, Mesh]):
    """Options.

    smoothing: rounds of Taubin smoothing. smooth_within_voxels: also remove the terraces of binary voxels; for fields that
    have no detail finer than a voxel, such as a network's prediction. faces: upper bound on the number of faces.
    """

    smoothing: int = 8
    smooth_within_voxels: bool = False
    faces: int = 24_000

    def apply(self, source: Voxels, context: Context) -> Mesh:
        """The iso-surface of `source` in the world; InputError if it is empty or the grid is too large."""
        return self.extract(source, context)[0]

    def extract(self, source: Voxels, context: Context) -> tuple[Mesh, bool]:
        """The iso-surface and whether it passed the predicate of solids before it was moved to the world."""
        if max(source.values.shape) > MAX_RESOLUTION:
            raise InputError(
                f"a grid of {max(source.values.shape)} voxels a side", f"give {MAX_RESOLUTION} at most"
            )
        sign = -1 if source.quantity == "occupancy" else 1
        values = np.ascontiguousarray(sign * source.values, np.float32)
        v, f = marching_tetrahedra(values, sign * source.iso_level)
        if len(f) == 0:
            raise InputError("no voxel is occupied: there is no surface", "use a lower iso-level")
        v, f, dropped = keep_main_components(v, f)
        plain, faces, solid = v, f, False
        if self.smooth_within_voxels:  # smoothing can fold thin parts
            v, f, solid = self._decimated(constrained_smooth(plain, faces), faces)
        if not solid:
            v, f, solid = self._decimated(taubin_smooth(plain, faces, self.smoothing), faces)
        if not solid and len(f) == len(faces):
            v, f = plain, faces
        v = v @ source.affine[:3, :3].T + source.affine[:3, 3]
        if np.linalg.det(source.affine[:3, :3]) < 0:
            f = f[:, ::-1]
        context.note(NAME, faces=len(f), dropped=dropped, solid=solid)
        return trimesh.Trimesh(v, f, process=False, validate=False), solid

    def _decimated(self, v: F64, f: NDArray[np.int32]) -> tuple[F64, NDArray[np.int32], bool]:
        """The mesh with at most `faces` faces, and whether it is solid."""
        if len(f) > self.faces:
            v, f = decimate(v, f, self.faces)
        return v, f, inspect_arrays(v, f).is_solid
