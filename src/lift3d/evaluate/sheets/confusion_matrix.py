"""Confusion matrix of a classifier, and its picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from lift3d.io.files.atomic import writing

CELL, BAND = 18, 150
PAPER, INK, RIGHT, WRONG = (250, 249, 246), (60, 58, 54), np.array([24, 92, 150]), np.array([176, 48, 32])


def confusion_matrix(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], labels: int
) -> NDArray[np.int64]:
    """(labels, labels) counts of targets (N,) as rows and predicted labels (N,) as columns."""
    return np.bincount(targets * labels + predicted, minlength=labels**2).reshape(labels, labels)


def draw_confusions(table: NDArray[np.int64], names: tuple[str, ...], title: str) -> Pil.Image:
    """The matrix as an image with counts: rows are normalised, the diagonal is blue, the other cells are red; long names are
    truncated."""
    n = len(names)
    side = BAND + n * CELL + 8
    sheet = Pil.new("RGB", (side + 40, side + 24), PAPER)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(size=11), ImageFont.load_default(size=9)
    draw.text((6, 4), title, fill=INK, font=font)
    top = BAND + 24
    total = table.sum(1)
    across = Pil.new("RGB", (n * CELL, BAND), PAPER)
    for k, name in enumerate(names):
        text = _fit(draw, name, font, BAND - 10)
        y = top + k * CELL
        draw.text((BAND - 6 - draw.textlength(text, font=font), y + 2), text, fill=INK, font=font)
        draw.text((BAND + n * CELL + 5, y + 4), str(int(total[k])), fill=INK, font=small)
        strip = Pil.new("RGB", (BAND, CELL), PAPER)
        ImageDraw.Draw(strip).text((4, 2), text, fill=INK, font=font)
        across.paste(strip.rotate(90, expand=True), (k * CELL, 0))
    sheet.paste(across, (BAND, 24))
    for i, j in np.ndindex(n, n):
        fraction = float(table[i, j]) / max(int(total[i]), 1)
        ink = RIGHT if i == j else WRONG
        colour = tuple(int(p + (c - p) * fraction**0.6) for p, c in zip(PAPER, ink))
        x, y = BAND + j * CELL, top + i * CELL
        draw.rectangle((x, y, x + CELL - 2, y + CELL - 2), fill=colour)
        if table[i, j]:
            draw.text(
                (x + 2, y + 4), str(int(table[i, j])), fill=PAPER if fraction > 0.35 else INK, font=small
            )
    return sheet


def write_confusions(
    path: Path,
    table: NDArray[np.int64],
    names: tuple[str, ...],
    title: str = "rows: true category, columns: predicted category",
) -> None:
    """Write the image as PNG."""
    with writing(path) as part:
        draw_confusions(table, names, title).quantize(128, dither=Pil.Dither.NONE).save(
            part, format="PNG", optimize=True
        )


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _fit(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int) -> str:
    while len(text) > 1 and draw.textlength(text, font=font) > width:
        text = text[:-1]
    return text
