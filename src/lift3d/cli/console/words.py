"""Lines that several commands print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer


def origin_lines(origin: Any) -> list[str]:
    """One line that states the origin (3,) that was subtracted; nothing if it is zero."""
    if not any(origin):
        return []
    where = ", ".join(f"{x:.10g}" for x in origin)
    return [
        f"origin   moved to ({where}), because the mesh lies too far from 0 for its size; add this to the coordinates"
    ]


def show_warnings(sentences: Iterable[str], quiet: bool = False) -> None:
    """Print each warning once on stderr; nothing if quiet."""
    for sentence in () if quiet else dict.fromkeys(sentences):
        show_warning(sentence)


def show_warning(sentence: str) -> None:
    """Print a warning on stderr."""
    typer.echo(f"warning  {sentence}", err=True)
