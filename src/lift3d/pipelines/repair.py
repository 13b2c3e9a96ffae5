"""A broken mesh to a solid one: the pipeline of `lift3d repair`."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lift3d.context import Context, Progress, silent
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.geometry.mesh.solidity import inspect_solid, require_solid
from lift3d.io.files.staging import staging
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.maps.mesh_to_solid import MeshToSolid
from lift3d.pipelines.arguments import load_model_mesh, mesh_warnings, require_other_file
from lift3d.pipelines.reconstruction.inputs import check_output
from lift3d.types import F64, Mesh
from lift3d.units import set_unit


@dataclass(frozen=True, eq=False)
class RepairReport:
    """The defects of a mesh, and the steps of its repair.

    defects: phrases, empty if the mesh was solid already. steps: phrases, in order. moved_percent: the Hausdorff
    distance between input and output in percent of the diagonal of the input; new_surface_percent: that from the output to the
    input alone, without surface that was dropped. origin (3,): subtracted from meshes that lie
    so far from zero that precision would be lost; zero otherwise. warnings: sentences on what in the file could not be used.
    """

    defects: tuple[str, ...]
    steps: tuple[str, ...]
    moved_percent: float
    new_surface_percent: float
    faces_before: int
    faces_after: int
    origin: F64
    warnings: tuple[str, ...] = ()


def repair(
    mesh: Mesh | str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Mesh, RepairReport]:
    """The solid nearest to `mesh`, which is a mesh or a file, and the report. The input is not changed.

    output: a model file to write; it is written only if it is solid as read back. Raises InputError for a file that cannot
    be read or written and SolidError where nothing solid can be made.
    """
    target = None if output is None else Path(output)
    if target is not None:
        check_output(target, [])
        require_other_file(mesh, target)
    source, mesh = mesh, load_model_mesh(mesh)
    warnings = mesh_warnings(source, mesh)
    origin = recentring_shift(np.asarray(mesh.vertices))
    if origin.any():
        mesh.vertices = np.asarray(mesh.vertices) - origin
    defects = tuple(inspect_solid(mesh).failures())
    with nullcontext() if target is None else staging(target) as folder:
        result = MeshToSolid().repair(mesh, Context(seed=seed, progress=progress))
        solid = set_unit(result.mesh, mesh.units)
        if warnings:
            solid.metadata["warnings"] = list(mesh.metadata["warnings"])
        if target is not None and folder is not None:
            save_mesh(solid, folder / target.name)
            require_solid(load_mesh(folder / target.name))  # the file is checked, not the mesh in memory
    report = RepairReport(
        defects,
        result.steps,
        result.hausdorff,
        result.backward,
        result.faces_before,
        len(solid.faces),
        origin,
        warnings,
    )
    return solid, report
