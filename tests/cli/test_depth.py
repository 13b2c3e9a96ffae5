"""`lift3d depth` and `lift3d corpus scenes`: success, bad input, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from typer.testing import Result

from lift3d.pipelines.pictures import depth as module
from lift3d.types import Camera, Depth


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo; the network answers with a wall."""

    class Answer:
        def __init__(self, weights: Any) -> None:
            self.weights = weights

        def __call__(self, image: Any, context: Any) -> Depth:
            h, w = image.height, image.width
            normals = np.zeros((h, w, 3), np.float32)
            normals[..., 2] = -1
            return Depth(
                np.ones((h, w), np.float32), Camera(w, h, w / 2, w / 2, w / 2, h / 2, np.eye(4)), normals
            )

    monkeypatch.setattr(module, "ImageToDepth", Answer)
    path = tmp_path / "photo.png"
    Pil.fromarray(np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)).save(path)
    return path


def test_depth_names_its_files_and_the_lens(run: Callable[..., Result], photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("depth", photo, "-o", out / "d.png", "--points", out / "c.ply", "--normals", out / "n.png")
    assert result.exit_code == 0 and "field of view 90 degrees" in result.stdout, result.output
    written = sorted(p.name for p in out.iterdir())
    assert written == ["c.ply", "d.npy", "d.png", "d.preview.png", "n.png"]
    assert all(name in result.stdout for name in written)
    quiet = run("depth", photo, "-o", out / "e.png", "--quiet")
    assert quiet.exit_code == 0 and quiet.output == "" and (out / "e.npy").is_file()


def test_depth_refuses_bad_input(refused: Callable[..., str], photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.png"
    assert "not a PNG" in refused("depth", photo, "-o", tmp_path / "d.jpg")
    assert "overwrite" in refused("depth", photo, "-o", photo)
    assert "none.jpg" in refused("depth", tmp_path / "none.jpg", "-o", out)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    assert "broken.jpg" in refused("depth", broken, "-o", out)
    assert "folder" in refused("depth", tmp_path, "-o", out)
    assert not out.exists() and not out.with_suffix(".npy").exists()


def test_a_photo_of_one_colour_is_one_sentence(refused: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "white.png"
    Pil.fromarray(np.full((96, 128, 3), 255, np.uint8)).save(path)
    assert "all of one colour" in refused("depth", path, "-o", tmp_path / "d.png")


def test_scenes_refuse_bad_input(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "does not exist" in refused("corpus", "scenes", tmp_path / "none", "-o", tmp_path / "s")
    assert not (tmp_path / "s").exists()
