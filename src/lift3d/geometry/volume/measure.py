"""Sizes of structures: volume in millilitres, area in square millimetres, and where they lie, of label maps and of meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import is_closed
from lift3d.geometry.volume.surfaces import OrganSurface, labels_to_surfaces
from lift3d.types import F64, Mesh
from lift3d.types.volumes import Labels


@dataclass(frozen=True, eq=False)
class Measures:
    """Sizes of a structure. volume_ml; area_mm2; low, high (3,): its bounds in millimetres, patient coordinates for volumes.

    voxels: their number, 0 for a mesh. parts: number of connected parts, or of shells of a mesh."""

    name: str
    volume_ml: float
    area_mm2: float
    low: F64
    high: F64
    voxels: int = 0
    parts: int = 1


def measure_labels(labels: Labels, surfaces: dict[int, OrganSurface] | None = None) -> dict[int, Measures]:
    """The sizes of each label, by id: volumes of its voxels, areas of its smooth surface. surfaces: those of
    `labels_to_surfaces`, if they are at hand."""
    every = surfaces if surfaces is not None else labels_to_surfaces(labels)
    out = {}
    for number, one in every.items():
        low, high = np.asarray(one.mesh.bounds)
        voxels = round(one.voxel_ml * 1000 / labels.voxel_volume)
        out[number] = Measures(labels.name(number), one.voxel_ml, one.area_mm2, low, high, voxels, one.parts)
    return out


def measure_mesh(mesh: Mesh, name: str = "mesh") -> Measures:
    """The sizes of a closed mesh in millimetres. Raises InputError for one that is not closed: it has no volume."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    if not is_closed(v, f):
        raise InputError("the mesh is not closed and has no volume", "run lift3d repair on it")
    return Measures(
        name,
        abs(float(mesh.volume)) / 1000,
        float(mesh.area),
        v[f].min((0, 1)),
        v[f].max((0, 1)),
        0,
        int(mesh.body_count),
    )
