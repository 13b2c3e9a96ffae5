"""Sheet of predicted solids: tiles of a known mesh, and which case is written into which row."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

pytest.importorskip("torch")

from lift3d.evaluate.sheets import image_to_voxels as sheets  # noqa: E402
from lift3d.evaluate.sheets.image_to_voxels import (  # noqa: E402
    AZIMUTHS,
    TILE_SIZE,
    input_tile,
    mesh_tiles,
    prediction_tiles,
    write_sheet,
)
from lift3d.geometry.image.crop import Crop  # noqa: E402
from lift3d.geometry.voxels.view_frame import ViewFrame  # noqa: E402
from lift3d.inference.single_view import SingleViewPrediction  # noqa: E402

FRAME = ViewFrame(np.array([[100, 0, 64], [0, 100, 64], [0, 0, 1.0]]), Crop(64.0, 64.0, 50.0), 4.0, 1.5)
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0.5], [0, 1, 0, 4], [0, 0, 0, 1]])


def dark(tile: np.ndarray) -> tuple[int, int]:
    """Height and width of the part of a tile that is not white."""
    rows, columns = np.nonzero((tile < 250).any(2))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_the_input_is_shown_in_srgb_without_its_mask() -> None:
    image = np.zeros((4, 128, 128), np.float32)
    image[:, 3, 5] = -1, 1, 2, 9
    tile = input_tile(image)
    assert tile.shape == (128, 128, 3)
    assert tile[3, 5].tolist() == [0, 255, 255] and tile[0, 0].tolist() == [127] * 3


def test_a_bar_is_wide_from_the_front_and_narrow_from_the_side() -> None:
    bar = trimesh.creation.box((1.0, 0.2, 0.3))  # seen along y first, then from other azimuths
    tiles = [dark(tile) for tile in mesh_tiles(bar, 64)]
    assert len(tiles) == len(AZIMUTHS) == 4
    widths = [width for _, width in tiles]
    assert widths[0] > 2 * widths[3] and widths[2] > 2 * widths[3] and widths[1] < widths[0]


def test_an_empty_prediction_has_white_tiles() -> None:
    empty = SingleViewPrediction(np.zeros((8, 8, 8), np.float32), 0.0)
    case: Any = SimpleNamespace(view=SimpleNamespace(frame=FRAME, to_view=UPRIGHT))
    tiles = prediction_tiles(empty, case, 0.5)
    assert len(tiles) == 4 and all((tile == 255).all() and tile.shape == (128, 128, 3) for tile in tiles)


def test_a_tall_prediction_stands_upright_in_every_tile() -> None:
    occupancy = np.zeros((16, 16, 16), np.float32)
    occupancy[6:10, 2:14, 6:10] = 1  # along v, which points against the up direction
    prediction = SingleViewPrediction(occupancy, float(np.log(1.0)))
    case: Any = SimpleNamespace(view=SimpleNamespace(frame=FRAME, to_view=UPRIGHT))
    for tile in prediction_tiles(prediction, case, 0.5):
        height, width = dark(tile)
        assert height > 1.5 * width


def test_rows_show_the_best_median_and_worst_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shades = [10, 60, 110, 160, 210]
    cases: list[Any] = [
        SimpleNamespace(view=k, images=np.full((2, 4, 128, 128), shade / 127.5 - 1, np.float32))
        for k, shade in enumerate(shades)
    ]
    seen: list[tuple[int, int]] = []
    predictor: Any = SimpleNamespace(predict=lambda view, images: seen.append((view, len(images))) or 0.3)
    levels: list[tuple[float, float]] = []

    def tiles(prediction: float, case: Any, level: float) -> list[np.ndarray]:
        levels.append((prediction, level))
        return [np.full((TILE_SIZE, TILE_SIZE, 3), int(100 * prediction), np.uint8)] * 4

    monkeypatch.setattr(sheets, "prediction_tiles", tiles)
    monkeypatch.setattr(sheets, "true_prediction", lambda solids, view: 0.9)
    monkeypatch.setattr(sheets, "ROWS_PER_GROUP", 1)
    path = tmp_path / "sheet.png"
    write_sheet(path, None, cases, predictor, 0.4, np.array([0.5, 0.9, 0.1, 0.7, 0.3]))  # type: ignore[arg-type]
    assert seen == [(1, 1), (0, 1), (2, 1)]
    assert levels == [(0.3, 0.4), (0.9, 0.5)] * 3
    with Pil.open(path) as sheet:
        found = np.asarray(sheet)
    assert found.shape == (3 * TILE_SIZE, 9 * TILE_SIZE, 3)
    centre = found[TILE_SIZE // 2 :: TILE_SIZE, TILE_SIZE // 2 :: TILE_SIZE, 0]
    assert centre[:, 0] == pytest.approx([60, 10, 110], abs=1)
    assert (centre[:, 1:5] == 30).all() and (centre[:, 5:] == 90).all()
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
