"""`lift3d measure`: sizes of structures, and how well two segmentations agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def measure(
    first: Annotated[Path, typer.Argument(help="Labels, or a closed mesh.")],
    second: Annotated[
        Path | None,
        typer.Argument(help="Labels or a mesh to compare with; or a volume, for the values in a mesh."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A table to write: .csv or .json.")
    ] = None,
    tolerance: Annotated[str, typer.Option(help="Distance within which surfaces agree (NSD).")] = "1mm",
    frame: Annotated[
        str | None, typer.Option(help="Patient frame of meshes whose files state none: lps or ras.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure structures of a volume or a mesh, or compare two segmentations."""
    import json

    from lift3d import api
    from lift3d.cli.console.words import show_warnings
    from lift3d.pipelines.medical.notice import NOTICE

    report = api.measure(first, second, output, tolerance=tolerance, frame=frame)
    show_warnings(report.notes)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
        return
    typer.echo(report.to_text())
    typer.echo(NOTICE)
