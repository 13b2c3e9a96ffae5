"""`lift3d depth`: the depth of a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def depth(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="Inverse depth as 16-bit PNG; NAME.npy and NAME.preview.png are written beside it.",
        ),
    ],
    normals: Annotated[Path | None, typer.Option(help="Write the normals: PNG.")] = None,
    points: Annotated[Path | None, typer.Option(help="Write a coloured point cloud: PLY.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights of the network: the folder of a run or a weights file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Predict the depth of a photo."""
    import math

    from lift3d import api
    from lift3d.cli.console.words import show_warnings

    warnings: list[str] = []
    found = api.depth(photo, output, normals=normals, points=points, weights=weights, message=warnings.append)
    if quiet:
        return
    show_warnings(warnings)
    field = math.degrees(2 * math.atan(found.camera.width / 2 / found.camera.fx))
    names = [
        output,
        output.with_suffix(".npy"),
        output.with_name(f"{output.stem}.preview.png"),
        normals,
        points,
    ]
    typer.echo("wrote " + ", ".join(str(name) for name in names if name is not None))
    typer.echo(f"the depth has no scale: its median is 1; horizontal field of view {field:.0f} degrees")
