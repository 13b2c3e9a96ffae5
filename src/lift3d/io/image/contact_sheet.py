"""Contact sheets: renderings of many shapes in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.renderer import render
from lift3d.io.files.atomic import writing
from lift3d.types import Part

TILE = 128
COLUMNS = 12
BACKGROUND = (246, 245, 242)
AZIMUTH = -55.0
"""Degrees: the camera stands in front of the shape, a little to the right."""


def render_tile(
    parts: list[Part], side: int = TILE, azimuth: float = AZIMUTH, elevation: float = 22.0
) -> NDArray[np.uint8]:
    """(side, side, 3) uint8 rendering of a shape; azimuth and elevation of the camera in degrees."""
    prepared = drawable(parts)
    camera = orbit_camera(prepared.v, azimuth, elevation, side, side, 2.4 * side, 0.94)
    return render(prepared, camera, 2, 0.55, BACKGROUND).rgb


def contact_sheet(
    tiles: Sequence[NDArray[np.uint8]], labels: Sequence[str], across: int = COLUMNS
) -> PIL.Image.Image:
    """Tiles (side, side, 3) of equal size in rows of `across`, each with its label below; long labels lose their start."""
    side = tiles[0].shape[0] if tiles else TILE
    band = max(side // 9, 11)
    rows = -(-len(tiles) // across)
    picture = PIL.Image.new("RGB", (across * side, rows * (side + band)), BACKGROUND)
    draw = PIL.ImageDraw.Draw(picture)
    font = PIL.ImageFont.load_default(size=max(band - 3, 8))
    for i, (image, label) in enumerate(zip(tiles, labels)):
        x, y = i % across * side, i // across * (side + band)
        picture.paste(PIL.Image.fromarray(image), (x, y))
        while label and draw.textlength(label, font=font) > side - 4:
            label = label[1:]
        draw.text((x + 2, y + side), label, fill=(90, 88, 84), font=font)
    return picture


def write_contact_sheet(path: Path, tiles: Sequence[NDArray[np.uint8]], labels: Sequence[str]) -> None:
    """Write the contact sheet as a PNG of 128 colours. Raises InputError when it cannot be written."""
    with writing(path) as part:
        contact_sheet(tiles, labels).quantize(128, dither=PIL.Image.Dither.NONE).save(
            part, format="PNG", optimize=True
        )


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most `most` indices out of range(count), evenly spaced."""
    shown = min(count, most)
    return [i * count // shown for i in range(shown)]
