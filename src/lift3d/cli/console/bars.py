"""Progress of commands on stderr: one bar for each step on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_INTERVAL = 15.0
"""Seconds between two lines of one step where stderr is not a terminal."""


class Screen:
    """Messages on stderr, beside a progress bar of rich where there is one. Context manager; quiet: print nothing."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Progress | None = None
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.announce_compilation()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()
        if self.bar is not None:
            self.bar.stop()

    def announce_compilation(self) -> None:
        """Tell the user, once, when kernels are compiled, which makes the first run on a machine slow."""
        from lift3d.runtime.compilation import compilation_notice

        if not self.quiet:
            self.stack.enter_context(compilation_notice(self.say))

    def say(self, sentence: str) -> None:
        """Print one sentence."""
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.console.print(sentence, highlight=False, markup=False)
        else:
            typer.echo(sentence, err=True)


class Bars(Screen):
    """Progress of steps that are not known beforehand. Context manager with `step(name, fraction)` and `say(sentence)`."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(quiet)
        self.tasks: dict[str, TaskID] = {}
        self.last: dict[str, float] = {}

    def __enter__(self) -> Bars:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                Progress,
                TaskProgressColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self.bar = Progress(
                "{task.description:<24}", BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
                TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self.bar.start()
        self.announce_compilation()
        return self

    def step(self, name: str, fraction: float) -> None:
        """The progress callback: a step with the fraction that is done, 0 to 1."""
        if self.quiet:
            return
        if self.bar is not None:
            if name not in self.tasks:
                self.tasks[name] = self.bar.add_task(name, total=1.0)
            self.bar.update(self.tasks[name], completed=fraction)
        elif fraction >= 1 or time.monotonic() - self.last.get(name, -LINE_INTERVAL) >= LINE_INTERVAL:
            self.last[name] = time.monotonic()
            typer.echo(f"{name}: {100 * fraction:.0f} %", err=True)
