"""`lift3d classify`: the category of an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def classify(
    file: Annotated[Path, typer.Argument(help="A model (.glb .obj .ply .stl .3mf .usdz .off) or a photo.")],
    top: Annotated[int, typer.Option(min=1, help="Number of categories shown, most probable first.")] = 5,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the result to this file.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Your own weights, with your own categories: a run's folder or a weights file."),
    ] = None,
    up: Annotated[str, typer.Option(help="Upright axis of OBJ, OFF, PLY and STL files: z or y.")] = "z",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the categories.")] = False,
) -> None:
    """Classify the object of a model or a photo.

    Prints the most probable categories with their probabilities.
    """
    from lift3d import api
    from lift3d.cli.console.bars import Screen
    from lift3d.errors import InputError
    from lift3d.io.files.atomic import write_bytes

    if as_json is not None and as_json.resolve() == file.resolve():
        raise InputError("the result would overwrite the file", "give it another name")
    if as_json is not None and as_json.is_dir():
        raise InputError(f"{as_json} is a folder", "give the result another name with --json")
    with Screen(quiet):
        result = api.classify(file, weights=weights, up=up)
    if as_json is not None:
        write_bytes(as_json, (json.dumps(result.to_dict(top), indent=1) + "\n").encode())
    for name, probability in result.top(top):
        typer.echo(f"{100 * probability:5.1f} %  {name}")
    if not quiet:
        for note in result.notes:
            typer.echo(f"note     {note}")
