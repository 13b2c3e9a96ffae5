"""A file cache for arrays that take long to compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lift3d.io.files.atomic import write_bytes

Arrays = dict[str, NDArray[Any]]


def load_or_compute(path: Path, fits: Callable[[Arrays], bool], make: Callable[[], Arrays]) -> Arrays:
    """The arrays of the file if it is readable and `fits` accepts them; otherwise those of `make`, which are written to the
    file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load, save

    if path.is_file():
        try:
            cached = load(path.read_bytes())
        except (SafetensorError, ValueError):
            cached = {}
        if fits(cached):
            return cached
    computed = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, save(computed))
    return computed
