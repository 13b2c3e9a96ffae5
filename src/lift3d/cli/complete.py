"""`lift3d complete`: a partial scan to a closed solid; a network predicts the missing part."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lift3d.pipelines.complete import Completion


def complete(
    file: Annotated[
        Path,
        typer.Argument(
            help="The partial scan: a mesh (.glb .obj .ply .stl ...) or a PLY of points with normals, upright."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The solid: .glb .obj .ply .stl .3mf .usdz")],
    force: Annotated[bool, typer.Option("--force", help="Complete the mesh even if it is closed.")] = False,
    weights: Annotated[
        str | None, typer.Option(help="Your own weights: a run's folder or a weights file.")
    ] = None,
    resolution: Annotated[
        int, typer.Option(help="Grid steps of the new surface along its longest side, 32 to 320.")
    ] = 160,
    up: Annotated[str, typer.Option(help="Upright axis of OBJ, OFF, PLY and STL files: z or y.")] = "z",
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the same seed gives the same solid.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Complete a partial scan of one object to a closed solid. The known part stays unchanged; the rest is predicted."""
    from lift3d.nets import require_runtime

    require_runtime()
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warnings

    with Bars(quiet) as bars:
        result = api.complete(
            file, output, force=force, resolution=resolution, weights=weights, up=up, seed=seed,
            progress=bars.step, command=sys.argv[1:],
        )  # fmt: skip
    show_warnings(result.warnings, quiet)
    if not quiet:
        for line in summary(result, output):
            typer.echo(line)


def summary(result: Completion, output: Path) -> list[str]:
    """The result in a few lines."""
    from lift3d.cli.console.words import origin_lines

    if result.closed_already:
        lines = ["The mesh is closed already and is written unchanged; --force completes it all the same."]
    else:
        assert result.known_fraction is not None and result.known_size is not None
        unit = f" {result.mesh.units}" if result.mesh.units else " without a unit"
        size = " x ".join(f"{s:.4g}" for s in result.size)
        known = " x ".join(f"{s:.4g}" for s in result.known_size)
        lines = [
            f"known    {100 * result.known_fraction:.0f} % of the new surface; the rest is predicted",
            f"size     {size}{unit}; the known part has {known}",
        ]
    if result.points_left_out:
        lines.append(f"left out {result.points_left_out} points that are not finite or have no normal")
    return [*lines, *origin_lines(result.origin), f"solid    {output}"]
