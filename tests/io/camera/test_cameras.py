"""Cameras survive COLMAP's and NeRF's files, agree with pycolmap, and wrong files give one sentence."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pil
from scipy.spatial.transform import Rotation

from lift3d.errors import InputError
from lift3d.geometry.camera.projection import project
from lift3d.io.camera.cameras import read_cameras, read_known_cameras
from lift3d.io.camera.colmap_writer import write_colmap
from lift3d.io.camera.matching import match_cameras
from lift3d.io.camera.quaternion import quaternion_from_rotation, rotation_from_quaternion
from lift3d.io.camera.transforms import write_transforms
from lift3d.types import Camera, Image, Photos, Points, Views


def views(count: int = 5, width: int = 64, height: int = 48, unit: str | None = "m") -> Views:
    """Random cameras that look at random points, two of them with intrinsics of their own."""
    rng = np.random.default_rng(0)
    cameras, images = [], []
    for i in range(count):
        pose = np.eye(4)
        pose[:3, :3] = Rotation.random(rng=rng).as_matrix()
        pose[:3, 3] = rng.normal(size=3)
        cameras.append(Camera(width, height, 50.25 + i // 3, 51.5, 31.7, 25.1, pose))
        images.append(Image(np.zeros((height, width, 3), np.uint8), f"photo{i}.jpg"))
    points = Points(rng.normal(size=(40, 3)), colours=rng.integers(0, 256, (40, 3)).astype(np.uint8))
    seen = [(i, p) for i in range(count) for p in rng.choice(40, 15, replace=False)]
    return Views(tuple(images), tuple(cameras), points, np.array(seen, np.int32), unit)


def same(a: Camera, b: Camera, tolerance: float = 1e-9) -> bool:
    return (
        (a.width, a.height, a.distortion) == (b.width, b.height, b.distortion)
        and np.allclose((a.fx, a.fy, a.cx, a.cy), (b.fx, b.fy, b.cx, b.cy), rtol=1e-12)
        and np.allclose(a.world_to_camera, b.world_to_camera, atol=tolerance)
    )


@pytest.mark.parametrize("binary", [True, False])
def test_colmap_round_trip(tmp_path: Path, binary: bool) -> None:
    v = views()
    files = write_colmap(v, tmp_path / "model", binary)
    assert {f.suffix for f in files} == {".bin" if binary else ".txt"}
    known = read_known_cameras(tmp_path / "model")
    assert list(known.cameras) == [i.name for i in v.images]
    assert all(same(known.cameras[i.name], c) for i, c in zip(v.images, v.cameras))
    assert (known.points.xyz == v.points.xyz).all() and (known.points.colours == v.points.colours).all()
    assert set(map(tuple, known.observations)) == set(map(tuple, v.observations))
    before = [f.read_bytes() for f in files]
    assert before == [f.read_bytes() for f in write_colmap(v, tmp_path / "model", binary)]


@pytest.mark.parametrize("binary", [True, False])
def test_pycolmap_reads_ours_and_we_read_its(tmp_path: Path, binary: bool) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    v = views()
    write_colmap(v, tmp_path / "ours", binary)
    model = pycolmap.Reconstruction(str(tmp_path / "ours"))
    assert model.num_reg_images() == 5 and model.num_points3D() == 40
    image = next(i for i in model.images.values() if i.name == "photo3.jpg")
    assert np.allclose(image.cam_from_world().matrix(), v.cameras[3].world_to_camera[:3], atol=1e-9)
    for point in image.points2D:  # the written observations are where the points project to
        xyz = model.points3D[point.point3D_id].xyz
        assert np.allclose(project(v.cameras[3], xyz[None])[0][0], point.xy, atol=1e-4)
    (tmp_path / "theirs" / "sparse" / "0").mkdir(parents=True)
    write = model.write_binary if binary else model.write_text
    write(str(tmp_path / "theirs" / "sparse" / "0"))
    known = read_known_cameras(tmp_path / "theirs")
    assert all(same(known.cameras[i.name], c, 1e-8) for i, c in zip(v.images, v.cameras))
    assert len(known.points) == 40 and len(known.observations) == len(v.observations)


COLMAP_MODELS = [
    "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV", "FOV",
    "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "THIN_PRISM_FISHEYE", "RAD_TAN_THIN_PRISM_FISHEYE",
]  # fmt: skip
"""Names by number, src/colmap/sensor/models.h."""


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("model", "numbers", "want"),
    [
        ("SIMPLE_PINHOLE", (500, 320, 240), (500, 500, 320, 240, ())),
        ("PINHOLE", (500, 510, 320, 240), (500, 510, 320, 240, ())),
        ("SIMPLE_RADIAL", (500, 320, 240, 0.1), (500, 500, 320, 240, (0.1, 0, 0, 0))),
        ("RADIAL", (500, 320, 240, 0.1, 0.2), (500, 500, 320, 240, (0.1, 0.2, 0, 0))),
        ("RADIAL", (500, 320, 240, 0, 0), (500, 500, 320, 240, ())),
        ("OPENCV", (500, 510, 320, 240, 0.1, 0.2, 0.3, 0.4), (500, 510, 320, 240, (0.1, 0.2, 0.3, 0.4))),
        (
            "FULL_OPENCV",
            (500, 510, 320, 240, 0.1, 0.2, 0.3, 0.4, 0, 0, 0, 0),
            (500, 510, 320, 240, (0.1, 0.2, 0.3, 0.4)),
        ),
    ],
)
def test_camera_models(tmp_path: Path, binary: bool, model: str, numbers: tuple, want: tuple) -> None:
    write_colmap(views(1), tmp_path, binary)
    kind = COLMAP_MODELS.index(model)
    if binary:
        data = struct.pack(f"<QiiQQ{len(numbers)}d", 1, 1, kind, 640, 480, *numbers)
        (tmp_path / "cameras.bin").write_bytes(data)
    else:
        (tmp_path / "cameras.txt").write_text(f"# x\n1 {model} 640 480 {' '.join(map(str, numbers))}\n")
    (camera,) = read_cameras(tmp_path).values()
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.distortion) == want


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("model", "numbers"),
    [
        ("OPENCV_FISHEYE", (500, 500, 320, 240, 0, 0, 0, 0)),
        ("FULL_OPENCV", (500, 510, 320, 240, 0.1, 0.2, 0.3, 0.4, 0.5, 0, 0, 0)),
        ("FOV", (500, 500, 320, 240, 0.9)),
        ("SIMPLE_RADIAL_FISHEYE", (500, 320, 240, 0)),
        ("RADIAL_FISHEYE", (500, 320, 240, 0, 0)),
        ("THIN_PRISM_FISHEYE", (500, 500, 320, 240, *[0] * 8)),
        ("RAD_TAN_THIN_PRISM_FISHEYE", (500, 500, 320, 240, *[0] * 12)),
    ],
)
def test_other_camera_models_are_named(tmp_path: Path, binary: bool, model: str, numbers: tuple) -> None:
    write_colmap(views(1), tmp_path, binary)
    if binary:
        data = struct.pack(f"<QiiQQ{len(numbers)}d", 1, 1, COLMAP_MODELS.index(model), 640, 480, *numbers)
        (tmp_path / "cameras.bin").write_bytes(data)
    else:
        (tmp_path / "cameras.txt").write_text(f"1 {model} 640 480 {' '.join(map(str, numbers))}\n")
    with pytest.raises(InputError, match=f"{model}[ ,]"):
        read_cameras(tmp_path)


@given(st.integers(0, 2**31))
def test_quaternions(seed: int) -> None:
    rotation = Rotation.random(rng=np.random.default_rng(seed))
    for r in (
        rotation,
        rotation * Rotation.from_rotvec([math.pi, 0, 0]),
        Rotation.from_rotvec([0, 0, math.pi]),
    ):
        q = quaternion_from_rotation(r.as_matrix())
        assert q[0] >= 0 and np.linalg.norm(q) == pytest.approx(1)
        assert np.allclose(rotation_from_quaternion(q), r.as_matrix(), atol=1e-12)


def test_transforms_round_trip(tmp_path: Path) -> None:
    v = views(unit=None)
    write_transforms(v, tmp_path / "transforms.json")
    cameras = read_cameras(tmp_path)
    assert all(same(cameras[i.name], c) for i, c in zip(v.images, v.cameras))
    assert json.loads((tmp_path / "transforms.json").read_text())["unit"] is None
    assert read_known_cameras(tmp_path).unit is None


def test_the_unit_comes_back_if_it_is_metres_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    write_transforms(views(unit="m"), path)
    known = read_known_cameras(path)
    assert known.unit == known.points.unit == "m"
    for strange in ("cm", 1, ["m"], {"m": 1}, "M"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"unit": strange}))
        assert read_known_cameras(path).unit is None


def test_a_colmap_model_takes_the_unit_of_the_same_cameras_beside_it(tmp_path: Path) -> None:
    v = views(unit="m")
    write_colmap(v, tmp_path / "sparse" / "0")
    assert read_known_cameras(tmp_path).unit is None
    write_transforms(v, tmp_path / "transforms.json")
    assert read_known_cameras(tmp_path).unit == "m" and len(read_known_cameras(tmp_path).points) == len(
        v.points
    )
    pose = v.cameras[2].world_to_camera.copy()
    pose[:3, 3] *= 1.01
    others = (*v.cameras[:2], replace(v.cameras[2], world_to_camera=pose), *v.cameras[3:])
    write_transforms(replace(v, cameras=others), tmp_path / "transforms.json")
    assert read_known_cameras(tmp_path).unit is None


def test_transforms_follow_opengl() -> None:
    """NeRF's identity looks along -z with y up: a point above and before it is in the upper half."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "transforms.json")
        angle = 2 * math.atan(1)
        frame = {"file_path": "./a.png", "transform_matrix": np.eye(4).tolist(), "w": 200, "h": 100}
        path.write_text(json.dumps({"camera_angle_x": angle, "frames": [frame]}))
        camera = read_cameras(path)["a.png"]
    assert camera.fx == pytest.approx(100) and camera.fy == pytest.approx(100)
    uv, z = project(camera, np.array([[0.5, 0.2, -1.0]]))
    assert z[0] == pytest.approx(1) and np.allclose(uv[0], (150, 30))


