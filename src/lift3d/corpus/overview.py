"""One contact sheet of a whole corpus: a row of shapes for each of its larger categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.io.image.contact_sheet import BACKGROUND, COLUMNS, evenly_spaced, render_tile, write_contact_sheet

ROWS = 24


def write_overview(corpus: Corpus, path: Path) -> None:
    """Write a PNG of up to 24 categories, the largest first, with 12 evenly spaced shapes of each."""
    check_sheet_path(path)
    column = np.array(corpus.column("category"))
    names = [name for name in corpus.card["categories"] if name != "unknown"][:ROWS] or ["unknown"]
    tiles: list[NDArray[np.uint8]] = []
    labels: list[str] = []
    for name in names:
        mine = np.flatnonzero(column == name)
        shown = evenly_spaced(len(mine), COLUMNS)
        tiles += [render_tile(corpus.parts(int(mine[k]))) for k in shown]
        tiles += [np.full_like(tiles[0], BACKGROUND)] * (COLUMNS - len(shown))
        labels += [name, *[""] * (COLUMNS - 1)]
    write_contact_sheet(path, tiles, labels)


def check_sheet_path(path: Path | None) -> None:
    """Raise InputError for a path that does not end in .png or whose folder does not exist; None is accepted."""
    if path is not None and path.suffix.lower() != ".png":
        raise InputError(
            f"the sheet {path.name} cannot be written, because it is a PNG", "end its name in .png"
        )
    if path is not None and not path.resolve().parent.is_dir():
        raise InputError(f"there is no folder {path.resolve().parent}", "create it first, or choose another")
