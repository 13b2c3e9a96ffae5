"""`lift3d render`: pictures of a model, with depth, normals, masks and cameras, or a film of it turning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lift3d.errors import InputError


def render(
    model: Annotated[Path, typer.Argument(help="A mesh: .glb .gltf .obj .ply .stl .off .3mf .usdz")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A folder for the pictures, or NAME.mp4 or .gif.")
    ],
    views: Annotated[int | None, typer.Option(help="How many; 24 pictures, or 72 frames of a film.")] = None,
    size: Annotated[int, typer.Option(help="Width and height in pixels.")] = 512,
    width: Annotated[int | None, typer.Option(help="Width, where it is not the height.")] = None,
    height: Annotated[int | None, typer.Option(help="Height, where it is not the width.")] = None,
    elevation: Annotated[str, typer.Option(help="Degrees above the horizon; several in turn: 10,30.")] = "",
    light: Annotated[
        str, typer.Option(help="studio, sun, flat, bare, or an equirectangular picture of surroundings.")
    ] = "studio",
    background: Annotated[
        str, typer.Option(help="white, transparent, a colour's name or #rrggbb.")
    ] = "white",
    seed: Annotated[
        int | None, typer.Option(help="Look from random places instead of walking around; 0 or more.")
    ] = None,
    up: Annotated[str, typer.Option(help="y or z: the upright axis of an OBJ, OFF, PLY or STL file.")] = "z",
) -> None:
    """Pictures of a model from all around: colour, depth, normals, masks and cameras; or a turntable film."""
    angles = parse_angles(elevation)
    from lift3d.cli.bars import Bars
    from lift3d.pipelines.render import Options, render_file

    wide, high = size if width is None else width, size if height is None else height
    options = Options(views, wide, high, angles, light, background, seed, up)
    with Bars() as show:
        sentence = render_file(model, output, options, show.step)
    typer.echo(sentence)


def parse_angles(text: str) -> tuple[float, ...]:
    """ "10,30" -> (10.0, 30.0)."""
    try:
        return tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise InputError(
            f"'{text[:40]}' is no list of angles", "write degrees, such as 20 or 10,30"
        ) from error
