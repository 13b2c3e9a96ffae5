"""Sheet of completed shapes: which mesh is written where, and the framing of its renderings."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

pytest.importorskip("torch")

from lift3d.evaluate.sheets import completion  # noqa: E402
from lift3d.evaluate.sheets.completion import TILE_SIZE, render_tiles, write_sheet  # noqa: E402


def area(tile: np.ndarray) -> int:
    return int((tile < 250).any(2).sum())


def test_a_part_is_framed_by_the_whole_shape() -> None:
    whole, part = trimesh.creation.box((1, 1, 1)), trimesh.creation.box((0.5, 0.5, 0.5))
    around = np.asarray(whole.vertices)
    full, half = render_tiles(whole, around), render_tiles(part, around)
    assert [tile.shape for tile in full] == [(TILE_SIZE, TILE_SIZE, 3)] * 2
    for large, small in zip(full, half):  # half the side is a quarter of the area, but for perspective
        assert area(small) / area(large) == pytest.approx(0.25, abs=0.06)


def test_columns_are_part_completion_and_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tiles(mesh: trimesh.Trimesh, around: np.ndarray) -> list[np.ndarray]:
        return [
            np.full((TILE_SIZE, TILE_SIZE, 3), round(mesh.extents[0]) + side, np.uint8) for side in (0, 1)
        ]

    monkeypatch.setattr(completion, "render_tiles", tiles)
    monkeypatch.setattr(completion, "ROWS_PER_GROUP", 1)
    cases: list[Any] = []
    for k in range(3):
        truth = trimesh.creation.box((200 + 10 * k, 1, 1))
        solid = SimpleNamespace(
            v=np.asarray(truth.vertices), f=np.asarray(truth.faces), points=truth.vertices
        )
        cases.append(SimpleNamespace(part=trimesh.creation.box((10 * k + 20, 1, 1)), truth=solid, mode="cut"))
    completer: Any = SimpleNamespace(complete=lambda part: trimesh.creation.box(part.extents + 80))
    path = tmp_path / "sheet.png"
    write_sheet(path, cases, completer, np.array([0.2, 0.1, 0.9]))
    with Pil.open(path) as sheet:
        found = np.asarray(sheet).astype(int)
    assert found.shape == (3 * TILE_SIZE, 6 * TILE_SIZE, 3)
    centre = found[TILE_SIZE // 2 :: TILE_SIZE, TILE_SIZE // 2 :: TILE_SIZE, 0]
    for row, k in zip(centre, (2, 0, 1)):  # best, median and worst
        part = 10 * k + 20
        assert row.tolist() == [part, part + 1, part + 80, part + 81, 200 + 10 * k, 201 + 10 * k]
