"""Given cameras of photos that EXIF turns: sizes or matches decide which pictures they are of, or one sentence says that they
do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.sfm import known_cameras as sfm
from lift3d.io.camera.transforms import write_transforms
from lift3d.pipelines.reconstruction.known_cameras import KnownCameras
from lift3d.types import Camera, Image, Photos, Points, Views

NONE = np.zeros((0, 2), np.int32)


def views(width: int = 80, height: int = 64, count: int = 3) -> Views:
    cameras = tuple(Camera(width, height, 90.0, 90.0, width / 2, height / 2, np.eye(4)) for _ in range(count))
    images = tuple(Image(np.zeros((height, width, 3), np.uint8), f"{k}.jpg") for k in range(count))
    return Views(images, cameras, Points(np.zeros((0, 3))), NONE)


def given(tmp_path: Path, orientation: int, width: int = 80, height: int = 64) -> tuple[Photos, KnownCameras]:
    """Photos that EXIF turned, and the cameras of the stored pictures."""
    write_transforms(views(width, height), tmp_path / "transforms.json")
    size = (height, width) if orientation > 4 else (width, height)
    images = [replace(i, pixels=np.zeros((size[1], size[0], 3), np.uint8), orientation=orientation, original_size=size)
              for i in views().images]  # fmt: skip
    return Photos(tuple(images)), KnownCameras(tmp_path / "transforms.json")


@pytest.fixture
def agreement(monkeypatch: pytest.MonkeyPatch) -> dict[str, float | Exception]:
    """Epipolar agreement of cameras of stored and of upright pictures, or the exception that they raise."""
    values: dict[str, float | Exception] = {}

    def views_from_cameras(photos: Photos, cameras: list[Camera], *_: object) -> tuple[Views, dict]:
        layout = "upright" if np.allclose(cameras[0].R, np.eye(3)) and not mirrored(photos) else "stored"
        value = values[layout]
        if isinstance(value, Exception):
            raise value
        return Views(photos.images, tuple(cameras), Points(np.zeros((0, 3))), NONE), {
            "epipolar_agreement": value
        }

    def mirrored(photos: Photos) -> bool:
        return bool(photos.images[0].pixels[0, 0, 0])

    monkeypatch.setattr(sfm, "views_from_cameras", views_from_cameras)
    return values


@pytest.mark.parametrize(("stored", "upright", "layout"), [(0.98, 0.64, "stored"), (0.5, 0.9, "upright")])
def test_the_matches_decide_about_half_turns(tmp_path, agreement, stored, upright, layout) -> None:
    agreement |= {"stored": stored, "upright": upright}
    photos, mapping = given(tmp_path, 3)
    context = Context()
    found = mapping(photos, context)
    assert context.report["images_to_cameras"]["cameras_of"] == layout
    assert len(found.warnings) == (layout == "stored")
    if found.warnings:
        assert "3 of 3 cameras were rotated with their photos" in found.warnings[0]


@pytest.mark.parametrize("failure", [InputError("the given cameras do not match"), CaptureError("too few")])
def test_cameras_that_do_not_fit_leave_the_other_pictures(tmp_path, agreement, failure) -> None:
    agreement |= {"stored": failure, "upright": 0.9}
    photos, mapping = given(tmp_path, 3)
    assert mapping(photos).warnings == ()


def test_matches_that_do_not_decide_are_one_sentence(tmp_path, agreement) -> None:
    agreement |= {"stored": 0.93, "upright": 0.95}
    photos, mapping = given(tmp_path, 8, 64, 64)
    with pytest.raises(
        InputError,
        match="0.jpg and 2 more photos are turned by their EXIF orientation, and it cannot be decided",
    ):
        mapping(photos)


def test_one_attempt_where_the_size_decides(tmp_path, agreement) -> None:
    agreement |= {"stored": 0.7}  # the upright ones would be a KeyError
    photos, mapping = given(tmp_path, 6)
    assert "The cameras are of the pictures as stored" in mapping(photos).warnings[0]


def test_failures_of_both_raise_the_first(tmp_path, agreement) -> None:
    agreement |= {"stored": CaptureError("too few details"), "upright": InputError("do not match")}
    photos, mapping = given(tmp_path, 3)
    with pytest.raises(
        CaptureError,
        match="too few details; the cameras were tried as they are and rotated .* orientation .3",
    ):
        mapping(photos)


def test_a_failure_tells_that_the_cameras_were_turned(tmp_path, agreement) -> None:
    agreement |= {"stored": InputError("do not match", "leave them out")}
    photos, mapping = given(tmp_path, 6)
    with pytest.raises(
        InputError,
        match="do not match; the cameras were rotated with the photos by their EXIF orientation .6.",
    ):
        mapping(photos)
