"""`lift3d view`: look at a model in the browser, from one HTML file."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer


def view(
    file: Annotated[Path, typer.Argument(help="The model: .glb .gltf .obj .ply .stl .3mf .off .usdz")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The HTML file to write. Default: one in a temporary folder."),
    ] = None,
    up: Annotated[str, typer.Option(help="Upright axis of an OBJ, OFF, PLY or STL file: y or z.")] = "z",
    no_open: Annotated[bool, typer.Option("--no-open", help="Write the file and open no browser.")] = False,
) -> None:
    """Look at a model in the browser: one HTML file that needs no server and no network."""
    from lift3d import api
    from lift3d.cli.console.words import show_warning

    path = api.view(file, output, up=up, open_browser=False, message=show_warning)
    typer.echo(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")
    if not no_open and not webbrowser.open(path.resolve().as_uri()):
        typer.echo("No browser was found; open the file yourself.")
