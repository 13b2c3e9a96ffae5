"""Cameras of photos that EXIF rotates: the camera shows every point where the photo shows it, whichever picture it is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from scipy.spatial.transform import Rotation

from lift3d.errors import InputError
from lift3d.geometry.camera.turn import rotate_camera
from lift3d.geometry.camera.undistort import distort_points
from lift3d.io.camera.matching import STORED, UPRIGHT, layouts, match_cameras
from lift3d.io.image.photos import read_photos
from lift3d.types import Camera, Image, Photos

WIDTH, HEIGHT = 160, 120


def camera(width: int = WIDTH, height: int = HEIGHT, distortion: tuple[float, ...] = ()) -> Camera:
    """A camera with everything askew: unequal focal lengths, principal point off the centre."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", [10, -20, 5], degrees=True).as_matrix()
    pose[:3, 3] = (0.1, -0.2, 4.0)
    return Camera(width, height, 150.0, 140.0, 0.47 * width, 0.55 * height, pose, distortion)


def pixel(camera: Camera, point: np.ndarray) -> np.ndarray:
    x = camera.R @ point + camera.t
    normal = distort_points(x[:2] / x[2], camera.distortion)
    return normal * [camera.fx, camera.fy] + [camera.cx, camera.cy]


def photo_of(
    camera: Camera, point: np.ndarray, path: Path, orientation: int, quality: dict | None = None
) -> None:
    """The stored picture of a camera that sees a white square around a point, with an EXIF orientation."""
    pixels = np.zeros((camera.height, camera.width, 3), np.uint8)
    u, v = pixel(camera, point).astype(int)
    pixels[v - 3 : v + 4, u - 3 : u + 4] = 255
    exif = Pil.Exif()
    exif[0x0112] = orientation
    Pil.fromarray(pixels).save(path, exif=exif)


def seen_at(image: Image) -> np.ndarray:
    rows, columns = np.nonzero(image.pixels[..., 0] > 128)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_camera_of_the_stored_picture_turns_with_the_photo(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    stored, point = camera(distortion=(-0.1, 0.02, 0.01, -0.02)), np.array([0.5, -0.3, 0.2])
    for name in "ab":
        photo_of(stored, point, tmp_path / f"{name}.{suffix}", orientation)
    photos = read_photos(tmp_path)
    assert [i.orientation for i in photos.images] == [orientation] * 2
    table = {f"{name}.{suffix}": stored for name in "ab"}
    assert layouts(photos, table) == (
        (UPRIGHT,) if orientation == 1 else (STORED,) if orientation > 4 else (STORED, UPRIGHT)
    )
    matched, cameras = match_cameras(photos, table, STORED)
    for image, turned in zip(matched.images, cameras):
        assert (turned.width, turned.height) == (image.width, image.height)
        assert np.allclose(pixel(turned, point), seen_at(image), atol=1.0)
        assert np.allclose(turned.centre, stored.centre)


@pytest.mark.parametrize("orientation", range(5, 9))
def test_a_camera_of_the_upright_picture_stays(tmp_path: Path, orientation: int) -> None:
    upright, point = camera(HEIGHT, WIDTH), np.array([0.2, -0.3, 0.2])
    for name in "ab":
        photo_of(camera(), point, tmp_path / f"{name}.png", orientation)
    photos, table = read_photos(tmp_path), {"a.png": upright, "b.png": upright}
    assert layouts(photos, table) == (UPRIGHT,)
    assert match_cameras(photos, table, STORED)[1] == (upright, upright)


def test_four_quarter_turns_are_none() -> None:
    start = camera(distortion=(-0.1, 0.02, 0.01, -0.02))
    end = rotate_camera(start, 4)
    assert replace(end, world_to_camera=start.world_to_camera) == start or np.allclose(end.K, start.K)
    assert np.allclose(end.world_to_camera, start.world_to_camera) and np.allclose(
        end.distortion, start.distortion
    )


def images(*orientations: int, width: int = WIDTH, height: int = HEIGHT) -> Photos:
    """Upright photos that were turned by EXIF from a stored picture of width x height."""

    def one(k: int, orientation: int) -> Image:
        size = (height, width) if orientation > 4 else (width, height)
        return Image(
            np.zeros((size[1], size[0], 3), np.uint8), f"{k}.jpg", original_size=size, orientation=orientation
        )

    return Photos(tuple(one(k, o) for k, o in enumerate(orientations)))


def test_photos_whose_size_decides_speak_for_the_others() -> None:
    photos = images(1, 3, 6)
    stored = {f"{k}.jpg": camera() for k in range(3)}
    assert layouts(photos, stored) == (STORED,)
    assert layouts(photos, {**stored, "2.jpg": camera(HEIGHT, WIDTH)}) == (UPRIGHT,)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_sizes_do_not_decide_for_square_pictures_and_half_turns(orientation: int) -> None:
    photos = images(orientation, orientation, width=120)
    assert layouts(photos, {"0.jpg": camera(120), "1.jpg": camera(120)}) == (STORED, UPRIGHT)


def test_a_camera_of_another_shape_names_the_orientation() -> None:
    with pytest.raises(
        InputError,
        match="camera of 0.jpg is for 100x99 pixels, but it has 120x160 after its EXIF orientation 6",
    ):
        match_cameras(images(6, 6), {"0.jpg": camera(100, 99), "1.jpg": camera(100, 99)}, UPRIGHT)


def test_the_mask_of_a_mirrored_photo_turns_with_it() -> None:
    photos = images(2, 2)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:, :20] = True
    photos = replace(photos, images=tuple(replace(i, mask=mask) for i in photos.images))
    matched, _ = match_cameras(photos, {"0.jpg": camera(), "1.jpg": camera()}, STORED)
    assert np.array_equal(matched.images[0].mask, mask[:, ::-1])
