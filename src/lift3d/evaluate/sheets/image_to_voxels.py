"""Sheet of predicted solids: the image, the prediction and the truth, for the best, median and worst cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

from lift3d.evaluate.baselines.image_to_voxels import SingleViewPredictor, true_prediction
from lift3d.evaluate.scores.view_truth import prediction_mesh
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
    from lift3d.evaluate.cases.image_to_voxels import PhotoCase

TILE_SIZE = 128
AZIMUTHS = (0.0, 60.0, 180.0, 270.0)
ROWS_PER_GROUP = 8


def write_sheet(
    path: Path, solids: ViewSet, cases: Sequence[PhotoCase], predictor: SingleViewPredictor, threshold: float,
    values: NDArray[np.float64],
) -> None:  # fmt: skip
    """Write a PNG. Rows: the best, median and worst cases by their values (N,); columns: image, prediction from four sides, and
    truth from the same sides."""
    from lift3d.evaluate.cases.image_to_voxels import best_median_worst

    indices = best_median_worst(values, min(ROWS_PER_GROUP, len(cases)))
    width = (1 + 2 * len(AZIMUTHS)) * TILE_SIZE
    sheet = Pil.new("RGB", (width, len(indices) * TILE_SIZE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, index in enumerate(indices):
        case = cases[int(index)]
        predicted = predictor.predict(case.view, case.images[:1])
        tiles = [input_tile(case.images[0])]
        for prediction, level in ((predicted, threshold), (true_prediction(solids, case.view), 0.5)):
            tiles += prediction_tiles(prediction, case, level)
        for column, tile in enumerate(tiles):
            sheet.paste(Pil.fromarray(tile), (column * TILE_SIZE, row * TILE_SIZE))
        draw.text((4, row * TILE_SIZE + 4), f"{values[index]:.2f}", fill="red")
    with writing(path) as part:
        sheet.save(part, format="PNG")


def input_tile(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(128, 128, 3) sRGB of a network input (4, 128, 128)."""
    return np.asarray(((image[:3].transpose(1, 2, 0) / 2 + 0.5) * 255).clip(0, 255), np.uint8)


def prediction_tiles(
    prediction: SingleViewPrediction, case: PhotoCase, threshold: float
) -> list[NDArray[np.uint8]]:
    """The prediction from four sides about the true vertical, first from that of the image; white tiles for an empty
    prediction."""
    found = prediction_mesh(prediction.fill_silhouette(threshold), case.view.frame, threshold)
    if found is None:
        return [np.full((TILE_SIZE, TILE_SIZE, 3), 255, np.uint8) for _ in AZIMUTHS]
    v, f = found
    upright = taubin_smooth(v, f, 5) @ upright_axes(case.view.to_view[:3, 2]).T
    return mesh_tiles(trimesh.Trimesh(upright, f, process=False), TILE_SIZE)


def mesh_tiles(mesh: trimesh.Trimesh, side: int) -> list[NDArray[np.uint8]]:
    """(side, side, 3) images of a mesh with z up from four sides, the first of which looks along y."""
    ready = drawable(mesh)
    shading = 0.45 if len(ready.texels) else 0.85
    tiles = []
    for azimuth in AZIMUTHS:
        camera = orbit_camera(ready.v, azimuth - 90, 18.0, side, side, 2.4 * side)
        rgb, cover = render_linear(ready, camera, 2, shading)
        tiles.append(linear_to_srgb8(rgb + (1 - cover[..., None])))
    return tiles
