"""One picture of a whole corpus: a row of shapes for each of its larger categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lift3d.corpus.corpus import Corpus
from lift3d.corpus.sheet import tile, write_sheet
from lift3d.errors import InputError

ROWS, ACROSS = 24, 12


def write_overview(corpus: Corpus, path: Path) -> None:
    """A PNG: up to 24 categories, the largest first, 12 shapes of each, spread evenly over it."""
    if path.suffix.lower() != ".png":
        raise InputError(f"the sheet {path.name} would be a PNG", "end its name in .png")
    column = np.array(corpus.column("category"))
    names = [name for name in corpus.card["categories"] if name != "unknown"][:ROWS] or ["unknown"]
    tiles, labels = [], []
    for name in names:
        mine = np.flatnonzero(column == name)
        for k in range(ACROSS):
            i = int(mine[k * len(mine) // ACROSS]) if k < len(mine) else -1
            tiles.append(tile(corpus.parts(i)) if i >= 0 else np.full((128, 128, 3), 246, np.uint8))
            labels.append((name if k == 0 else "") if i >= 0 else "")
    write_sheet(path, tiles, labels)
