"""A sheet of completed parts to look at: the part, what was made of it, and the truth; the best, the median, the worst."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

from lift3d.evaluate.baselines.completion import Completer
from lift3d.evaluate.cases.image_to_voxels import worst_median_best
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.passes import render_linear
from lift3d.io.files.atomic import writing
from lift3d.types import F64, Mesh

if TYPE_CHECKING:
    from lift3d.evaluate.cases.completion import Broken

TILE, EACH = 160, 6
SIDES = (-55.0, 125.0)
"""Azimuths, in degrees."""


def write_sheet(
    path: Path, cases: Sequence[Broken], completer: Completer, values: NDArray[np.float64]
) -> None:
    """Rows of best, median and worst; columns: part, completed, truth, each from two sides."""
    numbers = worst_median_best(values, min(EACH, len(cases)))
    sheet = Pil.new("RGB", (3 * len(SIDES) * TILE, len(numbers) * TILE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, number in enumerate(numbers):
        case = cases[int(number)]
        whole = trimesh.Trimesh(case.truth.v, case.truth.f, process=False, validate=False)
        for column, mesh in enumerate((case.part, completer.complete(case.part), whole)):
            for side, tile in enumerate(tiles(mesh, case.truth.points)):
                sheet.paste(Pil.fromarray(tile), ((len(SIDES) * column + side) * TILE, row * TILE))
        draw.text((4, row * TILE + 4), f"{case.kind} {values[number]:.2f}", fill="red")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def tiles(mesh: Mesh, around: F64) -> list[NDArray[np.uint8]]:
    """The mesh from all sides, framed by points (N, 3)."""
    ready, out = drawable(mesh), []
    for azimuth in SIDES:
        camera = orbit_camera(around, azimuth, 20.0, TILE, TILE, 2.4 * TILE)
        rgb, cover = render_linear(ready, camera, 2, 0.85)
        out.append(linear_to_srgb8(rgb + (1 - cover[..., None])))
    return out
