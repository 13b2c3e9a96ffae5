"""A sheet of guesses to look at: the picture, the guess and the truth from four sides; the best, the median, the worst."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

from lift3d.evaluate.baselines.image_to_voxels import Guesser, true_guess
from lift3d.evaluate.scores.view_truth import mesh_of
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.passes import render_linear
from lift3d.geometry.surface.smoothing import taubin_smooth
from lift3d.inference.single_view import SingleViewPrediction
from lift3d.io.files.atomic import writing
from lift3d.maps.image_to_voxels import upright_axes
from lift3d.train.data.view_set import ViewSet

if TYPE_CHECKING:
    from lift3d.evaluate.cases.image_to_voxels import Case

TILE = 128
SIDES = (0.0, 60.0, 180.0, 270.0)
EACH = 8


def write_sheet(
    path: Path,
    solids: ViewSet,
    cases: Sequence[Case],
    guesser: Guesser,
    level: float,
    values: NDArray[np.float64],
) -> None:
    """Rows of best, median and worst; columns: picture, guess from four sides, truth from the same."""
    from lift3d.evaluate.cases.image_to_voxels import worst_median_best

    numbers = worst_median_best(values, min(EACH, len(cases)))
    width = (1 + 2 * len(SIDES)) * TILE
    sheet = Pil.new("RGB", (width, len(numbers) * TILE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, number in enumerate(numbers):
        case = cases[int(number)]
        said = guesser.guess(case.view, case.pictures[:1])
        tiles = [shown(case.pictures[0])]
        for guess, at in ((said, level), (true_guess(solids, case.view), 0.5)):
            tiles += solid_tiles(guess, case, at)
        for column, tile in enumerate(tiles):
            sheet.paste(Pil.fromarray(tile), (column * TILE, row * TILE))
        draw.text((4, row * TILE + 4), f"{values[number]:.2f}", fill="red")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def shown(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(128, 128, 3) of what the network sees."""
    return np.asarray(((picture[:3].transpose(1, 2, 0) / 2 + 0.5) * 255).clip(0, 255), np.uint8)


def solid_tiles(guess: SingleViewPrediction, case: Case, level: float) -> list[NDArray[np.uint8]]:
    """The guess from four sides around the true up, beginning with the picture's own."""
    found = mesh_of(guess.fill_silhouette(level), case.view.frame, level)
    if found is None:
        return [np.full((TILE, TILE, 3), 255, np.uint8) for _ in SIDES]
    v, f = found
    turned = taubin_smooth(v, f, 5) @ upright_axes(case.view.to_view[:3, 2]).T
    return mesh_tiles(trimesh.Trimesh(turned, f, process=False), TILE)


def mesh_tiles(mesh: trimesh.Trimesh, side: int) -> list[NDArray[np.uint8]]:
    """A mesh with z up from four sides, the first along y."""
    ready = drawable(mesh)
    shading = 0.45 if len(ready.texels) else 0.85
    tiles = []
    for azimuth in SIDES:
        camera = orbit_camera(ready.v, azimuth - 90, 18.0, side, side, 2.4 * side)
        rgb, cover = render_linear(ready, camera, 2, shading)
        tiles.append(linear_to_srgb8(rgb + (1 - cover[..., None])))
    return tiles
