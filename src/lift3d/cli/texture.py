"""`lift3d texture`: photos onto a mesh without colours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def texture(
    mesh: Annotated[Path, typer.Argument(help="A mesh: .glb .obj .ply .stl .3mf .usdz")],
    photos: Annotated[
        list[Path], typer.Argument(help="One to 24 photos of the object, each showing it whole.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The model with colours: .glb .obj .ply .3mf .usdz")
    ],
    size: Annotated[int, typer.Option(help="Texels along each side of the texture, 256 to 8192.")] = 2048,
    up: Annotated[
        str, typer.Option(help="Upright axis of a mesh whose format does not state it: z or y.")
    ] = "z",
    delight: Annotated[
        bool, typer.Option("--delight", help="Remove the estimated light from the texture: albedo.")
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of the network for masks: the folder of a run or a weights file."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Colour a mesh by photos of the object.

    The cameras are found by the silhouette of the mesh; its shape stays as it is.
    """
    from lift3d import api
    from lift3d.cli.console.bars import Bars

    said: list[str] = []
    with Bars(quiet) as bars:
        api.texture(
            mesh,
            list(photos),
            output,
            size=size,
            up=up,
            delight=delight,
            weights=weights,
            progress=bars.step,
            message=said.append,
        )
    if not quiet:
        for sentence in said:
            typer.echo(sentence)
        typer.echo(f"wrote {output} and {output.with_suffix('.png').name}")
