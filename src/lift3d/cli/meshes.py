"""`lift3d check`, `repair` and `convert`: what to do with a mesh that is already there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lift3d.units import parse_bed


def check(
    file: Annotated[Path, typer.Argument(help="A mesh: .glb .obj .ply .stl .3mf")],
    bed: Annotated[str | None, typer.Option(help="Printer bed and height: 220x220x250mm")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Would it print? A readable report; exit code 1 if not."""
    size = None if bed is None else parse_bed(bed)
    from lift3d.io.meshes import load_mesh
    from lift3d.printing import print_report

    report: Any = print_report(load_mesh(file), size) if size else print_report(load_mesh(file))
    raise NotImplementedError(str((report, as_json, json)))


def repair(
    file: Annotated[Path, typer.Argument(help="The broken mesh.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The solid: .glb .obj .ply .stl .3mf .usdz")],
) -> None:
    """Make a mesh solid with the least change, and say what was changed and how far the surface moved."""


def convert(
    source: Annotated[Path, typer.Argument(help="The mesh to read.")],
    target: Annotated[Path, typer.Argument(help="The file to write: .glb .obj .ply .stl .3mf .usdz")],
) -> None:
    """Write a mesh in another format, with its texture and unit."""
    from lift3d.inputs import check_output
    from lift3d.io.meshes import convert_mesh

    check_output(target, [])
    for path in convert_mesh(source, target):
        typer.echo(f"wrote {path}")
