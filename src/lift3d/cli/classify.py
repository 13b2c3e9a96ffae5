"""`lift3d classify`: what kind of thing is this?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def classify(
    file: Annotated[Path, typer.Argument(help="A model: .glb .obj .ply .stl .3mf .usdz .off, or a photo.")],
    top: Annotated[int, typer.Option(min=1, help="How many categories are shown, likeliest first.")] = 5,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the answer to this file.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="A run's folder or a weights file of your own categories.")
    ] = None,
    up: Annotated[str, typer.Option(help="The upright axis of OBJ, OFF, PLY and STL files: z or y.")] = "z",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the categories alone.")] = False,
) -> None:
    """What kind of thing a model or a photo shows, with probabilities."""
    from lift3d.cli.bars import Screen
    from lift3d.errors import InputError
    from lift3d.io.files.atomic import write_bytes
    from lift3d.pipelines.classify import classify_file

    if as_json is not None and as_json.resolve() == file.resolve():
        raise InputError("the answer would take the place of the file", "give it another name")
    if as_json is not None and as_json.is_dir():
        raise InputError(f"{as_json} is a folder", "give the answer another name with --json")
    Screen(quiet).say_first_run()
    answer = classify_file(file, weights, up)
    if as_json is not None:
        write_bytes(as_json, (json.dumps(answer.to_dict(top), indent=1) + "\n").encode())
    for name, probability in answer.label.top(top):
        typer.echo(f"{100 * probability:5.1f} %  {name}")
    if not quiet:
        for note in answer.notes:
            typer.echo(f"note     {note}")
