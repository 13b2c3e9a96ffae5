"""Training, validation and test splits by family, so that near-duplicates never lie in different splits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from lift3d.corpus.duplicates import Duplicates
from lift3d.taxonomy.categories import UNKNOWN

SPLIT_BOUNDS = (("train", 0.8), ("val", 0.9), ("test", 1.0))


def name_families(names: Sequence[str], found: Duplicates) -> list[str]:
    """The family of each shape after joining the families of related and repeated shapes; the first name in order is kept.

    names: the family that the source states for each shape.
    """
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
    """The split of a family, "train", "val" or "test", by a hash of its name.

    stated: the split that a collection states; "test" is kept, "train" is divided into train and val.
    """
    if stated == "test":
        return stated
    number = int.from_bytes(hashlib.sha256(f"lift3d split {family}".encode()).digest()[:6], "big") / 2**48
    if stated == "train":
        number *= SPLIT_BOUNDS[1][1]
    return next(name for name, end in SPLIT_BOUNDS if number < end)


MIN_FAMILIES = {"val": 4, "test": 6}
"""Number of families of a category from which on one is held out for the split, in a folder of the user's meshes."""


def hold_out(rows: list[dict[str, Any]]) -> None:
    """Move families between splits in place, so that a small corpus can be trained and tested.

    Each category keeps a family for training; val and test get a family of each category that has enough families; val gets
    at least one family. With many shapes the hash achieves that already.
    """
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
        known = sorted({row["category"] for row in rows} - {UNKNOWN})
        largest = max(
            known, key=lambda name: _families([r for r in rows if r["category"] == name]), default=None
        )
        mine = [row for row in rows if row["category"] == largest]
        if _families(mine) > 1:
            _move(mine, rows, "val")


def _families(rows: list[dict[str, Any]]) -> int:
    """Number of families among the rows."""
    return len({row["family"] for row in rows})


def _move(mine: list[dict[str, Any]], rows: list[dict[str, Any]], split: str) -> None:
    """Move the last training family of `mine` to another split, unless it is the only one."""
    families = sorted({row["family"] for row in mine if row["split"] == "train"})
    for row in rows:
        if len(families) > 1 and row["family"] == families[-1]:
            row["split"] = split
