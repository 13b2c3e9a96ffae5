"""Training, validation and test splits by family, so that near copies never lie on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from lift3d.corpus.duplicates import Duplicates
from lift3d.taxonomy.categories import UNKNOWN

SPLIT_BOUNDS = (("train", 0.8), ("val", 0.9), ("test", 1.0))


def name_families(names: Sequence[str], found: Duplicates) -> list[str]:
    """A family's name for each shape: the first in order of all that are joined."""
    parent: dict[str, str] = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    pairs = [*found.related, *((j, i) for i, j in enumerate(found.original) if j >= 0)]
    for a, b in pairs:
        x, y = sorted((root(names[a]), root(names[b])))
        parent[y] = x
    return [root(name) for name in names]


def assign_split(family: str, stated: str | None = None) -> str:
    """ "train", "val" or "test", by hash: the same family always falls into the same one. What a collection states is kept:
    "test" is test, and "train" is divided between train and val."""
    if stated == "test":
        return stated
    number = int.from_bytes(hashlib.sha256(f"lift3d split {family}".encode()).digest()[:6], "big") / 2**48
    if stated == "train":
        number *= SPLIT_BOUNDS[1][1]
    return next(name for name, end in SPLIT_BOUNDS if number < end)


MIN_FAMILIES = {"val": 4, "test": 6}
"""Families of a category in a folder of one's own meshes, of which one is held back at least."""


def hold_out(rows: list[dict[str, Any]]) -> None:
    """Give val and test what they lack: a family of each category that has none there, if it has enough, and to val at least one
    of all; and leave a family of each to learn from. Of many shapes the hash sees to that; of ten it may not."""
    for category in sorted({row["category"] for row in rows}):
        mine = [row for row in rows if row["category"] == category]
        if not any(row["split"] == "train" for row in mine):
            first = min(row["family"] for row in mine)
            for row in rows:
                row["split"] = "train" if row["family"] == first else row["split"]
    for split in MIN_FAMILIES:
        for category in sorted({row["category"] for row in rows}):
            mine = [row for row in rows if row["category"] == category]
            if not any(row["split"] == split for row in mine) and _families(mine) >= MIN_FAMILIES[split]:
                _move(mine, rows, split)
    if not any(row["split"] == "val" for row in rows):
        kinds = sorted({row["category"] for row in rows} - {UNKNOWN})
        largest = max(
            kinds, key=lambda kind: _families([r for r in rows if r["category"] == kind]), default=None
        )
        mine = [row for row in rows if row["category"] == largest]
        if _families(mine) > 1:
            _move(mine, rows, "val")


def _families(rows: list[dict[str, Any]]) -> int:
    return len({row["family"] for row in rows})


def _move(mine: list[dict[str, Any]], rows: list[dict[str, Any]], split: str) -> None:
    """The last family of `mine` that is learned from, with all of it."""
    families = sorted({row["family"] for row in mine if row["split"] == "train"})
    for row in rows:
        if len(families) > 1 and row["family"] == families[-1]:
            row["split"] = split
