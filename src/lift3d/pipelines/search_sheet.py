"""A contact sheet of a search: the query, and the nearest models in their order."""

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

TILE, LABEL_HEIGHT, COLUMNS = 220, 34, 5
"""Side of a tile and height of its label in pixels; tiles in a row."""
MARGIN = 8
MAX_TILES = 60
LINE_LENGTH, MAX_LINES = 28, 8
"""Characters in a line of a query in words; lines shown."""


def write_search_sheet(path: Path, query: str, result: SearchResult) -> None:
    """Write a PNG: the query first, then the neighbours with their names and scores. Raises InputError for another ending."""
    if path.suffix.lower() != ".png":
        raise InputError(f"the sheet {path.name} is not a PNG", "give it a name that ends in .png")
    tiles = [(_query_tile(query, result.modality), "query")]
    for number, neighbour in enumerate(result[:MAX_TILES]):
        label = f"{number + 1}  {neighbour.score:.2f}\n{neighbour.name[-34:]}"
        tiles.append((_model_tile(result.path(neighbour)), label))
    rows = math.ceil(len(tiles) / COLUMNS)
    sheet = Pil.new("RGB", (min(len(tiles), COLUMNS) * TILE, rows * (TILE + LABEL_HEIGHT)), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (tile, label) in enumerate(tiles):
        x, y = k % COLUMNS * TILE, k // COLUMNS * (TILE + LABEL_HEIGHT)
        sheet.paste(tile, (x + (TILE - tile.width) // 2, y + (TILE - tile.height) // 2))
        draw.text((x + 6, y + TILE + 2), label, fill="black")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def wrap_text(text: str, length: int = LINE_LENGTH) -> list[str]:
    """The words of a text in lines of at most `length` characters; a longer word has a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if len(longer) <= length or not lines[-1] else [*lines, word]
    return lines


def _query_tile(query: str, modality: str) -> Pil.Image:
    """A picture of the query."""
    if modality == "shape":
        return _model_tile(Path(query).expanduser())
    if modality == "image":
        picture = Pil.fromarray(read_photos([Path(query).expanduser()], max_size=1024).images[0].pixels)
        picture.thumbnail((TILE - MARGIN, TILE - MARGIN))
        return picture
    tile = Pil.new("RGB", (TILE, TILE), "white")
    text = "\n".join(wrap_text(query)[:MAX_LINES])
    ImageDraw.Draw(tile).multiline_text((12, TILE // 3), text, fill="black")
    return tile


def _model_tile(path: Path) -> Pil.Image:
    """The model from the front and above; a grey tile that says why it cannot be shown."""
    from lift3d.geometry.render.drawable import drawable
    from lift3d.geometry.render.renderer import render

    try:
        surface = drawable(load_parts(path).parts)
        camera = orbit_camera(surface.v, -60.0, 22.0, TILE - MARGIN, TILE - MARGIN, 2.4 * TILE)
        return Pil.fromarray(render(surface, camera, 2, 0.7).rgb)
    except Lift3dError:
        tile = Pil.new("RGB", (TILE - MARGIN, TILE - MARGIN), "lightgrey")
        what = "cannot be read any more" if path.is_file() else "does not exist any more"
        ImageDraw.Draw(tile).text((12, TILE // 2), what, fill="black")
        return tile
