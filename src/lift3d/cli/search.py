"""`lift3d index` and `lift3d search`: find a model among many, by a photo, a model or words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def index(
    folder: Annotated[Path, typer.Argument(help="A folder; every model file below it is indexed.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The index's folder; FOLDER/.lift3d-index if not given."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="A run's folder or a weights file of your own.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Make a folder of models searchable; again later, only what is new, changed or gone is touched."""
    from lift3d.cli.bars import Bars
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.pipelines.index import update

    with Bars(quiet) as bars:
        try:
            place, report, count = update(folder, output, weights, bars.say, bars.step)
        except KeyboardInterrupt:
            typer.echo("lift3d: interrupted; what was indexed so far is kept.", err=True)
            raise typer.Exit(130) from None
    if not quiet:
        for path, why in sorted(report.refused.items()):
            typer.echo(f"not read  {path}: {why.removeprefix(Path(path).name).strip(' :')}")
        typer.echo(f"{place}: {count} models; {report.to_text()}")


def search(
    query: Annotated[str, typer.Argument(help="A photo, a model, or words such as 'round table'.")],
    k: Annotated[int, typer.Option("-k", help="How many finds.")] = 5,
    index: Annotated[
        Path | None,
        typer.Option("--index", help="An index, or the folder it was made of; the one here if not given."),
    ] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the finds as JSON.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A sheet of the finds to look at: a PNG.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="A run's folder or a weights file of your own.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Find the models of an index that are nearest to a photo, to a model, or to words.

    The nearest stands first. The number before a find orders the finds of one question; it is no probability.
    """
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.bars import Bars
    from lift3d.errors import InputError
    from lift3d.pipelines.search import find, find_index, write_json
    from lift3d.pipelines.search_sheet import write_sheet

    if output is not None and output.suffix.lower() != ".png":
        raise InputError(f"the sheet {output.name} is no PNG", "give it a name that ends in .png")
    if as_json is not None and as_json.is_dir():
        raise InputError(f"{as_json} is a folder", "give the finds another name with --json")
    with Bars(quiet) as bars:
        found = find(query, find_index(index, Path.cwd()), k, weights, bars.step)
    if as_json is not None:
        write_json(found, query, as_json)
    if output is not None:
        write_sheet(output, query, found)
    for near in found.neighbours.items:
        name = "".join(letter if letter.isprintable() else "?" for letter in near.name)
        gone = "" if (found.root / near.name).is_file() else "  (not there any more)"
        typer.echo(f"{near.score:6.3f}  {name}{gone}")
