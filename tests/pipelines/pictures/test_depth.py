"""Files of a depth map: codes, colours, normals, points, and outputs that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.camera.projection import pixel_rays
from lift3d.io.mesh.points import load_surface
from lift3d.pipelines.pictures import depth as module
from lift3d.pipelines.pictures.depth import coloured, depth, depth_to_points, inverse_codes, normals_image
from lift3d.types import Camera, Depth, Image, Points

HEIGHT, WIDTH = 96, 128


def found(step: bool = False) -> Depth:
    """A wall at depth 2, its right half at depth 3 if `step`."""
    camera = Camera(WIDTH, HEIGHT, 50, 50, WIDTH / 2, HEIGHT / 2, np.eye(4))
    z = np.full((HEIGHT, WIDTH), 2, np.float32)
    if step:
        z[:, WIDTH // 2 :] = 3
    normals = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    normals[..., 2] = -1
    return Depth(z, camera, normals)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mapping answers with a step."""

    class Answer:
        def __init__(self, weights: Any) -> None:
            pass

        def __call__(self, image: Image, context: Any) -> Depth:
            return found(True)

    monkeypatch.setattr(module, "ImageToDepth", Answer)


def test_codes_are_linear_in_inverse_depth_and_keep_zero_for_unknown() -> None:
    z = np.array([[0, 1, 2, 4, 1e9]], np.float32)
    assert inverse_codes(z).tolist() == [[0, 65535, 32768, 16384, 1]]
    assert inverse_codes(np.zeros((2, 2), np.float32)).max() == 0


def test_colours_are_darker_with_distance() -> None:
    z = np.linspace(1, 10, 200, dtype=np.float32)[None]
    light = coloured(inverse_codes(z)).astype(float).sum(2)[0]
    assert light[0] > 500 and light[-1] < 60 and (np.diff(light) <= 3).all()
    z[0, :5] = 0
    assert (coloured(inverse_codes(z))[0, :5] == 0).all()


def test_normals_are_written_with_y_up_and_z_to_the_camera() -> None:
    n = np.array([[[0, 0, -1], [1, 0, 0], [0, 1, 0], [0, 0, -1]]], np.float32)
    known = np.array([[True, True, True, False]])
    assert normals_image(n, known).tolist() == [[[128, 128, 255], [255, 128, 128], [128, 0, 128], [0, 0, 0]]]


def test_points_lie_on_the_rays_with_z_up() -> None:
    image = Image(np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3), "a")
    points = depth_to_points(found(), image)
    assert len(points) == HEIGHT * WIDTH and points.normals is not None and points.colours is not None
    rays = pixel_rays(found().camera).reshape(-1, 3) * 2
    assert np.allclose(points.xyz, np.stack([rays[:, 0], rays[:, 2], -rays[:, 1]], 1))
    assert np.allclose(points.normals, [0, -1, 0]) and np.array_equal(
        points.colours, image.pixels.reshape(-1, 3)
    )


def test_silhouettes_give_no_points_and_large_photos_fewer() -> None:
    image = Image(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "a")
    assert len(depth_to_points(found(True), image)) == HEIGHT * (WIDTH - 2)
    assert len(depth_to_points(found(), image, most=3072)) == 48 * 64


def test_ramps_between_surfaces_give_no_points_and_planes_give_all() -> None:
    """An edge that is spread over several pixels, and a floor that meets a wall."""
    image = Image(np.zeros((480, 640, 3), np.uint8), "a")
    camera = Camera(640, 480, 500, 500, 320, 240, np.eye(4))
    edge = (1 / np.interp(np.arange(640), [317, 323], [1 / 2, 1 / 3]))[None].repeat(480, 0)
    kept = depth_to_points(Depth(edge.astype(np.float32), camera), image).xyz[:, 1]
    assert ((kept > 2.02) & (kept < 2.97)).mean() < 1e-3 and len(kept) > 0.96 * 640 * 480
    floor = 1 / np.maximum((np.arange(480) - 240) / (500 * 1.2), 1 / 4)[:, None].repeat(640, 1)
    assert len(depth_to_points(Depth(floor.astype(np.float32), camera), image)) > 0.99 * 640 * 480


def test_the_sky_is_infinite_and_no_part_of_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Answer:
        def __init__(self, weights: Any) -> None:
            pass

        def __call__(self, image: Image, context: Any) -> Depth:
            sure = np.ones((HEIGHT, WIDTH), np.float32)
            sure[:40] = 0.1
            return replace(found(), confidence=sure)

    monkeypatch.setattr(module, "ImageToDepth", Answer)
    result = depth(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), tmp_path / "d.png")
    assert np.isinf(result.z[:40]).all() and (result.z[40:] == 2).all()
    assert np.array_equal(np.load(tmp_path / "d.npy", allow_pickle=False), result.z)


def test_all_files_are_written(stub: None, tmp_path: Path) -> None:
    photo = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    result = depth(photo, tmp_path / "d.png", normals=tmp_path / "n.png", points=tmp_path / "c.ply")
    codes = np.asarray(Pil.open(tmp_path / "d.png"))
    assert codes.dtype == np.uint16 and codes[0, 0] == 65535 and codes[0, -1] == 43690
    assert np.array_equal(np.load(tmp_path / "d.npy", allow_pickle=False), result.z)
    assert Pil.open(tmp_path / "d.preview.png").size == Pil.open(tmp_path / "n.png").size == (WIDTH, HEIGHT)
    cloud = load_surface(tmp_path / "c.ply")
    assert isinstance(cloud, Points) and len(cloud) == HEIGHT * (WIDTH - 2) and cloud.unit is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.ply", "d.npy", "d.png", "d.preview.png", "n.png"]


def test_without_outputs_nothing_is_written(stub: None) -> None:
    assert depth(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).z.shape == (HEIGHT, WIDTH)


def test_outputs_that_cannot_be_used_are_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(weights: Any) -> Any:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(module, "ImageToDepth", never)
    photo = tmp_path / "photo.png"
    Pil.fromarray(np.zeros((4, 4, 3), np.uint8)).save(photo)
    with pytest.raises(InputError, match="not a PNG"):
        depth(photo, tmp_path / "d.jpg")
    with pytest.raises(InputError, match="point cloud c.obj is not a PLY"):
        depth(photo, points=tmp_path / "c.obj")
    with pytest.raises(InputError, match="overwrite"):
        depth(photo, photo)
    with pytest.raises(InputError, match="same name"):
        depth(photo, tmp_path / "d.png", normals=tmp_path / "d.png")
