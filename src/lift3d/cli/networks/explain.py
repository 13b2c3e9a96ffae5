"""`lift3d explain`: which pixels of a photo, or voxels of a model, an output of a network is based on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lift3d.pipelines.explanations.explanation import Explanation


def explain(
    file: Annotated[Path, typer.Argument(help="A photo or a model (.glb .obj .ply .stl .3mf .usdz .off).")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="A PNG, of a model a GLB or PLY; the numbers are written to NAME.json."
        ),
    ],
    what: Annotated[
        str | None,
        typer.Option(help="Of a photo shape, mask, depth or label; of a model label or embedding."),
    ] = None,
    method: Annotated[str, typer.Option(help="gradients (integrated gradients) or occlusion.")] = "gradients",
    at: Annotated[
        str | None, typer.Option(help="X,Y: the pixel whose mask, depth or thickness is explained.")
    ] = None,
    region: Annotated[
        str, typer.Option(help="Of the shape: whole, front, back, left, right, top or bottom.")
    ] = "whole",
    category: Annotated[
        str | None, typer.Option(help="The label that is explained; if not given, the most probable.")
    ] = None,
    object_: Annotated[
        str | None, typer.Option("--object", help="X,Y: a pixel on the object that is meant.")
    ] = None,
    box: Annotated[
        str | None, typer.Option(help="X0,Y0,X1,Y1: a box around the object that is meant.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Gradients that are computed at most.")] = 64,
    weights: Annotated[
        str | None, typer.Option(help="Weights of the network: the folder of a run or a weights file.")
    ] = None,
    up: Annotated[str, typer.Option(help="Upright axis of OBJ, OFF, PLY and STL files: z or y.")] = "z",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Show which pixels or voxels an output of a network is based on."""
    from lift3d import api
    from lift3d.cli.console.bars import Bars

    with Bars(quiet) as bars:
        found = api.explain(
            file, output, what=what, method=method, at=at, region=region, category=category, object_at=object_, box=box,
            steps=steps, weights=weights, up=up, progress=bars.step,
        )  # fmt: skip
    if not quiet:
        for line in lines_of(found, output):
            typer.echo(line)


def lines_of(found: Explanation, output: Path) -> list[str]:
    """What is printed about an explanation."""
    lines = [
        f"wrote {output} and {output.with_suffix('.json').name}: red raises the {found.target}, blue lowers it"
    ]
    lines.append(
        f"value    {found.value:.4g} ({found.unit}); {found.baseline:.4g} for an input without content"
    )
    if found.on_object is not None and found.object_area is not None:
        lines.append(
            f"object   {100 * found.on_object:.0f} % of the attribution lies on the object, which has "
            f"{100 * found.object_area:.0f} % of the pixels; {100 * (found.on_edge or 0):.0f} % near its silhouette"
        )
    if found.channels:
        lines.append(
            "input    " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in found.channels.items())
        )
    for region in found.regions[:3]:
        box = ",".join(map(str, region.box))
        lines.append(f"region   {box}: {100 * region.share:.0f} %, {region.effect} it")
    if found.completeness_error is not None:
        lines.append(
            f"error    {100 * found.completeness_error:.1f} % (the sum of the attribution, against the change of the output)"
        )
    return [*lines, *(f"note     {note}" for note in found.notes)]
