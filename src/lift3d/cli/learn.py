"""`lift3d train | evaluate | models | mask`: the learned mappings, their numbers and their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lift3d.errors import InputError

SUFFIX = "-pictures"
TRAINED = (
    "image-to-mask, image-to-voxels, autoencoder, vae, flow, gan, classifier, masked-voxels, masked-pictures, embedding, "
    "embedding-to-label or completion."
)
MEASURED = "image-to-mask, image-to-voxels, autoencoder, vae, flow, gan, classifier, embedding or completion."
DATA = (
    "A corpus that `lift3d corpus build` made; classifier and embedding-to-label take a folder of your own meshes as well, with "
    "one folder for each kind."
)
MEASURED_ON = "A corpus that `lift3d corpus build` made; classifier takes a folder of your own meshes, KIND/*.stl, as well."


def train(
    mapping: Annotated[str, typer.Argument(help=TRAINED)],
    data: Annotated[Path | None, typer.Option(help=DATA)] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The run's folder; runs/MAPPING if not given.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Pictures of the corpus; CORPUS-pictures if not given, rendered if not there."),
    ] = None,
    views: Annotated[int, typer.Option(help="Pictures of each shape, where they are rendered.")] = 8,
    init_from: Annotated[
        str | None,
        typer.Option(help="Start from these weights: a name of `lift3d models`, or a run's folder."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="An option of the run, as in steps=2000; `--options` lists them."),
    ] = None,
    options: Annotated[bool, typer.Option("--options", help="List the options of the run, and end.")] = False,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; the fastest there is if not given.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor cores; OMP_NUM_THREADS or all if not given.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Train a mapping, or go on where the last run in the folder stopped. With torchrun: on several devices."""
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.bars import Bars
    from lift3d.train.config import describe_options, parse_options
    from lift3d.train.launch import launch
    from lift3d.train.registry import trainable

    task = trainable(mapping)
    if options:
        for name, kind, default, text in describe_options(task.config):
            typer.echo(f"{name:<12} {kind:<6} {default!s:<10} {text}")
        return
    config = parse_options(task.config(), set_ or [])
    if data is None:
        raise InputError(
            "there is nothing to learn from", "name a corpus with --data; lift3d corpus build makes one"
        )
    folder = output if output is not None else Path("runs") / mapping.replace("_", "-")
    pictures = pictures if pictures is not None else data.parent / (data.name + SUFFIX)
    with Bars(quiet) as bars:
        try:
            last = launch(
                task, config, data, pictures, views, folder, init_from, device, threads, bars.say, bars.step
            )
        except KeyboardInterrupt:
            if not any(folder.glob("step-*")):
                raise
            typer.echo(
                f"lift3d: interrupted; the same command goes on from the last checkpoint in {folder}.",
                err=True,
            )
            raise typer.Exit(130) from None
    if not quiet:
        typer.echo(f"weights   {folder / 'best.safetensors'}")
        typer.echo("last      " + ", ".join(f"{k} {v:.4f}" for k, v in last.items()))


def mask(
    photo: Annotated[Path, typer.Argument(help="A photo of one thing.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The cut-out: a PNG with transparency.")],
    only: Annotated[bool, typer.Option("--only", help="Write the mask itself, white on black.")] = False,
    weights: Annotated[str | None, typer.Option(help="A run's folder or a weights file of your own.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Cut the thing out of a photo: what is not the thing becomes transparent."""
    from lift3d.pipelines.cut_out import write_cut

    facts = write_cut(photo, output, only, weights)
    if not quiet:
        typer.echo(
            f"wrote {output}: the thing takes {100 * facts['share']:.0f} % of the photo; {facts['how']}"
        )
        if facts.get("others"):
            typer.echo(f"there are {facts['others'] + 1} things in it; the largest was taken")


def models() -> None:
    """The networks that come with lift3d: size, licence, and how well each does what it was trained for."""
    from lift3d.weights import list_models

    for cfg in list_models():
        row = cfg.summary()
        typer.echo(
            f"{row['name']:<18} {row['size']:>8}  {row['licence']:<10}  {row['task']}; {row['metric']}"
        )


def evaluate(
    mapping: Annotated[str, typer.Argument(help=MEASURED)],
    data: Annotated[Path | None, typer.Option(help=MEASURED_ON)] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for the table, per category, and pictures.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Pictures of the corpus; CORPUS-pictures if not given.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="A run's folder or a weights file; the package's own if not given.")
    ] = None,
    plain: Annotated[
        str | None, typer.Option(help="Weights of the plain baseline, for its row of the table.")
    ] = None,
    split: Annotated[str, typer.Option(help="test, or val while you are still choosing.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Shapes, spread evenly; all if not given.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor cores; OMP_NUM_THREADS or all if not given.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Measure a learned mapping on shapes it has never seen, beside the baselines that it has to beat."""
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.bars import Bars
    from lift3d.evaluate.run import evaluate as run
    from lift3d.train.registry import trainable

    trainable(mapping)
    if data is None:
        raise InputError(
            "there is nothing to measure on", "name a corpus with --data; lift3d corpus build makes one"
        )
    pictures = pictures if pictures is not None else data.parent / (data.name + SUFFIX)
    with Bars(quiet) as bars:
        lines = run(
            mapping, data, pictures, weights, plain, split, limit, output, threads, bars.say, bars.step
        )
    for line in lines:
        typer.echo(line)
