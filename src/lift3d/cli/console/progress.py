"""Progress of a reconstruction: a bar with an estimate of the time left on a terminal, else plain lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from lift3d.cli.console.bars import Screen
from lift3d.runtime.time_left import STEP_LABELS, Estimate
from lift3d.units import format_seconds

if TYPE_CHECKING:
    from rich.progress import TaskID


class Show(Screen):
    """Progress of the steps of a reconstruction. Context manager with `step(name, fraction)` and `say(sentence)`."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(quiet)
        self.estimate = Estimate()
        self.last = ""
        self.task: TaskID | None = None

    def __enter__(self) -> Show:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description:<26}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
            )
            self.bar = Progress(
                *columns, TextColumn("{task.fields[left]}"), console=Console(stderr=True), transient=True
            )
            self.task = self.bar.add_task("starting", total=1.0, left="")
            self.bar.start()
        return self

    def step(self, step: str, fraction: float) -> None:
        """The progress callback: a step of `STEP_LABELS` with the fraction that is done, 0 to 1."""
        whole = self.estimate.update(step, fraction)
        if self.quiet:
            return
        seconds = self.estimate.seconds_left(whole)
        left = "" if seconds is None else f"about {format_seconds(seconds)} left"
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=whole, description=STEP_LABELS[step], left=left)
        elif step != self.last:
            typer.echo(
                f"{STEP_LABELS[step]} ({100 * whole:.0f} % done{', ' + left if left else ''})", err=True
            )
        self.last = step
