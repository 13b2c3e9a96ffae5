"""Writing a finished model: the mesh, its preview and its report appear together, and only if the file passes the check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lift3d.geometry.mesh.solidity import SolidReport, require_solid
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.runtime.json_text import to_json
from lift3d.types import Mesh

MakeReport = Callable[[SolidReport | None], dict[str, Any]]
"""Called with the solidity of the file as read back (None for an open scene); returns the JSON-able report."""


def preview_path(output: Path) -> Path:
    """The path of the preview of a model: NAME.png."""
    return output.with_suffix(".png")


def report_path(output: Path) -> Path:
    """The path of the report of a model: NAME.report.json."""
    return output.with_suffix(".report.json")


def write_mesh_and_preview(
    mesh: Mesh,
    folder: Path,
    name: str,
    solid: bool,
    extras: Mapping[str, Mesh] | None = None,
    shown: Mesh | None = None,
) -> SolidReport | None:
    """Write NAME, NAME.png and NAME.EXTRA.ply into `folder`.

    solid: the mesh must be solid as its file holds it; raises SolidError otherwise. shown: the mesh of the preview, z up, if it
    is another. Returns that report, or None.
    """
    from lift3d.pipelines import preview

    save_mesh(mesh, folder / name)
    verdict = require_solid(load_mesh(folder / name)) if solid else None
    preview.write_preview(mesh if shown is None else shown, preview_path(folder / name))
    for extra, other in (extras or {}).items():
        save_mesh(other, folder / f"{Path(name).stem}.{extra}.ply")
    return verdict


def write_report(report: dict[str, Any], folder: Path, name: str) -> None:
    """Write NAME.report.json into `folder`."""
    report_path(folder / name).write_text(to_json(report), encoding="utf-8")
