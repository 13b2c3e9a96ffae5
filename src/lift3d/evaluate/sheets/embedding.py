"""Sheet of the worst retrieval results: the query image, its shape, and the shapes found first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.sheets.image_to_voxels import TILE_SIZE, input_tile
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.io.files.atomic import writing
from lift3d.types import F32

if TYPE_CHECKING:
    from lift3d.evaluate.cases.embedding import RetrievalSet

ROWS, FINDS = 24, 5


def write_sheet(path: Path, corpus: Corpus, retrieval: RetrievalSet, scores: F32) -> None:
    """Write a PNG of the queries whose own shape is ranked last, by scores (N, N): the query image with this rank, its shape, and
    the first five results."""
    rank = (scores > np.diag(scores)[:, None]).sum(1)
    worst = np.argsort(-rank, kind="stable")[:ROWS]
    sheet = Pil.new("RGB", ((FINDS + 2) * TILE_SIZE, len(worst) * TILE_SIZE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, index in enumerate(worst):
        found = np.argsort(-scores[index], kind="stable")[:FINDS]
        shapes = [render_shape(corpus, retrieval.shapes[int(i)]) for i in (index, *found)]
        for column, tile in enumerate([input_tile(retrieval.images[index]), *shapes]):
            sheet.paste(Pil.fromarray(tile), (column * TILE_SIZE, row * TILE_SIZE))
        draw.text((4, row * TILE_SIZE + 4), str(int(rank[index]) + 1), fill="red")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def render_shape(corpus: Corpus, shape: int) -> NDArray[np.uint8]:
    """(128, 128, 3) sRGB of a shape of the corpus, rendered with its colours."""
    from lift3d.geometry.render.drawable import drawable
    from lift3d.geometry.render.renderer import render

    ready = drawable(corpus.parts(shape))
    return render(
        ready, orbit_camera(ready.v, -60.0, 22.0, TILE_SIZE, TILE_SIZE, 2.4 * TILE_SIZE), 2, 0.7
    ).rgb
