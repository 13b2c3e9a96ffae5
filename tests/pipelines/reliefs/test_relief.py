"""`lift3d.relief`: photos with depth maps, height maps and meshes; refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

import lift3d
from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines.reliefs import photo_depth

Y, X = np.mgrid[:96, :128] / 96
HEIGHTS = np.exp(-((X - 0.4) ** 2 + (Y - 0.5) ** 2) / 0.05)
PHOTO = np.repeat((255 * (0.5 + 0.4 * np.sin(7 * X) * np.cos(5 * Y)))[..., None], 3, 2).astype(np.uint8)
SMALL: dict[str, Any] = {"width": "40mm", "detail": "0.5mm"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    Pil.fromarray(PHOTO).save(tmp_path / "photo.png")
    np.save(tmp_path / "heights.npy", HEIGHTS)
    Pil.fromarray((1000 / (0.5 + HEIGHTS)).astype(np.uint16)).save(tmp_path / "depth.png")
    save_mesh(trimesh.creation.icosphere(3), tmp_path / "ball.glb")
    return tmp_path


def test_every_source_becomes_a_solid(files: Path) -> None:
    """A photo with a height map, with distances, a height map alone, arrays and a mesh, each of the exact size."""
    sources: list[tuple[Any, dict[str, Any]]] = [
        (files / "photo.png", {"depth_map": files / "heights.npy"}),
        (files / "photo.png", {"depth_map": files / "depth.png", "near": "dark"}),
        (PHOTO, {"depth_map": HEIGHTS}),
        (files / "heights.npy", {}),
        (HEIGHTS, {"frame": "3mm"}),
        (files / "ball.glb", {}),
        (trimesh.creation.icosphere(3), {"azimuth": 40}),
    ]
    for k, (source, options) in enumerate(sources):
        path = files / "out" / f"{k}.3mf"
        mesh = lift3d.relief(source, path, **SMALL, **options)
        read = lift3d.load(path)
        assert inspect_solid(read).is_solid
        assert np.allclose(read.extents, mesh.extents, atol=1e-8)
        assert mesh.extents[0] == pytest.approx(0.04) and mesh.extents[2] == pytest.approx(0.006)
        assert path.with_suffix(".png").is_file()


def test_heights_and_distances_agree(files: Path) -> None:
    a = lift3d.relief(PHOTO, depth_map=HEIGHTS, detail_strength=0, **SMALL)
    b = lift3d.relief(PHOTO, depth_map=files / "depth.png", near="dark", detail_strength=0, **SMALL)
    assert np.corrcoef(a.vertices[:, 2], b.vertices[:, 2])[0, 1] > 0.99


def test_a_cut_out_photo_has_a_background() -> None:
    alpha = np.where((X - 0.4) ** 2 + (Y - 0.5) ** 2 < 0.1, 255, 0).astype(np.uint8)
    mesh = lift3d.relief(np.dstack([PHOTO, alpha]), depth_map=HEIGHTS, **SMALL)
    z = mesh.vertices[:, 2]
    assert np.isclose(z, 2e-3).mean() > 0.3 and inspect_solid(mesh).is_solid


def test_transparency_is_said_and_the_frame_is_shown(files: Path) -> None:
    alpha = np.where((X - 0.4) ** 2 + (Y - 0.5) ** 2 < 0.1, 255, 0).astype(np.uint8)
    said: list[str] = []
    path = files / "framed.stl"
    mesh = lift3d.relief(
        np.dstack([PHOTO, alpha]), path, depth_map=HEIGHTS, frame="4mm", message=said.append, **SMALL
    )
    assert any("transparent part is taken as background" in s for s in said)
    width, height = Pil.open(path.with_suffix(".png")).size
    assert width / height == pytest.approx(mesh.extents[0] / mesh.extents[1], rel=0.02)


def test_a_free_standing_relief_has_the_exact_width(files: Path) -> None:
    for source in (files / "ball.glb", trimesh.creation.torus(1, 0.3)):
        mesh = lift3d.relief(source, files / "x.stl", free_standing=True, **SMALL)
        assert inspect_solid(lift3d.load(files / "x.stl")).is_solid
        assert mesh.extents[0] == pytest.approx(0.04) and mesh.extents[2] == pytest.approx(0.006, rel=1e-3)
        assert mesh.vertices[:, 1].min() == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_a_photo_without_depth_gets_it_from_the_network() -> None:
    pytest.importorskip("torch")
    assert inspect_solid(lift3d.relief(PHOTO, **SMALL)).is_solid


def test_a_predictor_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        photo_depth, "depth_predictor", lambda: lambda image, context: HEIGHTS.astype(np.float32)
    )
    a, b = lift3d.relief(PHOTO, **SMALL), lift3d.relief(PHOTO, depth_map=HEIGHTS, **SMALL)
    assert np.allclose(a.vertices, b.vertices, atol=1e-7)


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        (np.full((90, 120, 3), 255, np.uint8), {}, "white everywhere"),
        (PHOTO, {"depth_map": HEIGHTS[:, :60]}, "aspect"),
        (PHOTO, {"depth_map": HEIGHTS, "near": "left"}, "near"),
        (PHOTO, {"depth_map": PHOTO}, "array of shape"),
        (HEIGHTS, {"depth_map": HEIGHTS}, "beside"),
        (HEIGHTS, {"depth": "0mm"}, "range"),
        (HEIGHTS, {"free_standing": True}, "no background"),
        (trimesh.creation.box(), {"free_standing": True, "frame": "3mm"}, "no frame"),
        (HEIGHTS, {"base": "0.1mm"}, "base of 0.1 mm"),
        (np.zeros((50, 60)), {}, "equal"),
        (trimesh.Trimesh(), {}, "no faces"),
        ("nowhere.glb", {}, "does not exist"),
        ("nowhere.npy", {}, "does not exist"),
        ("nowhere.jpg", {}, "no photos"),
        (trimesh.creation.box(), {"azimuth": float("nan")}, "azimuth"),
        (trimesh.creation.box(), {"up": "x"}, "upright"),
    ],
)
def test_refusals(source: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        lift3d.relief(source, **{**SMALL, **options})
    assert "\n" not in str(caught.value)
