"""Progress of a reconstruction: a bar with an estimate of the time left on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import typer

from lift3d.cli.bars import Screen
from lift3d.units import format_seconds

if TYPE_CHECKING:
    from rich.progress import TaskID

LABELS = {
    "photos": "reading the photos",
    "cameras": "finding the cameras",
    "depths": "measuring depth",
    "shape": "predicting the shape",
    "surface": "extracting the surface",
    "solid": "checking that it is solid",
    "texture": "painting the texture",
    "albedo": "removing the light",
    "output": "writing",
}
TIME_SHARES = {
    "photos": 2,
    "cameras": 25,
    "depths": 40,
    "shape": 4,
    "surface": 17,
    "solid": 3,
    "texture": 12,
    "albedo": 0,
    "output": 3,
}
"""Usual percentages of the time of the steps, for the estimate."""
MIN_DONE, MIN_SECONDS = 0.04, 2.0
"""No estimate is shown before this fraction is done and this time has passed."""


class Estimate:
    """Time left, from the elapsed time and the fraction of the work that is done."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.done: dict[str, float] = {}

    def update(self, step: str, fraction: float) -> float:
        """Record the progress of a step; returns the fraction of all work that is done, which never decreases."""
        for earlier in list(TIME_SHARES)[: list(TIME_SHARES).index(step)]:
            self.done[earlier] = 1.0
        self.done[step] = max(fraction, self.done.get(step, 0.0))
        return sum(TIME_SHARES[name] * part for name, part in self.done.items()) / sum(TIME_SHARES.values())

    def left(self, whole: float) -> str:
        """ "about 40 s left", or nothing while it is too early to say."""
        used = time.monotonic() - self.started
        if whole < MIN_DONE or used < MIN_SECONDS:
            return ""
        return f"about {format_seconds(used * (1 - whole) / whole)} left"


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
        """The progress callback: a step of `LABELS` with the fraction that is done, 0 to 1."""
        whole = self.estimate.update(step, fraction)
        if self.quiet:
            return
        if self.bar is not None and self.task is not None:
            self.bar.update(
                self.task, completed=whole, description=LABELS[step], left=self.estimate.left(whole)
            )
        elif step != self.last:
            left = self.estimate.left(whole)
            typer.echo(f"{LABELS[step]} ({100 * whole:.0f} % done{', ' + left if left else ''})", err=True)
        self.last = step
