"""What a worker is given: a job with its folder, and the callbacks through which it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Call:
    """folder: of the job, with `inputs`, `outputs` and `work`. task: its name. inputs: a dictionary for each file, with `file`
    (relative to `inputs`), `name` and `kind`. options: checked. memory: budget in bytes. progress: called with the name of a
    step and the completed fraction; say: with a sentence."""

    folder: Path
    task: str
    inputs: list[dict[str, Any]]
    options: dict[str, Any]
    memory: int
    progress: Callable[[str, float], None]
    say: Callable[[str], None]

    @property
    def outputs(self) -> Path:
        """The folder of the results."""
        return self.folder / "outputs"

    @property
    def work(self) -> Path:
        """The folder from which an interrupted job goes on."""
        return self.folder / "work"

    def files(self, kind: str | None = None) -> list[Path]:
        """The input files, all or those of a kind."""
        return [self.folder / "inputs" / i["file"] for i in self.inputs if kind in (None, i["kind"])]

    def named(self, text: str) -> str:
        """A sentence with the client's names of the files instead of those on disk."""
        for item in self.inputs:
            text = text.replace(item["file"], item["name"])
        return text.replace(str(self.folder), "the job's folder")
