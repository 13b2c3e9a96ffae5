"""`lift3d lithophane` and `lift3d relief`: success, and failures in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from typer.testing import Result

Y, X = np.mgrid[:96, :128] / 96
TONE = (255 * (0.5 + 0.4 * np.sin(7 * X) * np.cos(5 * Y))).astype(np.uint8)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Pil.fromarray(TONE).convert("RGB").save(tmp_path / "photo.jpg")
    np.save(tmp_path / "heights.npy", TONE.astype(np.float32))
    return tmp_path / "photo.jpg"


def test_a_lamp(run: Callable[..., Result], photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "lamp.3mf"
    words = (
        "--width",
        "10cm",
        "--thickness",
        "0.8mm..3mm",
        "--curve",
        "120deg",
        "--detail",
        "1mm",
        "--border",
        "3mm",
    )
    result = run("lithophane", photo, "-o", out, *words)
    assert result.exit_code == 0 and f"solid    {out}" in result.stdout and "size     8" in result.stdout, (
        result.output
    )
    assert out.is_file() and (tmp_path / "lamp.png").is_file()
    assert run("lithophane", photo, "-o", out, "--detail", "1mm", "--negative", "-q").output == ""


def test_a_relief(run: Callable[..., Result], photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "relief.stl"
    words = ("--width", "12cm", "--depth", "4mm", "--detail", "1mm", "--depth-map", tmp_path / "heights.npy")
    result = run("relief", photo, "-o", out, *words)
    assert result.exit_code == 0 and "size     120 mm x 90 mm x 6 mm" in result.stdout, result.output
    assert out.is_file() and (tmp_path / "relief.png").is_file()


def test_warnings_are_shown(run: Callable[..., Result], tmp_path: Path) -> None:
    Pil.fromarray(np.where(TONE > 128, 255, 0).astype(np.uint8)).save(tmp_path / "text.png")
    result = run(
        "lithophane", tmp_path / "text.png", "-o", tmp_path / "x.stl", "--width", "1m", "--detail", "8mm"
    )
    assert result.exit_code == 0 and "few shades" in result.stderr and "usual printer" in result.stderr


def test_refusals(refused: Callable[..., str], photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.stl"
    assert "720 degrees" in refused("lithophane", photo, "-o", out, "--curve", "720deg")
    assert "down to" in refused("lithophane", photo, "-o", out, "--thickness", "3mm..1mm")
    assert "does not exist" in refused("relief", photo, "-o", out, "--depth-map", tmp_path / "none.png")
    Pil.fromarray(np.full((80, 90), 255, np.uint8)).save(tmp_path / "white.png")
    assert "white everywhere" in refused("lithophane", tmp_path / "white.png", "-o", out)
    assert not out.exists()
