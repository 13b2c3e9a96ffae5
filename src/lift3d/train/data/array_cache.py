"""Arrays of a corpus' shapes that take long to make, kept in a file beside the corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lift3d.io.files.atomic import write_bytes

Arrays = dict[str, NDArray[Any]]


def load_or_compute(path: Path, fits: Callable[[Arrays], bool], make: Callable[[], Arrays]) -> Arrays:
    """The arrays of the file where it is whole and fits; else those that are made now, which the file then holds."""
    from safetensors import SafetensorError
    from safetensors.numpy import load, save

    if path.is_file():
        try:
            held = load(path.read_bytes())
        except (SafetensorError, ValueError):
            held = {}
        if fits(held):
            return held
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, save(made))
    return made
