"""A sheet of the worst finds: the picture, what was found first, and what should have been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.sheets.image_to_voxels import TILE, shown
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.io.files.atomic import writing
from lift3d.types import F32

if TYPE_CHECKING:
    from lift3d.evaluate.cases.embedding import Held

ROWS, FINDS = 24, 5


def write_sheet(path: Path, corpus: Corpus, held: Held, scores: F32) -> None:
    """Rows by how far down the thing itself is, the farthest first; its place is written on the picture."""
    place = (scores > np.diag(scores)[:, None]).sum(1)
    worst = np.argsort(-place, kind="stable")[:ROWS]
    sheet = Pil.new("RGB", ((FINDS + 2) * TILE, len(worst) * TILE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, number in enumerate(worst):
        finds = np.argsort(-scores[number], kind="stable")[:FINDS]
        tiles = [shown(held.asked[number]), *(drawn(corpus, held.shapes[int(i)]) for i in (number, *finds))]
        for column, tile in enumerate(tiles):
            sheet.paste(Pil.fromarray(tile), (column * TILE, row * TILE))
        draw.text((4, row * TILE + 4), str(int(place[number]) + 1), fill="red")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def drawn(corpus: Corpus, shape: int) -> np.ndarray:
    """(128, 128, 3)."""
    from lift3d.geometry.render.drawable import drawable
    from lift3d.geometry.render.renderer import render

    ready = drawable(corpus.parts(shape))
    return render(ready, orbit_camera(ready.v, -60.0, 22.0, TILE, TILE, 2.4 * TILE), 2, 0.7).rgb
