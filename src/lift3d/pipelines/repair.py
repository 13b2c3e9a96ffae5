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
        result = MeshToSolid().repair(mesh, context)
        solid = set_unit(result.mesh, mesh.units)
        save_mesh(solid, folder / output.name)
        require_solid(load_mesh(folder / output.name))  # what counts is what the file holds
    lines = [f"found    {'; '.join(defects) or 'nothing wrong: it is solid already'}"]
    lines += describe_shift(shift)
    lines += [f"did      {step}" for step in result.steps]
    lines += [
        f"moved    at most {result.hausdorff:g} % of the diagonal",
        f"faces    {result.faces_before} before, {len(result.mesh.faces)} after",
        f"solid    {output}",
    ]
    return lines
