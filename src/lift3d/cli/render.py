"""`lift3d render`: views of a model with depth, normals, masks and cameras, or a turntable film."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def render(
    model: Annotated[Path, typer.Argument(help="A mesh: .glb .gltf .obj .ply .stl .off .3mf .usdz")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A new folder for the views, or a film NAME.mp4 or .gif.")
    ],
    views: Annotated[
        int | None, typer.Option(help="Number of views; if not given, 24, or 72 frames of a film.")
    ] = None,
    size: Annotated[int, typer.Option(help="Width and height in pixels.")] = 512,
    width: Annotated[int | None, typer.Option(help="Width in pixels, if it differs from the height.")] = None,
    height: Annotated[
        int | None, typer.Option(help="Height in pixels, if it differs from the width.")
    ] = None,
    elevation: Annotated[
        str, typer.Option(help="Degrees above the horizon; several are used in turn: 10,30.")
    ] = "",
    light: Annotated[
        str, typer.Option(help="studio, sun, flat, bare, or an equirectangular image of the surroundings.")
    ] = "studio",
    background: Annotated[
        str, typer.Option(help="white, transparent, the name of a colour, or #rrggbb.")
    ] = "white",
    seed: Annotated[
        int | None, typer.Option(help="Use random directions with this seed (0 or more) instead of an orbit.")
    ] = None,
    up: Annotated[str, typer.Option(help="Upright axis of an OBJ, OFF, PLY or STL file: y or z.")] = "z",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Render views of a model, or a turntable film.

    Views are written with depth, normals, masks and cameras.
    """
    angles = parse_angles(elevation)
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warnings

    with Bars(quiet) as bars:
        renderings = api.render(
            model, output, views=views, size=size, width=width, height=height, elevation=angles, light=light,
            background=background, seed=seed, up=up, progress=bars.step,
        )  # fmt: skip
    show_warnings(renderings.warnings, quiet)
    if not quiet:
        typer.echo(renderings.to_text())


def parse_angles(text: str) -> tuple[float, ...]:
    """ "10,30" -> (10.0, 30.0). Raises InputError for anything but numbers."""
    from lift3d.errors import InputError

    try:
        return tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise InputError(
            f"'{text[:40]}' is not a list of angles", "write degrees, such as 20 or 10,30"
        ) from error
