"""Progress of a run: a bar with an estimate of the time left on a terminal, plain lines elsewhere."""

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
    "shape": "guessing the shape",
    "surface": "making the surface",
    "solid": "checking that it is solid",
    "texture": "painting the texture",
    "output": "writing",
}
SHARE = {
    "photos": 2,
    "cameras": 25,
    "depths": 40,
    "shape": 4,
    "surface": 17,
    "solid": 3,
    "texture": 12,
    "output": 3,
}
"""Usual share of the time of each step; only the estimate depends on it."""
EARLIEST_ESTIMATE = 0.04


class Estimate:
    """Time left, from the time used and the share of the work that is done."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.done: dict[str, float] = {}

    def update(self, step: str, fraction: float) -> float:
        """Note progress; the fraction of the whole that is done, which never falls."""
        for earlier in list(SHARE)[: list(SHARE).index(step)]:
            self.done[earlier] = 1.0
        self.done[step] = max(fraction, self.done.get(step, 0.0))
        return sum(SHARE[name] * part for name, part in self.done.items()) / sum(SHARE.values())

    def left(self, whole: float) -> str:
        """ "about 40 s left", or nothing while it is too early to say."""
        used = time.monotonic() - self.started
        if whole < EARLIEST_ESTIMATE or used < 2:
            return ""
        return f"about {format_seconds(used * (1 - whole) / whole)} left"


class Show(Screen):
    """Context manager whose `step` is a progress callback and whose `say` prints sentences, all on stderr."""

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
        """The progress callback of a run."""
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
