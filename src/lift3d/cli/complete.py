"""`lift3d complete`: what a scan lacks, filled in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def complete(
    file: Annotated[
        Path,
        typer.Argument(
            help="The partial scan: a mesh (.glb .obj .ply .stl ...) or a PLY of points with normals, z up."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The solid: .glb .obj .ply .stl .3mf .usdz")],
    force: Annotated[bool, typer.Option("--force", help="Complete it even if it is closed already.")] = False,
    weights: Annotated[str | None, typer.Option(help="A run's folder or a weights file of your own.")] = None,
    resolution: Annotated[
        int, typer.Option(help="Steps of the new surface along its longest side, 32 to 320.")
    ] = 160,
    seed: Annotated[int, typer.Option(min=0, help="Everything random follows from it.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Fill in what a scan of one thing lacks, from what a network knows of shapes; what is known stays as it is."""
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.bars import Bars
    from lift3d.pipelines.complete import Options, complete_file

    options = Options(weights, force, resolution, seed=seed)
    with Bars(quiet) as bars:
        lines = complete_file(file, output, options, sys.argv[1:], bars.step)
    if not quiet:
        for line in lines:
            typer.echo(line)
