"""`lift3d index` and `lift3d search`: find models by a photo, a model or words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MAX_WARNINGS = 12
"""Warnings of a whole folder that are shown one by one."""
WEIGHTS_HELP = "Weights of the embedding: the folder of a run or a weights file."


def index(
    folder: Annotated[Path, typer.Argument(help="A folder; every model file below it is indexed.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder of the index; FOLDER/.lift3d-index if not given."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help=WEIGHTS_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Index a folder of models for search.

    A second call processes only models that are new, changed or removed.
    """
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warnings
    from lift3d.nets import require_runtime

    require_runtime()
    from lift3d import api

    with Bars(quiet) as bars:
        try:
            report = api.index(folder, output, weights=weights, progress=bars.step, message=bars.say)
        except KeyboardInterrupt:
            typer.echo("lift3d: interrupted; what was indexed so far is kept.", err=True)
            raise typer.Exit(130) from None
    if not quiet:
        show_warnings(report.warnings[:MAX_WARNINGS])
        if len(report.warnings) > MAX_WARNINGS:
            show_warnings([f"{len(report.warnings) - MAX_WARNINGS} more, on other models"])
        for reason in report.reasons():
            typer.echo(f"not read  {reason}")
        typer.echo(f"{report.path}: {report.count} models; {report.to_text()}")


def search(
    query: Annotated[str, typer.Argument(help="A photo, a model, or words such as 'round table'.")],
    count: Annotated[int, typer.Option("-k", "--count", help="Number of models shown.")] = 5,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            help="An index, or the folder that was indexed; if not given, the index in the current folder.",
        ),
    ] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the result as JSON.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write a contact sheet of the result: a PNG.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help=WEIGHTS_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result and errors.")] = False,
) -> None:
    """Search an index by photo, model or text.

    The nearest model is printed first. Scores order the models of one query; they are not probabilities.
    """
    from lift3d.nets import require_runtime

    require_runtime()
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warnings
    from lift3d.errors import InputError
    from lift3d.io.files.atomic import write_bytes
    from lift3d.pipelines.search_sheet import write_search_sheet

    if output is not None and output.suffix.lower() != ".png":
        raise InputError(f"the sheet {output.name} is not a PNG", "give it a name that ends in .png")
    if as_json is not None and as_json.is_dir():
        raise InputError(f"{as_json} is a folder", "give the result another name with --json")
    with Bars(quiet) as bars:
        result = api.search(query, index=index, count=count, weights=weights, progress=bars.step)
    show_warnings(result.warnings, quiet)
    if as_json is not None:
        write_bytes(as_json, result.to_json(query).encode())
    if output is not None:
        write_search_sheet(output, query, result)
    for neighbour in result:
        name = "".join(letter if letter.isprintable() else "?" for letter in neighbour.name)
        gone = "" if result.path(neighbour).is_file() else "  (does not exist any more)"
        typer.echo(f"{neighbour.score:6.3f}  {name}{gone}")