def test_transforms_per_frame_and_from_the_photo(tmp_path: Path) -> None:
    Pil.new("RGB", (80, 60)).save(tmp_path / "b.png")
    pose = np.eye(4)
    pose[:3, :3] = 2 * Rotation.from_rotvec([0.1, 0.2, 0.3]).as_matrix()  # a scaled pose is still a pose
    frames = [
        {
            "file_path": "a.jpg",
            "transform_matrix": pose[:3].tolist(),
            "w": 40,
            "h": 30,
            "fl_x": 33,
            "k1": 0.1,
        },
        {"file_path": "b", "transform_matrix": pose.tolist()},
    ]
    (tmp_path / "transforms.json").write_text(
        json.dumps({"fl_x": 50, "fl_y": 51, "cx": 39, "frames": frames})
    )
    cameras = read_cameras(tmp_path)
    assert cameras["a.jpg"].fx == 33 and cameras["a.jpg"].distortion == (0.1, 0, 0, 0)
    assert (cameras["b"].width, cameras["b"].fx, cameras["b"].fy) == (80, 50, 51)
    assert (cameras["b"].cx, cameras["b"].cy) == (39, 30)


GOOD = {"file_path": "a.jpg", "transform_matrix": np.eye(4).tolist(), "w": 40, "h": 30, "fl_x": 33}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transform_matrix": [[math.nan] * 4] * 4}, "finite"),
        ({"transform_matrix": [[1, 2], [3, 4]]}, "4x4"),
        ({"transform_matrix": np.zeros((4, 4)).tolist()}, "without rotation"),
        ({"transform_matrix": np.diag([1, 2, 3, 1]).tolist()}, "is not a valid camera"),
        ({"transform_matrix": np.diag([1, 1, -1, 1]).tolist()}, "is not a valid camera"),
        ({"fl_x": math.inf}, "not finite"),
        ({"fl_x": -3}, "impossible"),
        ({"w": 0}, "impossible"),
        ({"w": None}, "no image size"),
        ({"fl_x": None}, "camera_angle_x"),
        ({"fl_x": "wide"}, "is not a transforms.json"),
        ({"camera_model": "OPENCV_FISHEYE"}, "fisheye"),
        ({"camera_model": "FISHEYE624"}, "fisheye"),
        ({"is_fisheye": True}, "fisheye"),
        ({"camera_model": "EQUIRECTANGULAR"}, "camera model EQUIRECTANGULAR, but lift3d reads PINHOLE"),
        ({"camera_model": "VR180_L"}, "camera model VR180_L"),
        ({"camera_model": "OMNIDIRECTIONALSTEREO_R"}, "camera model OMNIDIRECTIONALSTEREO_R"),
        ({"camera_model": "ORTHOPHOTO"}, "camera model ORTHOPHOTO"),
        ({"camera_model": "THIN_PRISM"}, "camera model THIN_PRISM"),
        ({"equirectangular": True}, "camera model equirectangular"),
        ({"latlong": True}, "camera model latlong"),
        ({"ftheta_p0": 0.1}, "camera model ftheta"),
        ({"k3": 0.1}, "higher-order"),
        ({"s1": 0.1}, "higher-order"),
    ],
)
def test_wrong_transforms(tmp_path: Path, change: dict, message: str) -> None:
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": [{**GOOD, **change}]}))
    with pytest.raises(InputError, match=message):
        read_cameras(tmp_path)


