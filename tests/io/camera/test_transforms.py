"""transforms.json: intrinsics of every form, conventions, and hostile files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.camera.transforms import read_transforms, write_transforms
from lift3d.types import Camera, Image, Points, Views

POSE = [[1, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
FRAME = {"file_path": "./a.jpg", "w": 64, "h": 48, "fl_x": 50, "transform_matrix": POSE}


def read(tmp_path: Path, document: object) -> tuple[dict[str, Camera], str | None]:
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps(document))
    return read_transforms(path)


def one(tmp_path: Path, **changes: object) -> Camera:
    frame = {k: v for k, v in {**FRAME, **changes}.items() if v is not None}
    (camera,) = read(tmp_path, {"frames": [frame]})[0].values()
    return camera


def test_opengl_becomes_opencv(tmp_path: Path) -> None:
    camera = one(tmp_path)
    assert np.allclose(camera.centre, [1, 2, 3]) and np.allclose(camera.R, np.diag([1, -1, -1]))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (50, 50, 32, 24)


def test_field_of_view_in_place_of_a_focal_length(tmp_path: Path) -> None:
    camera = one(tmp_path, fl_x=None, camera_angle_x=math.radians(90), camera_angle_y=math.radians(60))
    assert camera.fx == pytest.approx(32) and camera.fy == pytest.approx(24 / math.tan(math.radians(30)))


def test_values_of_the_file_are_overridden_by_the_frame(tmp_path: Path) -> None:
    cameras, unit = read(
        tmp_path,
        {"unit": "m", "fl_x": 10, "k1": 0.1, "frames": [FRAME, {**FRAME, "file_path": "b", "fl_x": 20}]},
    )
    assert [c.fx for c in cameras.values()] == [50, 20] and list(cameras) == ["a.jpg", "b"] and unit == "m"
    assert cameras["b"].distortion == (0.1, 0, 0, 0)


def test_the_list_of_distortion_of_nerfstudio(tmp_path: Path) -> None:
    assert one(tmp_path, distortion_params=[0.1, 0.2, 0, 0, 0.3, 0.4]).distortion == (0.1, 0.2, 0.3, 0.4)
    for wrong in ([0.1, 0, 0.2, 0, 0, 0], [0.1], 3):
        with pytest.raises(InputError, match="distortion"):
            one(tmp_path, distortion_params=wrong)


def test_the_size_comes_from_the_photo_where_it_is_missing(tmp_path: Path) -> None:
    Pil.new("RGB", (80, 60)).save(tmp_path / "a.jpg")
    assert one(tmp_path, w=None, h=None).width == 80
    Pil.new("RGB", (90, 60)).save(tmp_path / "b.png")
    assert one(tmp_path, w=None, h=None, file_path="b").width == 90


def test_a_scaled_rotation_is_normalised(tmp_path: Path) -> None:
    pose = np.array(POSE, float)
    pose[:3, :3] *= 5
    assert np.allclose(one(tmp_path, transform_matrix=pose.tolist()).R, np.diag([1, -1, -1]))


def test_three_rows_of_a_matrix_are_enough(tmp_path: Path) -> None:
    assert np.allclose(one(tmp_path, transform_matrix=POSE[:3]).centre, [1, 2, 3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera_model": "OPENCV_FISHEYE"}, "fisheye"),
        ({"is_fisheye": True}, "fisheye"),
        ({"k3": 0.1}, "higher-order"),
        ({"transform_matrix": [[1, 2], [3, 4]]}, "4x4 finite"),
        ({"transform_matrix": np.zeros((4, 4)).tolist()}, "without rotation"),
        ({"transform_matrix": "x"}, "not a transforms.json"),
        ({"w": None}, "gives no image size"),
        ({"fl_x": -1}, "impossible size or focal"),
        ({"fl_x": "wide"}, "not a transforms.json"),
        ({"fl_x": None}, "not a transforms.json"),
        ({"file_path": None}, "not a transforms.json"),
    ],
)
def test_hostile_frames(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        one(tmp_path, **changes)


@pytest.mark.parametrize("document", [[], {}, {"frames": []}, {"frames": {}}, {"frames": [1]}, None, "x"])
def test_hostile_documents(tmp_path: Path, document: object) -> None:
    with pytest.raises(InputError):
        read(tmp_path, document)


@pytest.mark.parametrize("unit", ["m", None])
def test_what_is_written_is_read_again(tmp_path: Path, unit: str | None) -> None:
    pose = np.eye(4)
    pose[:3, 3] = [0.1, 0.2, 0.3]
    camera = Camera(64, 48, 50.5, 51.5, 31.5, 24.5, pose)
    image = Image(np.zeros((48, 64, 3), np.uint8), "a.jpg")
    points = Points(np.zeros((0, 3)), unit=unit)
    views = Views((image,), (camera,), points, np.zeros((0, 2), np.int32), unit=unit)
    write_transforms(views, tmp_path / "t.json")
    cameras, found = read_transforms(tmp_path / "t.json")
    assert (
        found == unit
        and np.allclose(cameras["a.jpg"].world_to_camera, pose, atol=1e-12)
        and cameras["a.jpg"].fy == 51.5
    )
