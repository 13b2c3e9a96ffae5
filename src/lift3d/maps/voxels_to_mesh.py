"""Cells to a closed surface: the level set of occupancy or signed distance, smoothed a little, free of debris."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.mesh.components import keep_main_components
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.surface.decimation import decimate
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.geometry.surface.smoothing import constrained_smooth, taubin_smooth
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F64, Mesh, Voxels

NAME = "voxels_to_mesh"
MOST = 512


@register(
    Card(
        NAME, "Voxels", "Mesh",
        ("closed and oriented by construction", "parts under 2 % of the largest, and cavities that nobody sees, are left out"),
        reference="Doi & Koide 1991; Taubin 1995; Gibson 1998",
    )
)  # fmt: skip
@dataclass(frozen=True)
class VoxelsToMesh(Mapping[Voxels, Mesh]):
    """level: of occupancy; signed distances are cut at 0. smoothing: rounds; even: where nothing is finer than a cell, as in
    what a network made up, take the terraces of full and empty cells away too; faces: about how many, at most."""

    level: float = 0.5
    smoothing: int = 8
    even: bool = False
    faces: int = 24_000

    def apply(self, source: Voxels, context: Context) -> Mesh:
        if max(source.values.shape) > MOST:
            raise InputError(f"a grid of {max(source.values.shape)} cells a side", f"give {MOST} at most")
        sign, level = (-1, -self.level) if source.quantity == "occupancy" else (1, 0.0)
        values = np.ascontiguousarray(sign * source.values, np.float32)
        v, f = marching_tetrahedra(values, level)
        if len(f) == 0:
            raise InputError("no cell is full: there is no surface", "use a lower level")
        v, f, dropped = keep_main_components(v, f)
        plain, faces, solid = v, f, False
        if self.even:  # this and smoothing can fold what is thin
            v, f, solid = self._finished(constrained_smooth(plain, faces), faces)
        if not solid:
            v, f, solid = self._finished(taubin_smooth(plain, faces, self.smoothing), faces)
        if not solid and len(f) == len(faces):
            v, f = plain, faces
        v = v @ source.affine[:3, :3].T + source.affine[:3, 3]
        if np.linalg.det(source.affine[:3, :3]) < 0:
            f = f[:, ::-1]
        context.note(NAME, faces=len(f), dropped=dropped, solid=solid)
        return trimesh.Trimesh(v, f, process=False, validate=False)

    def _finished(self, v: F64, f: NDArray[np.int32]) -> tuple[F64, NDArray[np.int32], bool]:
        """With no more faces than wanted; whether it is solid."""
        if len(f) > self.faces:
            v, f = decimate(v, f, self.faces)
        return v, f, inspect_arrays(v, f).is_solid