@pytest.mark.parametrize(
    "model", ["OPENCV", "opencv", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "", None]
)
def test_models_that_are_ours(tmp_path: Path, model: str | None) -> None:
    (tmp_path / "transforms.json").write_text(
        json.dumps({"camera_model": model, "k3": 0, "k4": None, "is_fisheye": False, "frames": [GOOD]})
    )
    assert read_cameras(tmp_path)["a.jpg"].fx == 33


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"sfm_data_version": "0.3", "views": []}, "a scene of OpenMVG"),
        ({"version": [], "views": [], "poses": []}, "a scene of Meshroom"),
        ({"cameras": {}, "shots": {}}, "a reconstruction of OpenSfM"),
        ([{"cameras": {}, "shots": {}}], "a reconstruction of OpenSfM"),
        ({"K": [1], "poses": []}, "a recording of Record3D"),
        ([{"id": 0, "img_name": "a"}], "a list of cameras of Gaussian splatting"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path: Path, document: object, what: str) -> None:
    (tmp_path / "scene.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=f"is {what}, which lift3d does not read"):
        read_cameras(tmp_path / "scene.json")


def test_a_file_that_holds_no_cameras_is_named(tmp_path: Path) -> None:
    (tmp_path / "cameras.xml").write_text("<document/>")
    (tmp_path / "poses_bounds.npy").write_bytes(b"x")
    for name, program in (("cameras.xml", "perhaps of Metashape"), ("poses_bounds.npy", "perhaps of LLFF")):
        with pytest.raises(
            InputError, match=f"{name} is not a file of cameras that lift3d reads, but {program}"
        ):
            read_cameras(tmp_path / name)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"frames": []}', '{"frames": [1]}', "[" * 100_000])
