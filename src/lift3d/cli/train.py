"""`lift3d train | evaluate`: train networks, and compare them with their baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lift3d.train.config import Schedule
    from lift3d.train.registry import Trainable

PICTURES_SUFFIX = "-pictures"
TASK_HELP = "The network, such as image-to-voxels; `--tasks` lists all."
TASKS_HELP = "List the networks and exit."
DATA_HELP = "A corpus from `lift3d corpus build`; some tasks take a folder of your own meshes, CATEGORY/*.stl, as well."
PICTURES_HELP = "Rendered pictures of the corpus; if not given, CORPUS-pictures."
VOXELS_HELP = "For `classifier`: train the network of voxels on a folder of your own meshes too, which takes far longer."
THREADS_HELP = "Processor cores; if not given, OMP_NUM_THREADS or all."


def train(
    task: Annotated[str | None, typer.Argument(help=TASK_HELP)] = None,
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run; if not given, runs/TASK.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help=f"{PICTURES_HELP} They are rendered where they are missing.")
    ] = None,
    views: Annotated[int, typer.Option(help="Number of pictures to render of each shape.")] = 8,
    init_from: Annotated[
        str | None,
        typer.Option(help="Initial weights: a name of `lift3d models`, or the folder of a run."),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", help="Options from a file: best.json of `lift3d tune` or of a run."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set an option of the run, as in steps=2000; `--options` lists all."),
    ] = None,
    voxels: Annotated[bool, typer.Option("--voxels", help=VOXELS_HELP)] = False,
    up: Annotated[
        str, typer.Option(help="Upright axis of OBJ, OFF, PLY and STL files in a folder of your own: z or y.")
    ] = "z",
    options: Annotated[bool, typer.Option("--options", help="List the options of the run and exit.")] = False,
    tasks: Annotated[bool, typer.Option("--tasks", help=TASKS_HELP)] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; if not given, cuda if present.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help=THREADS_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Train a network, or resume training from the last checkpoint.

    Start it with torchrun to train on several devices.
    """
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.console.bars import Bars
    from lift3d.errors import InputError
    from lift3d.train.config import describe_options
    from lift3d.train.launch import launch
    from lift3d.train.registry import trainable

    if tasks:
        for line in list_tasks(evaluated=False):
            typer.echo(line)
        return
    if task is None:
        raise InputError("no network is named", "`lift3d train --tasks` lists them")
    found = trainable(task)
    chosen, why = choose_network(found, data, voxels or init_from is not None)
    if voxels and not found.own:
        raise InputError(f"{task} has no network of voxels to choose", "leave out --voxels")
    if up not in ("y", "z"):
        raise InputError(f"'{up[:40]}' is not an upright axis", "--up takes y or z")
    if options:
        if why:
            typer.echo(why)
        for name, type_name, default, text in describe_options(chosen.config):
            typer.echo(f"{name:<12} {type_name:<6} {default!s:<10} {text}")
        return
    config = parse_chosen(chosen, found, set_ or [], config_file)
    if data is None:
        raise InputError(
            "no training data are given", "name a corpus with --data; lift3d corpus build makes one"
        )
    folder = output if output is not None else Path("runs") / task.replace("_", "-")
    pictures = pictures if pictures is not None else data.parent / (data.name + PICTURES_SUFFIX)
    with Bars(quiet) as bars:
        if why:
            bars.say(why)
        try:
            last = launch(
                chosen,
                config,
                data,
                pictures,
                views,
                folder,
                init_from,
                device,
                threads,
                bars.say,
                bars.step,
                up,
            )
        except KeyboardInterrupt:
            if not any(folder.glob("step-*")):
                raise
            typer.echo(
                f"lift3d: interrupted; the same command resumes from the last checkpoint in {folder}.",
                err=True,
            )
            raise typer.Exit(130) from None
    if not quiet:
        typer.echo(f"weights   {folder / 'best.safetensors'}")
        typer.echo("last      " + ", ".join(f"{k} {v:.4f}" for k, v in last.items()))


