"""A broken mesh file in, a solid one out: the pipeline of `lift3d repair`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lift3d.context import Context
from lift3d.geometry.mesh.recentre import describe_shift, recentring_shift
from lift3d.geometry.mesh.solidity import inspect_solid, require_solid
from lift3d.io.files.staging import staging
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.maps.mesh_to_solid import MeshToSolid
from lift3d.pipelines.inputs import check_output
from lift3d.units import set_unit


def repair_file(source: Path, output: Path, seed: int = 0) -> list[str]:
    """Repair `source` into `output`; sentences on what was changed. Nothing is written unless it is solid."""
    check_output(output, [])
    mesh = load_mesh(source)
    shift = recentring_shift(np.asarray(mesh.vertices))
    if shift.any():
        mesh.vertices = np.asarray(mesh.vertices) - shift
    defects = inspect_solid(mesh).failures()
    context = Context(seed=seed)
    with staging(output) as folder:
        solid = set_unit(MeshToSolid()(mesh, context), mesh.units)
        save_mesh(solid, folder / output.name)
        require_solid(load_mesh(folder / output.name))  # what counts is what the file holds
    note = context.report["mesh_to_solid"]
    lines = [f"found    {'; '.join(defects) or 'nothing wrong: it is solid already'}"]
    lines += describe_shift(shift)
    lines += [f"did      {step}" for step in note["steps"]]
    lines += [
        f"moved    at most {note['hausdorff_percent_of_diagonal']:g} % of the diagonal",
        f"faces    {note['faces_before']} before, {note['faces_after']} after",
        f"solid    {output}",
    ]
    return lines
