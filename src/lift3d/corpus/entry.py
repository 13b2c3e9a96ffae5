"""The interface of a source, and one of its models before cleaning: its file and its metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lift3d.types import Part


@dataclass(frozen=True)
class Entry:
    """One model of a source.

    key: unique and stable, such as "sweethome3d-furniture/Scopia/bed1". file: the model. name: as its author calls it.
    words: words of the catalogue and path, from which the category follows. family: models that must lie in one split.
    size: width, depth, height in metres where the source states them. category, split: where a collection states them.
    """

    key: str
    file: Path
    name: str
    words: tuple[str, ...]
    family: str
    licence: str
    author: str
    size: tuple[float, float, float] | None = None
    category: str | None = None
    split: str | None = None


class Source(Protocol):
    """A collection of models. name: as on the command line; packages: Debian packages that contain it; about: one line for
    the data card."""

    name: str
    packages: tuple[str, ...]
    about: str

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        ...

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        ...

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        ...