def choose_network(task: Trainable, data: Path | None, voxels: bool) -> tuple[Trainable, str]:
    """The network that is trained on these data, and a sentence that says so where it is not that of the task. voxels: whether
    the task's own network is wanted all the same."""
    from lift3d.train.launch import has_own_meshes
    from lift3d.train.registry import trainable

    if not task.own or data is None or voxels or not has_own_meshes(data):
        return task, ""
    return trainable(task.own), (
        "for a folder of your own meshes, the embedding of their pictures and solids is classified "
        f"({task.own}), which takes minutes; --voxels trains the network of voxels"
    )


def network_name(chosen: Trainable) -> str:
    """The name of an entry of the train registry."""
    from lift3d.train.registry import TASKS

    return next(name for name, task in TASKS.items() if task is chosen)


def parse_chosen(chosen: Trainable, task: Trainable, words: list[str], file: Path | None = None) -> Schedule:
    """The options of the network that is trained: those of a file, if given, and of words `name=value`, which come after it.
    InputError for an unknown one, and for one of the task's own network, with a sentence that says so."""
    from lift3d.errors import InputError
    from lift3d.train.config import describe_options, parse_options
    from lift3d.train.config_file import options_from_file

    names = {name for name, *_ in describe_options(chosen.config)}
    others = {name for name, *_ in describe_options(task.config)} - names
    wrong = next((word.partition("=")[0] for word in words if word.partition("=")[0] in others), None)
    if wrong is not None:
        raise InputError(
            f"{wrong} is an option of the network of voxels", "add --voxels to train that network"
        )
    config = chosen.config()
    if file is not None:
        config = options_from_file(config, file, network_name(chosen))
    return parse_options(config, words)


def evaluate(
    task: Annotated[str | None, typer.Argument(help=TASK_HELP)] = None,
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for the table, the results by category, and images."),
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help=PICTURES_HELP)] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Folder of a run or a weights file; if not given, the package's own weights."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Weights of a trained baseline, for its row of the table.")
    ] = None,
    split: Annotated[str, typer.Option(help="test, or val for choosing between runs.")] = "test",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Number of shapes, evenly spaced; all if not given.")
    ] = None,
    tasks: Annotated[bool, typer.Option("--tasks", help=TASKS_HELP)] = False,
    threads: Annotated[int | None, typer.Option(min=1, help=THREADS_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the table.")] = False,
) -> None:
    """Evaluate a network on the test split, beside its baselines."""
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.console.bars import Bars
    from lift3d.errors import InputError
    from lift3d.evaluate.interface import Request
    from lift3d.evaluate.run import evaluate as run
    from lift3d.train.registry import trainable

    if tasks:
        for line in list_tasks(evaluated=True):
            typer.echo(line)
        return
    if task is None:
        raise InputError("no network is named", "`lift3d evaluate --tasks` lists them")
    trainable(task)
    if data is None:
        raise InputError("no test data are given", "name a corpus with --data; lift3d corpus build makes one")
    pictures = pictures if pictures is not None else data.parent / (data.name + PICTURES_SUFFIX)
    with Bars(quiet) as bars:
        request = Request(task, data, pictures, weights, baseline, split, limit, output, bars.say, bars.step)
        evaluation = run(request, threads)
    for line in evaluation.lines:
        typer.echo(line)


def list_tasks(evaluated: bool) -> list[str]:
    """One line for each entry of the train registry: its name and the first sentence of its module's docstring. evaluated: only
    those that `lift3d evaluate` measures."""
    import inspect
    import sys

    from lift3d.train.registry import TASKS

    chosen = {name: task for name, task in TASKS.items() if task.evaluator or not evaluated}
    width = max(map(len, chosen))
    lines = []
    for name, task in chosen.items():
        text = " ".join((inspect.getdoc(sys.modules[task.config.__module__]) or "").split())
        lines.append(f"{name:<{width}}  {text.partition('. ')[0].rstrip('.')}")
    return lines
