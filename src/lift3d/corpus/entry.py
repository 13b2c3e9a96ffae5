"""One thing of a source before it is cleaned: where its files are and what its source says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lift3d.types import Part


@dataclass(frozen=True)
class Entry:
    """key: unique and stable, like "sweethome3d-furniture/Scopia/bed1"; file: its model; name: as its author calls it;
    words: catalogue and path words from which the category is read; family: things that must not be parted between
    splits; size: width, depth, height in metres where the source says so; category, split: where a collection states them."""

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
    """name: as on the command line; packages: Debian packages that hold it; about: one line for the data card."""

    name: str
    packages: tuple[str, ...]
    about: str

    def needs(self, path: str) -> bool:
        """Is this file of a package needed?"""
        ...

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All things below the packages' roots, by key."""
        ...

    def load(self, entry: Entry) -> list[Part]:
        """Its parts, right-handed and Z up. Raises InputError for a damaged file."""
        ...
