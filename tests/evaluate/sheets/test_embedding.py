"""Sheet of the worst retrieval results: their order, the rank of the own shape, and the shapes found first."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

pytest.importorskip("torch")

from lift3d.evaluate.sheets import embedding  # noqa: E402
from lift3d.evaluate.sheets.embedding import FINDS, write_sheet  # noqa: E402
from lift3d.evaluate.sheets.image_to_voxels import TILE_SIZE  # noqa: E402


def test_the_worst_queries_come_first_with_what_they_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 7
    monkeypatch.setattr(
        embedding, "render_shape", lambda corpus, shape: np.full((TILE_SIZE, TILE_SIZE, 3), shape, np.uint8)
    )
    monkeypatch.setattr(embedding, "ROWS", 3)
    images = np.zeros((count, 4, TILE_SIZE, TILE_SIZE), np.float32)
    images += (np.arange(count) * 20 / 127.5 - 1)[:, None, None, None]
    retrieval: Any = SimpleNamespace(shapes=[10 * k + 5 for k in range(count)], images=images)
    # Query 4 ranks its own shape last, query 2 third, and all others first.
    scores = np.eye(count, dtype=np.float32)
    scores[4] = [0.6, 0.5, 0.4, 0.3, 0.1, 0.2, 0.7]
    scores[2] = [0.9, 0.1, 0.5, 0.8, 0, 0, 0.2]
    path = tmp_path / "sheet.png"
    write_sheet(path, None, retrieval, scores)  # type: ignore[arg-type]
    with Pil.open(path) as sheet:
        found = np.asarray(sheet).astype(int)
    assert found.shape == (3 * TILE_SIZE, (FINDS + 2) * TILE_SIZE, 3)
    centre = found[TILE_SIZE // 2 :: TILE_SIZE, TILE_SIZE // 2 :: TILE_SIZE, 0]
    assert centre[:, 0] == pytest.approx([80, 40, 0], abs=1)
    assert centre[0, 1:].tolist() == [45, 65, 5, 15, 25, 35]
    assert centre[1, 1:].tolist() == [25, 5, 35, 25, 65, 15]
    assert centre[2, 1:3].tolist() == [5, 5]  # its own shape is found first
