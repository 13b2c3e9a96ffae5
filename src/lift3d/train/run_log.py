"""The log of a run: one JSON line per step, and TensorBoard events where tensorboard is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lift3d.io.files.atomic import write_bytes

NAME = "log.jsonl"


class Log:
    """Appends to log.jsonl. Lines after `step` are removed, because a resumed run repeats those steps."""

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / NAME
        kept = [json.dumps(line) + "\n" for line in read_lines(path) if line["step"] <= step]
        text = "".join(kept).encode()
        if not path.is_file() or path.read_bytes() != text:
            write_bytes(path, text)  # at once: a run that is killed here must not lose its log
        self.file = open(path, "a", encoding="utf-8")  # noqa: SIM115 (open as long as the run)
        self.board = _board(folder, step)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append the values of a step; the first step is 1."""
        self.file.write(json.dumps({"step": step, **values}) + "\n")
        self.file.flush()
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the files."""
        self.file.close()
        if self.board is not None:
            self.board.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The parsed lines of a log before the first incomplete line; empty where the file does not exist."""
    lines = []
    if path.is_file():
        for text in path.read_text("utf-8", "replace").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
    return lines


def _board(folder: Path, step: int) -> Any:
    """TensorBoard's writer, or None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