def test_no_transforms(tmp_path: Path, text: str) -> None:
    (tmp_path / "transforms.json").write_text(text)
    with pytest.raises(InputError):
        read_cameras(tmp_path / "transforms.json")


def photos(v: Views, names: list[str] | None = None, size: tuple[int, int] = (64, 48)) -> Photos:
    names = names if names is not None else [i.name for i in v.images]
    return Photos(tuple(Image(np.zeros((size[1], size[0], 3), np.uint8), n) for n in names))


def test_matching_by_name(tmp_path: Path) -> None:
    v = views()
    write_colmap(v, tmp_path)
    cameras = read_cameras(tmp_path)
    for names in (
        ["photo4.jpg", "photo1.jpg"],
        ["in/photo4.jpg", "in/PHOTO1.JPG"],
        ["photo4.png", "photo1.webp"],
    ):
        given_photos = photos(v, [*names, "other.jpg"])
        found, matched = match_cameras(given_photos, cameras)
        assert [i.name for i in found.images] == names
        assert same(matched[0], v.cameras[4]) and same(matched[1], v.cameras[1])


def test_cameras_of_another_size_are_scaled() -> None:
    v = views()
    cameras = {i.name: c for i, c in zip(v.images, v.cameras)}
    _, matched = match_cameras(photos(v, size=(32, 24)), cameras)
    xyz = v.points.xyz
    for small, large in zip(matched, v.cameras):
        assert (small.width, small.height) == (32, 24)
        assert np.allclose(project(small, xyz)[0] * 2, project(large, xyz)[0])


def test_cameras_that_do_not_match() -> None:
    v = views()
    cameras = {i.name: c for i, c in zip(v.images, v.cameras)}
    with pytest.raises(InputError, match=r"belong to other photos: 0 of 2 photos .*'photo0.jpg'.*'x.jpg'"):
        match_cameras(photos(v, ["x.jpg", "y.jpg"]), cameras)
    with pytest.raises(InputError, match="64x48 pixels, but it has 48x64"):
        match_cameras(photos(v, size=(48, 64)), cameras)
    twice = {f"{folder}/{n}": c for folder in "ab" for n, c in cameras.items()}
    with pytest.raises(InputError, match="other photos"):  # two candidates are no match
        match_cameras(photos(v), twice)


def test_no_cameras_at_a_path(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing", tmp_path / "a.json"):
        with pytest.raises(InputError, match="there are no cameras"):
            read_cameras(place)


def test_names_that_no_file_can_hold(tmp_path: Path) -> None:
    v = views(2)
    odd = replace(v, images=(replace(v.images[0], name="a\nb"), v.images[1]))
    with pytest.raises(InputError, match="cannot be written"):
        write_colmap(odd, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["cameras.bin", "images.bin", "points3D.bin", "cameras.txt", "images.txt", "points3D.txt"]
)
def test_fuzz(tmp_path: Path, name: str) -> None:
    """A damaged model is read or refused in one sentence; announced lengths are not believed."""
    write_colmap(views(3), tmp_path, name.endswith("bin"))
    path = tmp_path / name
    good = path.read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(120):
        data = bytearray(good)
        for _ in range(rng.integers(1, 5)):
            at = int(rng.integers(0, min(len(data), 400)))
            data[at] = (
                rng.integers(0, 256) if name.endswith("bin") else rng.choice(list(b"0123456789-.e x\n"))
            )
        if rng.random() < 0.3:
            del data[rng.integers(0, len(data)) :]
        if rng.random() < 0.1:
            data[:8] = b"\xff" * 8
        path.write_bytes(data)
        try:
            read_known_cameras(tmp_path)
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 0
