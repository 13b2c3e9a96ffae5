"""The interface of all evaluators, from a `Request` to an `Evaluation`, and the writing of the table to a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.io.files.atomic import write_bytes


def _no_message(text: str) -> None:
    """The default receiver of messages."""


def _no_progress(stage: str, fraction: float) -> None:
    """The default receiver of progress."""


@dataclass(frozen=True)
class Request:
    """The network to be evaluated, and the data on which it is evaluated.

    name: of the mapping as in `lift3d train`, e.g. "flow". corpus, pictures: folders of shapes and of their renderings.
    weights: name, file or run of the network; None: the packaged weights. baseline: weights of a plain network, which has its own
    row; None: no such row. split: "test" or "val". limit: number of shapes, evenly spaced; None: all. output: folder for the
    table as JSON and for sheets of images. say(text) receives messages; progress(stage, fraction) receives the progress.
    """

    name: str
    corpus: Path
    pictures: Path
    weights: str | None = None
    baseline: str | None = None
    split: str = "test"
    limit: int | None = None
    output: Path | None = None
    say: Callable[[str], None] = _no_message
    progress: Callable[[str, float], None] = _no_progress

    def track(self, stage: str) -> Callable[[float], None]:
        """The progress callback of one stage."""
        return lambda fraction: self.progress(stage, fraction)


@dataclass(frozen=True)
class Evaluation:
    """name: of the table; table: its scores as plain values, written as JSON; lines: the table as text."""

    name: str
    table: dict[str, Any]
    lines: list[str]

    def write(self, folder: Path | None) -> Evaluation:
        """Write the table to folder/NAME.json, or nothing if the folder is None; returns the evaluation itself."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(folder / f"{self.name}.json", (json.dumps(self.table, indent=1) + "\n").encode())
        return self


Evaluator = Callable[[Request], Evaluation]


def evenly_spaced(count: int, limit: int | None) -> NDArray[np.int64]:
    """min(count, limit) indices of range(count), evenly spaced from the first to the last; all without a limit."""
    return np.linspace(0, count - 1, count if limit is None else min(count, limit)).astype(np.int64)
