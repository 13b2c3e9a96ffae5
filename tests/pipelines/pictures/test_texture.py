"""Photos onto a mesh: colours arrive where the photos saw them, the shape stays, and bad input is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from typer.testing import CliRunner

import lift3d
from lift3d.cli import app
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.types import Mesh

COLOURS = np.array(
    [[200, 30, 30], [30, 160, 40], [40, 60, 210], [210, 200, 40], [180, 60, 190], [90, 90, 90]]
)


def shape() -> Mesh:
    """A box with a tower on one corner, in metres."""
    tower = trimesh.creation.box((0.4, 0.4, 1.0), trimesh.transformations.translation_matrix([0.5, 0.2, 0.7]))
    mesh = trimesh.util.concatenate([trimesh.creation.box((1.6, 1.0, 0.5)), tower])
    mesh.units = "m"
    return mesh


def photo(mesh: Mesh, azimuth: float) -> Pil.Image:
    """A photo on a transparent background; faces have a colour for each direction."""
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    n = np.asarray(mesh.face_normals)
    side = np.abs(n).argmax(1) * 2 + (n[np.arange(len(n)), np.abs(n).argmax(1)] > 0)
    face, _, _ = rasterize(orbit_camera(v, azimuth, 22, 320, 240, 420, 0.85), v, f)
    rgb = np.where((face >= 0)[..., None], COLOURS[side[np.maximum(face, 0)]], 0).astype(np.uint8)
    return Pil.fromarray(np.dstack([rgb, (face >= 0).astype(np.uint8) * 255]))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texture")
    mesh = shape()
    mesh.export(folder / "grey.stl")
    for azimuth in (35, 215):
        photo(mesh, azimuth).save(folder / f"{azimuth}.png")
    return folder


def sides_seen(mesh: Mesh) -> dict[int, np.ndarray]:
    """Median colour of the texture on the faces of each direction of a textured mesh."""
    picture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), float)
    uv = np.asarray(mesh.visual.uv)[np.asarray(mesh.faces)].mean(1)
    h, w = picture.shape[:2]
    x, y = (uv[:, 0] * w).astype(int).clip(0, w - 1), ((1 - uv[:, 1]) * h).astype(int).clip(0, h - 1)
    n = np.asarray(mesh.face_normals)
    axis = np.abs(n).argmax(1)
    side = axis * 2 + (n[np.arange(len(n)), axis] > 0)
    return {int(s): np.median(picture[y, x][side == s], 0) for s in np.unique(side)}


def test_two_photos_colour_five_sides_and_keep_the_shape(files: Path) -> None:
    said: list[str] = []
    mesh = lift3d.texture(
        shape(), [files / "35.png", files / "215.png"], files / "out.glb", size=512, message=said.append
    )
    assert len(said) == 2 and "azimuth 35" in said[0] and "azimuth 21" in said[1]
    assert mesh.units == "m" and mesh.volume == pytest.approx(shape().volume)
    assert np.allclose(mesh.bounds, shape().bounds)
    seen = sides_seen(mesh)
    for side in (0, 1, 2, 3, 5):
        assert np.abs(COLOURS - seen[side]).sum(1).argmin() == side, side
    assert (files / "out.glb").is_file() and (files / "out.png").is_file()


def test_the_command_says_where_each_photo_was_taken(files: Path) -> None:
    done = CliRunner().invoke(
        app,
        [
            "texture",
            str(files / "grey.stl"),
            str(files / "35.png"),
            "-o",
            str(files / "cli.glb"),
            "--size",
            "512",
        ],
    )
    assert done.exit_code == 0, done.output
    assert (
        "35.png: taken from azimuth" in done.output
        and "wrote" in done.output
        and (files / "cli.png").is_file()
    )


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"output": "x.stl"}, InputError, "holds no colours"),
        ({"output": "grey.stl/x.glb"}, InputError, ""),
        ({"photos": []}, InputError, "0 photos"),
        ({"up": "q"}, InputError, "not an upright axis"),
        ({"size": 7}, InputError, "choose 256 to 8192"),
        ({"output": "35.glb", "photos": "missing.png"}, InputError, "missing.png"),
    ],
)
def test_what_cannot_be_used_is_said(files: Path, change: dict, error: type[Exception], words: str) -> None:
    given = {"photos": "35.png", "output": "y.glb"} | change
    photos = [
        files / p
        for p in ([given.pop("photos")] if isinstance(given["photos"], str) else given.pop("photos"))
    ]
    with pytest.raises(error) as caught:
        lift3d.texture(files / "grey.stl", photos, files / str(given.pop("output")), **given)
    assert words in str(caught.value) and not (files / "y.glb").exists()


def test_a_mesh_of_something_else_fits_no_photo(files: Path) -> None:
    needle = trimesh.creation.cylinder(0.02, 4)
    with pytest.raises(CaptureError, match="fits none of the photos"):
        lift3d.texture(needle, files / "35.png")


def test_up_y_turns_a_file_without_an_axis(files: Path) -> None:
    mesh = shape()
    mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))
    mesh.export(files / "y.stl")
    said: list[str] = []
    turned = lift3d.texture(files / "y.stl", files / "35.png", size=512, up="y", message=said.append)
    assert "azimuth 35" in said[0] and np.allclose(turned.bounds, shape().bounds, atol=1e-6)


def test_a_photo_of_another_object_is_left_out_or_doubted(files: Path, tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(3)
    v, f = np.asarray(ball.vertices), np.asarray(ball.faces)
    face, _, _ = rasterize(orbit_camera(v, 0, 20, 240, 240, 420, 0.85), v, f)
    rgb = np.full((240, 240, 3), 90, np.uint8)
    Pil.fromarray(np.dstack([rgb, (face >= 0).astype(np.uint8) * 255])).save(tmp_path / "35.png")
    said: list[str] = []
    lift3d.texture(shape(), [files / "35.png", tmp_path / "35.png"], size=256, message=said.append)
    assert said[0].startswith("35.png (1): taken from") and "agree to" in said[0]
    assert any("35.png (2)" in s and ("is left out" in s or "fits the mesh badly" in s) for s in said), said
