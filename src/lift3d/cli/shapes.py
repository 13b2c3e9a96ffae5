"""`lift3d generate | interpolate`: the space of shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lift3d.errors import InputError


def generate(
    kind: Annotated[
        str | None, typer.Argument(help="What to make: chair, tree, ...; `--kinds` lists them.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A new folder for the models.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="How many models.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed, other models.")] = 0,
    size: Annotated[
        str | None, typer.Option(help="Longest side, as in 80mm; 1 without a unit if not given.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="glb stl 3mf obj ply usdz")] = "glb",
    model: Annotated[
        str, typer.Option(help="flow, gan, or prior (of the autoencoder; it takes no kind).")
    ] = "flow",
    weights: Annotated[
        str | None, typer.Option(help="Of the generator: a run's folder or a weights file.")
    ] = None,
    autoencoder: Annotated[
        str | None,
        typer.Option(help="Of the autoencoder, likewise; usually the one that the others learned with."),
    ] = None,
    mirror: Annotated[bool, typer.Option(help="Make what is nearly its own mirror image exactly so.")] = True,
    outline: Annotated[
        bool,
        typer.Option(help="Begin with a layout as things of the kind have it; without, stranger things."),
    ] = True,
    among: Annotated[
        int | None,
        typer.Option(
            help="Draws for each model, 4 if not given: one as sure as real things are is taken. 1: any."
        ),
    ] = None,
    kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds that can be made, and end.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Make up new things of a kind: each closed, printable, and different from the others."""
    from lift3d.nets import require_torch
    from lift3d.units import parse_length

    require_torch()
    from lift3d.cli.bars import Bars
    from lift3d.inference.generators import PRIOR, autoencoder_of, drawer
    from lift3d.inference.rejection_sampling import AMONG
    from lift3d.pipelines.generate import NO_KIND, Options, write_generated
    from lift3d.units import format_count

    autoencoder = autoencoder or autoencoder_of(weights)
    if kinds:
        known = drawer(model, weights, autoencoder).kinds
        if not known:
            raise InputError(f"{model} knows no kinds", "leave --model out for the kinds of the flow")
        for name in known:
            typer.echo(name)
        return
    if kind is None and model != PRIOR:
        raise InputError(*NO_KIND)
    if output is None:
        raise InputError("there is nowhere to write to", "name a new folder with -o")
    metres = None if size is None else parse_length(size, "--size")
    ending = format_.lstrip(".").lower()
    options = Options(
        count,
        seed,
        model,
        ending,
        metres,
        weights,
        autoencoder,
        mirror,
        AMONG if among is None else among,
        outline,
    )
    with Bars(quiet) as bars:
        report = write_generated(kind, options, output, bars.say, bars.step)
    if not quiet:
        many = format_count(len(report["models"]), "model")
        typer.echo(f"wrote    {many} of {report['kind']} to {output}, and sheet.png to look at")
        typer.echo(f"solid    all; {format_count(report['draws'], 'draw')}, {report['seconds']:.1f} s")


def interpolate(
    first: Annotated[Path, typer.Argument(help="A mesh: .glb .obj .ply .stl .3mf .usdz")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder for the models.")],
    steps: Annotated[int, typer.Option(help="How many models, the two ends among them.")] = 8,
    way: Annotated[
        str, typer.Option(help="flow: through things; straight: one fades into the other.")
    ] = "flow",
    format_: Annotated[str, typer.Option("--format", help="glb stl 3mf obj ply usdz")] = "glb",
    weights: Annotated[
        str | None, typer.Option(help="Of the flow: a run's folder or a weights file.")
    ] = None,
    autoencoder: Annotated[
        str | None,
        typer.Option(help="Of the autoencoder, likewise; usually the one that the others learned with."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Make the things between two: each closed and printable, the ends as the networks see them."""
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.bars import Bars
    from lift3d.inference.generators import autoencoder_of
    from lift3d.pipelines.interpolate import Options, write_between
    from lift3d.units import format_count

    autoencoder = autoencoder or autoencoder_of(weights)
    options = Options(steps, way, format_.lstrip(".").lower(), weights, autoencoder)
    with Bars(quiet) as bars:
        report = write_between(first, second, options, output, bars.say, bars.step)
    if not quiet:
        held = [f"{100 * share:.0f} %" for share in report["held"]]
        typer.echo(
            f"wrote    {format_count(len(report['models']), 'model')} to {output}, and sheet.png to look at"
        )
        typer.echo(f"ends     the codes hold {held[0]} of {first.name} and {held[1]} of {second.name}")
