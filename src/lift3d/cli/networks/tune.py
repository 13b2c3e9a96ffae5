"""`lift3d tune`: search for good options of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lift3d.cli.train import DATA_HELP, PICTURES_HELP, PICTURES_SUFFIX, THREADS_HELP, VOXELS_HELP


def tune(
    task: Annotated[
        str, typer.Argument(help="The network, such as image-to-voxels; `lift3d train --tasks` lists all.")
    ],
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the study; if not given, studies/TASK.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials in all, those of earlier calls among them.")] = 30,
    minutes: Annotated[float, typer.Option(help="No trial begins that would end later than this.")] = 60.0,
    steps: Annotated[
        int | None, typer.Option(help="Steps of a trial; if not given, a tenth of a whole run.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help=f"{PICTURES_HELP} They are rendered where they are missing.")
    ] = None,
    views: Annotated[int, typer.Option(help="Number of pictures to render of each shape.")] = 8,
    init_from: Annotated[
        str | None, typer.Option(help="Initial weights: a name of `lift3d models`, or the folder of a run.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set an option, as in width=16, which is then not searched."),
    ] = None,
    space: Annotated[
        bool, typer.Option("--space", help="List the options that are searched and exit.")
    ] = False,
    voxels: Annotated[bool, typer.Option("--voxels", help=VOXELS_HELP)] = False,
    up: Annotated[
        str, typer.Option(help="Upright axis of OBJ, OFF, PLY and STL files in a folder of your own: z or y.")
    ] = "z",
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; if not given, cuda if present.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help=THREADS_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the best trial.")] = False,
) -> None:
    """Search for good options of a training run; the same command resumes a search.

    The first trial has the default options. Start the same command several times to run trials at once.
    """
    from lift3d.nets import require_torch

    require_torch()
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.train import choose_network, network_name, parse_chosen
    from lift3d.errors import InputError
    from lift3d.train.registry import trainable
    from lift3d.train.tuning.plan import make_plan
    from lift3d.train.tuning.search import Search, run_search

    found = trainable(task)
    chosen, why = choose_network(found, data, voxels or init_from is not None)
    if voxels and not found.own:
        raise InputError(f"{task} has no network of voxels to choose", "leave out --voxels")
    if up not in ("y", "z"):
        raise InputError(f"'{up[:40]}' is not an upright axis", "--up takes y or z")
    plan = make_plan(network_name(chosen), chosen, parse_chosen(chosen, found, set_ or []), steps)
    if space:
        for line in space_lines(plan):
            typer.echo(line)
        return
    if data is None:
        raise InputError(
            "no training data are given", "name a corpus with --data; lift3d corpus build makes one"
        )
    if not data.exists():
        raise InputError(f"{data} does not exist", "name a corpus, or a folder of meshes, with --data")
    folder = output if output is not None else Path("studies") / task.replace("_", "-")
    pictures = pictures if pictures is not None else data.parent / (data.name + PICTURES_SUFFIX)
    search = Search(
        plan, folder, data, pictures, views, init_from, device, threads, up, trials, minutes, seed
    )
    with Bars(quiet) as bars:
        if why:
            bars.say(why)
        bars.say(f"trials of {plan.config.steps} steps; {', '.join(plan.space)} are searched")
        study = run_search(search, bars.say, bars.step)
    from lift3d.train.tuning import report

    findings = report.find(study, plan)
    if findings.best is None:
        raise InputError("no trial was finished", "give more --minutes or fewer --steps")
    files = report.write_findings(findings, plan, folder)
    if not quiet:
        for line in report.table_lines(findings, plan):
            typer.echo(line)
        if findings.importance:
            parts = ", ".join(f"{name} {100 * value:.0f} %" for name, value in findings.importance)
            typer.echo(f"importance: {parts}")
    typer.echo(report.verdict(findings, plan))
    if not quiet:
        typer.echo("wrote " + ", ".join(map(str, files)))
        typer.echo(f"train with: lift3d train {task} --config {files[0]} --data {data}")


def space_lines(plan: object) -> list[str]:
    """One line for each option that is searched: its name, its values and its default."""
    from lift3d.train.config import Choice
    from lift3d.train.tuning.plan import Plan

    assert isinstance(plan, Plan)
    lines = []
    for name, tune in plan.space.items():
        if isinstance(tune, Choice):
            text = ", ".join(map(str, tune.values))
        else:
            text = f"{tune.low:g} to {tune.high:g}{', logarithmic' if tune.log else ''}"
        lines.append(f"{name:<12} {text:<32} default {plan.defaults[name]}")
    return lines
