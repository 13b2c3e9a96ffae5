"""The models of a volume as files, with a preview, a table and a report; all appear together."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image as Pil

from lift3d.errors import SolidError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.io.files.staging import staging, staging_folder
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines.medical.report import Structure, VolumeModels, sheet
from lift3d.pipelines.medical.slices import colour_of, slices_picture
from lift3d.types import Labels, Mesh, Volume
from lift3d.units import set_unit

FRAMES = {"lps": np.diag([-1.0, -1, 1]), "ras": np.eye(3)}
"""From RAS+ to each frame of the coordinates."""
SHOWN_FACES = 400_000
"""Triangles of a preview; larger models are shown coarser."""
STL = ".stl"


def write_models(
    found: VolumeModels, target: Path, unit: str, shown: tuple[Volume | None, Labels | None]
) -> VolumeModels:
    """Write the models, preview, table and report together; each model is solid as its file holds it."""
    if not target.suffix:
        with staging_folder(target) as folder:
            return write_folder(found, folder, unit, shown)
    with staging(target) as folder:
        named = replace(found, structures=tuple(replace(one, file=target.name) for one in found.structures))
        mesh = _together([one.mesh for one in named.structures])
        save_mesh(mesh, folder / target.name, unit=unit, frame=f"{found.frame} patient")
        _write_beside(named, folder, (target.stem, f"{target.stem}.csv", f"{target.stem}.report.json"), shown)
    return named


def write_folder(
    found: VolumeModels, folder: Path, unit: str, shown: tuple[Volume | None, Labels | None]
) -> VolumeModels:
    """Write a model NAME.stl of each structure, labels.csv, report.json and preview.png. shown: values and labels of the
    slices."""
    files = _file_names(found)
    for file, one in zip(files, found.structures):
        save_mesh(one.mesh, folder / file, unit=unit, frame=f"{found.frame} patient")
    named = replace(
        found, structures=tuple(replace(one, file=file) for file, one in zip(files, found.structures))
    )
    _write_beside(named, folder, ("preview", "labels.csv", "report.json"), shown)
    return named


def _write_beside(
    found: VolumeModels, folder: Path, names: tuple[str, str, str], shown: tuple[Volume | None, Labels | None]
) -> None:
    """Preview, table and report, after every model has passed its check."""
    for one in found.structures:
        require_closed(one)
    preview, table, report = names
    Pil.fromarray(_preview(found, shown)).save(folder / f"{preview}.png", compress_level=3)
    (folder / table).write_text(found.table(), "utf-8")
    (folder / report).write_text(json.dumps(found.to_dict(), indent=1) + "\n", "utf-8")


def require_closed(one: Structure) -> None:
    """SolidError unless the mesh is closed, oriented, of positive volume and free of self-intersections. Small parts belong to
    what the volume shows, and are no debris."""
    report = inspect_solid(one.mesh)
    if not (report.closed and report.oriented and report.positive_volume and report.no_self_intersection):
        defects = ", ".join(report.failures())
        raise SolidError(
            f"the model of {one.name} is not solid: {defects}", "report this as a fault of lift3d"
        )


def _file_names(found: VolumeModels) -> list[str]:
    """A file name for each structure."""
    out: list[str] = []
    for one in found.structures:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", one.name).strip("_")[:60] or f"label_{one.number}"
        name = f"{plain}{STL}"
        out.append(name if name not in out else f"{plain}_{one.number}{STL}")
    return out


def _together(meshes: list[Mesh]) -> Mesh:
    """One mesh of several, whose parts keep their own vertices."""
    if len(meshes) == 1:
        return meshes[0]
    counts = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    v = np.concatenate([m.vertices for m in meshes])
    f = np.concatenate([m.faces + n for m, n in zip(meshes, counts)])
    return set_unit(trimesh.Trimesh(v, f, process=False, validate=False), "m")


def _preview(found: VolumeModels, shown: tuple[Volume | None, Labels | None]) -> np.ndarray:
    """Four views of the models in the colours of their labels, and three slices."""
    from lift3d.geometry.surface.vertex_clustering import cluster_vertices
    from lift3d.pipelines.preview import preview

    turn = FRAMES["lps"] @ FRAMES[found.frame.lower()].T  # the patient's front is seen first
    meshes = []
    for one in found.structures:
        v, f = np.asarray(one.mesh.vertices) @ turn.T, np.asarray(one.mesh.faces)
        if len(f) > SHOWN_FACES:
            cell = float(np.sqrt(2 * one.area_mm2 / 1e6 / SHOWN_FACES))  # two triangles a cell
            v, f = cluster_vertices(v, f, cell)
        colour = (225, 216, 196) if len(found.structures) == 1 else colour_of(one.number)
        meshes.append(
            trimesh.Trimesh(
                v, f, vertex_colors=np.tile([*colour, 255], (len(v), 1)).astype(np.uint8), process=False
            )
        )
    whole: Mesh = meshes[0] if len(meshes) == 1 else trimesh.util.concatenate(meshes)  # type: ignore[assignment]
    return sheet([preview(whole), slices_picture(*shown)])
