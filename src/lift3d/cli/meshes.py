"""`lift3d check`, `repair` and `convert`: what to do with a mesh that is already there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def check(
    file: Annotated[Path, typer.Argument(help="A mesh: .glb .obj .ply .stl .3mf .usdz")],
    bed: Annotated[
        str, typer.Option(help="Width, depth and height that the printer can make.")
    ] = "220x220x250mm",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Would it print? A readable report; exit code 1 if not."""
    from lift3d.pipelines.print_check import check as pipeline

    report = pipeline(file, bed=bed)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        typer.echo(report.to_text())
        typer.echo(f"{file.name} {'would print' if report.printable else 'would not print'}.")
        if not report.is_solid and min(report.size) <= 1e-6 * max(report.size):
            typer.echo("It is a flat sheet: extrude it in a modelling program first.")
        elif not report.is_solid:
            typer.echo(f"To make it solid: lift3d repair {file.name} -o {file.stem}-solid.stl")
    raise typer.Exit(0 if report.printable else 1)


def repair(
    file: Annotated[Path, typer.Argument(help="The broken mesh.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The solid: .glb .obj .ply .stl .3mf .usdz")],
) -> None:
    """Make a mesh solid with the least change, and say what was changed and how far the surface moved."""
    from lift3d.pipelines.repair import repair_file

    for line in repair_file(file, output):
        typer.echo(line)


def convert(
    source: Annotated[Path, typer.Argument(help="The mesh to read.")],
    target: Annotated[Path, typer.Argument(help="The file to write: .glb .obj .ply .stl .3mf .usdz")],
) -> None:
    """Write a mesh in another format, with its texture and unit."""
    from lift3d.io.mesh.meshes import convert_mesh
    from lift3d.pipelines.inputs import check_output

    check_output(target, [])
    for path in convert_mesh(source, target):
        typer.echo(f"wrote {path}")
    if target.suffix.lower() == ".stl":
        typer.echo("STL holds the shape alone: no texture, no colours, no unit.")
