"""`lift3d generate | interpolate`: new models from the latent space of shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AUTOENCODER_HELP = (
    "Weights of the autoencoder, in the same form; if not given, those with which the generator was trained."
)
FORMAT_HELP = "Format of the models: glb, stl, 3mf, obj, ply or usdz."


def generate(
    category: Annotated[
        str | None, typer.Argument(help="The category, such as chair or tree; `--categories` lists them.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A new folder for the models.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="Number of models, 1 to 10000.")] = 1,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same models.")] = 0,
    size: Annotated[
        str | None, typer.Option(help="Longest side, such as 80mm; if not given, 1 without a unit.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help=FORMAT_HELP)] = "glb",
    model: Annotated[
        str, typer.Option(help="Generator: flow, gan or prior (unconditional, takes no category).")
    ] = "flow",
    weights: Annotated[
        str | None, typer.Option(help="Weights of the generator: the folder of a run or a weights file.")
    ] = None,
    autoencoder: Annotated[str | None, typer.Option(help=AUTOENCODER_HELP)] = None,
    symmetric: Annotated[bool, typer.Option(help="Make nearly symmetric shapes exactly symmetric.")] = True,
    layout: Annotated[
        bool,
        typer.Option(
            help="Start from a layout that is typical of the category; without it, shapes vary more."
        ),
    ] = True,
    candidates: Annotated[
        int,
        typer.Option(
            help="Samples per model, of which the first that is confident enough is taken; 1: no selection."
        ),
    ] = 4,
    categories: Annotated[bool, typer.Option("--categories", help="List the categories and exit.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Generate new models of a category; each is closed and printable."""
    from lift3d.nets import require_torch
    from lift3d.units import parse_length

    require_torch()
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.errors import InputError
    from lift3d.units import format_count

    if categories:
        for name in api.categories(model, weights=weights, autoencoder=autoencoder):
            typer.echo(name)
        return
    if output is None:
        raise InputError("no output folder is given", "name a new folder with -o")
    with Bars(quiet) as bars:
        models = api.generate(
            category,
            output,
            count=count,
            seed=seed,
            model=model,
            size=None if size is None else parse_length(size, "--size"),
            format=format_,
            weights=weights,
            autoencoder=autoencoder,
            symmetric=symmetric,
            candidates=candidates,
            layout=layout,
            progress=bars.step,
            message=bars.say,
        )
    if not quiet:
        report = models.report
        many = format_count(len(models), "model")
        typer.echo(f"wrote    {many} of {report['category']} to {output}, and sheet.png to look at")
        typer.echo(f"solid    all; {format_count(report['samples'], 'sample')}, {report['seconds']:.1f} s")


def interpolate(
    first: Annotated[Path, typer.Argument(help="A mesh: .glb .obj .ply .stl .3mf .usdz")],
    second: Annotated[Path, typer.Argument(help="Another mesh.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder for the models.")],
    steps: Annotated[int, typer.Option(help="Number of models, both ends included.")] = 8,
    path: Annotated[
        str, typer.Option(help="flow: through plausible shapes; straight: one shape fades into the other.")
    ] = "flow",
    format_: Annotated[str, typer.Option("--format", help=FORMAT_HELP)] = "glb",
    weights: Annotated[
        str | None, typer.Option(help="Weights of the flow: the folder of a run or a weights file.")
    ] = None,
    autoencoder: Annotated[str | None, typer.Option(help=AUTOENCODER_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Interpolate between two models; each step is closed and printable."""
    from lift3d.nets import require_torch

    require_torch()
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.units import format_count

    with Bars(quiet) as bars:
        models = api.interpolate(
            first, second, output, steps=steps, path=path, format=format_, weights=weights, autoencoder=autoencoder,
            progress=bars.step, message=bars.say,
        )  # fmt: skip
    if not quiet:
        shares = [f"{100 * overlap:.0f} %" for overlap in models.report["overlap"]]
        typer.echo(f"wrote    {format_count(len(models), 'model')} to {output}, and sheet.png to look at")
        typer.echo(
            f"ends     the latent codes reconstruct {shares[0]} of {first.name} and {shares[1]} of {second.name}"
        )
