"""Photos find their cameras by path, by file name, by stem."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.io.camera.matching import match_cameras, name_keys, normalise_name
from lift3d.io.camera.validate import validated_camera
from lift3d.types import Camera, Image, Photos


def camera(focal: float = 40, width: int = 64, height: int = 48) -> Camera:
    return Camera(width, height, focal, focal, width / 2, height / 2, np.eye(4))


def photos(*names: str, width: int = 64, height: int = 48) -> Photos:
    return Photos(tuple(Image(np.zeros((height, width, 3), np.uint8), name) for name in names))


def test_keys_drop_path_then_suffix() -> None:
    assert name_keys("A/B.JPG") == ("A/B.JPG", "b.jpg", "b")
    assert name_keys("frame.000001") == ("frame.000001", "frame.000001", "frame.000001")
    assert normalise_name(".\\a\\b.png") == "a/b.png"


@pytest.mark.parametrize(
    "names", [("a.jpg", "b.jpg"), ("images/a.jpg", "images/b.jpg"), ("a.png", "B.png"), ("A", "b")]
)
def test_names_match_from_exact_to_loose(names: tuple[str, str]) -> None:
    found, cameras = match_cameras(photos("a.jpg", "b.jpg"), dict(zip(names, (camera(40), camera(50)))))
    assert [c.fx for c in cameras] == [40, 50] and len(found) == 2


def test_photos_without_a_camera_are_left_out() -> None:
    found, cameras = match_cameras(photos("a.jpg", "b.jpg", "c.jpg"), {"a.jpg": camera(), "c.jpg": camera()})
    assert [i.name for i in found.images] == ["a.jpg", "c.jpg"] and len(cameras) == 2


def test_the_exact_name_wins_over_an_equal_file_name() -> None:
    cameras = {"left/a.jpg": camera(10), "right/a.jpg": camera(20), "right/b.jpg": camera(30)}
    _, matched = match_cameras(photos("right/a.jpg", "right/b.jpg"), cameras)
    assert [c.fx for c in matched] == [20, 30]


def test_a_camera_is_scaled_to_the_photo() -> None:
    _, matched = match_cameras(photos("a", "b", width=128, height=96), {"a": camera(), "b": camera()})
    assert matched[0].fx == pytest.approx(80) and (matched[0].width, matched[0].height) == (128, 96)


def test_another_aspect_ratio_is_refused() -> None:
    with pytest.raises(InputError, match="64x48 pixels, but it has 128x48"):
        match_cameras(photos("a", "b", width=128), {"a": camera(), "b": camera()})


@pytest.mark.parametrize("cameras", [{}, {"x": camera(), "y": camera()}, {"a.jpg": camera()}])
def test_fewer_than_two_matches_are_refused_with_an_example(cameras: dict[str, Camera]) -> None:
    with pytest.raises(InputError, match="belong to other photos"):
        match_cameras(photos("a.jpg", "b.jpg"), cameras)


@pytest.mark.parametrize(
    ("width", "k", "matrix", "message"),
    [
        (0, (1, 1, 0, 0), np.eye(4), "impossible size"),
        (1 << 20, (1, 1, 0, 0), np.eye(4), "impossible size"),
        (64, (0, 1, 0, 0), np.eye(4), "impossible size or focal"),
        (64, (np.nan, 1, 0, 0), np.eye(4), "not finite"),
        (64, (1, 1, 0, 0), np.full((4, 4), np.inf), "not finite"),
        (64, (1, 1, 0, 0), np.diag([2.0, 2, 2, 1]), "not a valid camera"),
    ],
)
def test_impossible_cameras_are_refused(width: int, k: tuple, matrix: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=f"the frame.*{message}"):
        validated_camera(width, 48, k, matrix, (0.0, 0.0, 0.0, 0.0), "the frame a")


def test_no_distortion_is_stored_as_none() -> None:
    assert validated_camera(64, 48, (40, 40, 32, 24), np.eye(4), (0.0,) * 4, "a").distortion == ()
    assert validated_camera(64, 48, (40, 40, 32, 24), np.eye(4), (0.1, 0, 0, 0), "a").distortion == (
        0.1,
        0,
        0,
        0,
    )
