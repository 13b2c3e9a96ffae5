"""A sheet of finds to look at: what was asked for, and the nearest models in their order."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image as Pil
from PIL import ImageDraw

from lift3d.errors import InputError, Lift3dError
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.io.files.atomic import writing
from lift3d.io.image.photos import read_photos
from lift3d.io.mesh.meshes import load_parts
from lift3d.pipelines.search import SearchResult

TILE, LINE, ACROSS = 220, 34, 5
MOST = 60
"""Finds that are shown at most."""


def write_sheet(path: Path, query: str, found: SearchResult) -> None:
    """A PNG: the query first, then the finds with their names and how near they are."""
    if path.suffix.lower() != ".png":
        raise InputError(f"the sheet {path.name} is no PNG", "give it a name that ends in .png")
    tiles = [(_asked(query, found.asked), "asked for")]
    for number, near in enumerate(found.neighbours.items[:MOST]):
        label = f"{number + 1}  {near.score:.2f}\n{near.name[-34:]}"
        tiles.append((_model(found.root / near.name), label))
    rows = math.ceil(len(tiles) / ACROSS)
    sheet = Pil.new("RGB", (min(len(tiles), ACROSS) * TILE, rows * (TILE + LINE)), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (tile, label) in enumerate(tiles):
        x, y = k % ACROSS * TILE, k // ACROSS * (TILE + LINE)
        sheet.paste(tile, (x + (TILE - tile.width) // 2, y + (TILE - tile.height) // 2))
        draw.text((x + 6, y + TILE + 2), label, fill="black")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def _asked(query: str, asked: str) -> Pil.Image:
    if asked == "model":
        return _model(Path(query).expanduser())
    if asked == "photo":
        picture = Pil.fromarray(read_photos([Path(query).expanduser()], max_size=1024).images[0].pixels)
        picture.thumbnail((TILE - 8, TILE - 8))
        return picture
    tile = Pil.new("RGB", (TILE, TILE), "white")
    words, lines = query.split(), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if len(longer) <= 28 else [*lines, word]
    ImageDraw.Draw(tile).multiline_text((12, TILE // 3), "\n".join(lines[:8]), fill="black")
    return tile


def _model(path: Path) -> Pil.Image:
    """The model from the front and a little above, or what became of it."""
    from lift3d.geometry.render.drawable import drawable
    from lift3d.geometry.render.renderer import render

    try:
        ready = drawable(load_parts(path).parts)
        camera = orbit_camera(ready.v, -60.0, 22.0, TILE - 8, TILE - 8, 2.4 * TILE)
        return Pil.fromarray(render(ready, camera, 2, 0.7).rgb)
    except Lift3dError:
        tile = Pil.new("RGB", (TILE - 8, TILE - 8), "lightgrey")
        what = "is not there any more" if not path.is_file() else "cannot be read any more"
        ImageDraw.Draw(tile).text((12, TILE // 2), what, fill="black")
        return tile
