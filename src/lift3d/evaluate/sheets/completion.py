"""Sheet of completed shapes: the part, its completion and the truth, for the best, median and worst cases."""

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
from lift3d.evaluate.cases.image_to_voxels import best_median_worst
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.passes import render_linear
from lift3d.io.files.atomic import writing
from lift3d.types import F64, Mesh

if TYPE_CHECKING:
    from lift3d.evaluate.cases.completion import PartialShape

TILE_SIZE, ROWS_PER_GROUP = 160, 6
AZIMUTHS = (-55.0, 125.0)
"""Azimuths of the two renderings of each mesh, in degrees."""


def write_sheet(
    path: Path, cases: Sequence[PartialShape], completer: Completer, values: NDArray[np.float64]
) -> None:
    """Write a PNG. Rows: the best, median and worst cases by their values (N,); columns: part, completion and truth, each from
    two sides."""
    indices = best_median_worst(values, min(ROWS_PER_GROUP, len(cases)))
    sheet = Pil.new("RGB", (3 * len(AZIMUTHS) * TILE_SIZE, len(indices) * TILE_SIZE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, index in enumerate(indices):
        case = cases[int(index)]
        whole = trimesh.Trimesh(case.truth.v, case.truth.f, process=False, validate=False)
        for column, mesh in enumerate((case.part, completer.complete(case.part), whole)):
            for side, tile in enumerate(render_tiles(mesh, case.truth.points)):
                sheet.paste(
                    Pil.fromarray(tile), ((len(AZIMUTHS) * column + side) * TILE_SIZE, row * TILE_SIZE)
                )
        draw.text((4, row * TILE_SIZE + 4), f"{case.mode} {values[index]:.2f}", fill="red")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def render_tiles(mesh: Mesh, around: F64) -> list[NDArray[np.uint8]]:
    """(160, 160, 3) images of the mesh from each azimuth, framed by points (N, 3)."""
    ready, out = drawable(mesh), []
    for azimuth in AZIMUTHS:
        camera = orbit_camera(around, azimuth, 20.0, TILE_SIZE, TILE_SIZE, 2.4 * TILE_SIZE)
        rgb, cover = render_linear(ready, camera, 2, 0.85)
        out.append(linear_to_srgb8(rgb + (1 - cover[..., None])))
    return out
