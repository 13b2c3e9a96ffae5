"""`lift3d segment`: the structures of a volume by a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lift3d.cli.medical.volume import SOURCE_HELP, CloseGap, Quiet, Series, Spacing, Time


def segment(
    source: Annotated[Path, typer.Argument(help=SOURCE_HELP)],
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder.")],
    task: Annotated[
        str | None, typer.Option(help="What to find: hippocampus, or another that `lift3d models` lists.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Your own network: the folder of a run or a weights file.")
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror/--no-mirror", help="Average over mirrored volumes: slower, better.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Go on with a volume unlike those of the task.")
    ] = False,
    series: Series = None,
    time: Time = None,
    close_gap: CloseGap = False,
    spacing: Spacing = None,
    frame: Annotated[str, typer.Option(help="Patient frame of the models: lps or ras.")] = "lps",
    quiet: Quiet = False,
) -> None:
    """Find structures in a CT or MR volume by a network, as labels and as closed models."""
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warnings
    from lift3d.pipelines.medical.notice import NOTICE

    notes: list[str] = []
    with Bars(quiet) as bars:
        found = api.segment(
            source, output, task=task, weights=weights, mirror=mirror, force=force, series=series, time=time,
            close_gap=close_gap, spacing=spacing, frame=frame, progress=bars.step, message=notes.append,
        )  # fmt: skip
    if quiet:
        return
    show_warnings(notes)
    typer.echo(f"volume   {found.models.to_text()}")
    for one in found.models.structures:
        typer.echo(
            f"{one.name:<12} {one.volume_ml:.3f} ml, expected Dice {one.certainty or 0:.2f}, {one.file}"
        )
    typer.echo(f"wrote    {output}: labels.nii.gz, models, labels.csv, preview.png")
    typer.echo(NOTICE)
