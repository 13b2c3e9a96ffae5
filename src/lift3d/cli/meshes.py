"""`lift3d check`, `repair` and `convert`: commands for existing meshes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

WRITTEN = (".glb", ".obj", ".ply", ".stl", ".3mf", ".usdz")
"""Endings of the formats that can be written."""


def check(
    file: Annotated[Path, typer.Argument(help="A mesh: .glb .obj .ply .stl .3mf .usdz")],
    bed: Annotated[
        str, typer.Option(help="Width, depth and height of the printer's build volume.")
    ] = "220x220x250mm",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check whether a mesh is printable; exit code 1 if it is not."""
    from lift3d import api
    from lift3d.cli.console.words import show_warnings

    report = api.check(file, bed=bed)
    show_warnings(report.warnings)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        typer.echo(report.to_text())
        typer.echo(f"{file.name} {'can' if report.printable else 'cannot'} be printed.")
        if not report.is_solid and min(report.size) <= 1e-6 * max(report.size):
            typer.echo("It is a flat sheet; extrude it in a modelling program first.")
        elif not report.is_solid:
            suffix = file.suffix if file.suffix.lower() in WRITTEN else ".glb"
            target = file.with_name(f"{file.stem}-solid{suffix}")
            typer.echo(
                f"To make it solid: lift3d repair {shlex.quote(str(file))} -o {shlex.quote(str(target))}"
            )
        elif not report.printable:
            typer.echo(
                "It is larger than the printer's bed: scale it, or give another bed (--bed 300x300x400mm)."
            )
    raise typer.Exit(0 if report.printable else 1)


def repair(
    file: Annotated[Path, typer.Argument(help="The broken mesh.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The solid: .glb .obj .ply .stl .3mf .usdz")],
) -> None:
    """Make a mesh solid with the smallest change, and report what changed."""
    from lift3d import api
    from lift3d.cli.console.words import origin_lines, show_warnings

    _, report = api.repair(file, output, return_report=True)
    show_warnings(report.warnings)
    typer.echo(f"found    {'; '.join(report.defects) or 'no defects: the mesh is solid already'}")
    for line in origin_lines(report.origin):
        typer.echo(line)
    for step in report.steps:
        typer.echo(f"did      {step}")
    dropped = report.moved_percent > report.new_surface_percent
    more = f"; surface up to {report.moved_percent:g} % away from it was dropped" if dropped else ""
    typer.echo(f"moved    at most {report.new_surface_percent:g} % of the diagonal{more}")
    typer.echo(f"faces    {report.faces_before} before, {report.faces_after} after")
    typer.echo(f"solid    {output}")


def convert(
    source: Annotated[Path, typer.Argument(help="The mesh to read.")],
    target: Annotated[Path, typer.Argument(help="The file to write: .glb .obj .ply .stl .3mf .usdz")],
) -> None:
    """Write a mesh in another format, with its texture and unit."""
    from lift3d import api
    from lift3d.cli.console.words import show_warning

    for path in api.convert(source, target, message=show_warning):
        typer.echo(f"wrote {path}")
    if target.suffix.lower() == ".stl":
        typer.echo("STL stores the shape only: no texture, no colours, no unit.")
