"""`lift3d.lithophane`: every format holds a solid of the exact size; pictures of every sort; nothing half-written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import lift3d
from lift3d.errors import InputError, SolidError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.pipelines.reliefs import grid_model

RNG = np.random.default_rng(0)
Y, X = np.mgrid[:96, :128] / 96
PHOTO = np.repeat((255 * (0.5 + 0.4 * np.sin(7 * X) * np.cos(5 * Y)))[..., None], 3, 2).astype(np.uint8)
SMALL: dict[str, Any] = {"width": "40mm", "detail": "0.5mm"}


@pytest.mark.parametrize("ending", ["stl", "3mf", "glb", "obj", "ply"])
@pytest.mark.parametrize("curve", ["0deg", "120deg", "360deg"])
def test_files_hold_the_solid(tmp_path: Path, ending: str, curve: str) -> None:
    path = tmp_path / f"lamp.{ending}"
    mesh = lift3d.lithophane(PHOTO, path, curve=curve, **SMALL)
    read = lift3d.load(path)
    assert inspect_solid(read).is_solid
    scale = 1.0 if read.units else 1e-3
    assert np.allclose(read.extents * scale, mesh.extents, atol=1e-7)
    shown = np.asarray(Pil.open(tmp_path / "lamp.png"))
    assert shown.ndim == 2 and shown.max() == 255


def test_large_files_are_proved_by_their_triangles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above INSPECTED_FACES the file is compared with the model; the slow predicate agrees."""
    monkeypatch.setattr(grid_model, "INSPECTED_FACES", 0)
    for ending in ("stl", "3mf", "glb"):
        lift3d.lithophane(PHOTO, tmp_path / f"a.{ending}", curve="200deg", border="2mm", **SMALL)
        assert inspect_solid(lift3d.load(tmp_path / f"a.{ending}")).is_solid
    before = grid_model.load_mesh

    def torn(path: Path) -> Any:
        mesh = before(path)
        mesh.update_faces(np.arange(len(mesh.faces)) > 0)
        return mesh

    monkeypatch.setattr(grid_model, "load_mesh", torn)
    with pytest.raises(SolidError, match="not those of the model"):
        lift3d.lithophane(PHOTO, tmp_path / "b.stl", **SMALL)
    assert not list(tmp_path.glob("b*")) and not list(tmp_path.glob(".*"))


def said(picture: Any, **options: Any) -> list[str]:
    found: list[str] = []
    mesh = lift3d.lithophane(picture, message=found.append, **{**SMALL, **options})
    assert inspect_solid(mesh).is_solid
    return found


def test_ordinary_photos_need_no_words() -> None:
    assert said(PHOTO) == []


def test_panorama_text_low_contrast_and_transparency() -> None:
    assert any("12 times" in s for s in said(np.tile(PHOTO, (1, 9, 1)), width="200mm"))
    text = np.where(RNG.random((100, 140)) > 0.8, 0, 255).astype(np.uint8)
    assert any("few shades" in s for s in said(text))
    assert any("contrast is low" in s for s in said((120 + PHOTO // 12).astype(np.uint8)))
    cut = np.dstack([PHOTO, np.where(X > 0.6, 255, 0).astype(np.uint8)])
    assert any("transparent part is taken as white" in s for s in said(cut))


def test_a_bed_that_is_too_small_and_a_grid_that_is_too_fine() -> None:
    assert any("larger than a usual printer" in s for s in said(PHOTO, width="1m", detail="5mm"))
    found: list[str] = []
    lift3d.lithophane(PHOTO, width="60mm", detail="0.03mm", message=found.append)
    assert any("to keep the file in bounds" in s for s in found)


@pytest.mark.parametrize("curve", [0, 60, 120, 200, 360])
def test_the_size_is_said_before_the_work(curve: int) -> None:
    """The sentence about the bed states the size that the model then has."""
    found: list[str] = []
    mesh = lift3d.lithophane(PHOTO, width="1m", detail="5mm", curve=curve, message=found.append)
    (sentence,) = [s for s in found if "larger than a usual printer" in s]
    stated = [float(x) for x in sentence.split(" is ")[1].split(" mm")[0].split(" x ")]
    assert stated == pytest.approx(sorted(1000 * mesh.extents)[::-1], rel=0.02)


@pytest.mark.parametrize(
    ("picture", "options", "sentence"),
    [
        (np.full((90, 90, 3), 255, np.uint8), {}, "white everywhere"),
        (np.zeros((90, 90, 3), np.uint8), {}, "black everywhere"),
        (np.zeros((1, 1, 3), np.uint8), {}, "too small"),
        (PHOTO, {"thickness": "3mm..0.8mm"}, "from 3 mm down"),
        (PHOTO, {"thickness": "0.1..3mm"}, "cannot be printed"),
        (PHOTO, {"thickness": "2mm"}, "not a thickness"),
        (PHOTO, {"thickness": "0.8..3"}, "not a thickness"),
        (PHOTO, {"curve": "720deg"}, "720 degrees"),
        (PHOTO, {"curve": "90"}, "no unit"),
        (PHOTO, {"curve": "round"}, "not a curve"),
        (PHOTO, {"width": "20"}, "no unit"),
        (PHOTO, {"width": "20km"}, "unit of length"),
        (PHOTO.astype(float), {}, "array of shape"),
    ],
)
def test_refusals(picture: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        lift3d.lithophane(picture, **{**SMALL, **options})
    assert "\n" not in str(caught.value)


def test_outputs(tmp_path: Path) -> None:
    Pil.fromarray(PHOTO).save(tmp_path / "me.png")
    with pytest.raises(InputError, match="not a model format"):
        lift3d.lithophane(PHOTO, tmp_path / "x.jpg")
    with pytest.raises(InputError, match="would overwrite the photo me.png"):
        lift3d.lithophane(tmp_path / "me.png", tmp_path / "me.stl")
    (tmp_path / "sky.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(100))
    with pytest.raises(InputError, match="not a picture"):
        lift3d.lithophane(tmp_path / "sky.exr", tmp_path / "x.stl")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["me.png", "sky.exr"]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        lift3d.lithophane(PHOTO, tmp_path / name / "x.stl", curve="90deg", **SMALL)
    assert (tmp_path / "a/x.stl").read_bytes() == (tmp_path / "b/x.stl").read_bytes()
