"""Scans of every layout give the frames that were written, and bad folders give one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from rgbd_frames import FOCAL, HEIGHT, WIDTH, frames_of, pose, save_colour, save_depth, walk, write_open3d
from scipy.spatial.transform import Rotation

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.io.camera import polycam
from lift3d.io.camera.transforms import _FLIP
from lift3d.io.rgbd.scan import find_scan, read_scan
from lift3d.types import RgbdScan

COUNT = 4


def _matrix(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(" ".join(f"{x:.9f}" for x in row) for row in values) + "\n")


def _k(half: float = 0.5) -> np.ndarray:
    return np.array([[FOCAL, 0, WIDTH / 2 - half], [0, FOCAL, HEIGHT / 2 - half], [0, 0, 1]])


def tum(folder: Path) -> None:
    lists: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
    for k, (frame, camera) in enumerate(zip(frames_of(walk(COUNT)), walk(COUNT))):
        time = 100 + k / 30
        save_colour(folder / "rgb" / f"{time:.6f}.png", frame.image.pixels)
        save_depth(folder / "depth" / f"{time + 0.004:.6f}.png", frame.depth.z, 5000)
        lists["rgb"].append(f"{time:.6f} rgb/{time:.6f}.png")
        lists["depth"].append(f"{time + 0.004:.6f} depth/{time + 0.004:.6f}.png")
        q = Rotation.from_matrix(camera.R.T).as_quat()
        lists["groundtruth"].append(" ".join(f"{x:.7f}" for x in (time, *camera.centre, *q)))
    for name, rows in lists.items():
        (folder / f"{name}.txt").write_text("# comment\n" + "\n".join(rows) + "\n")
    (folder / "intrinsics.txt").write_text(f"{FOCAL} {FOCAL} {WIDTH / 2 - 0.5} {HEIGHT / 2 - 0.5}\n")


def seven_scenes(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for k, (frame, camera) in enumerate(zip(frames_of(walk(COUNT)), walk(COUNT))):
        save_colour(folder / f"frame-{k:06d}.color.png", frame.image.pixels)
        save_depth(folder / f"frame-{k:06d}.depth.png", np.where(frame.depth.z > 0, frame.depth.z, 65.535))
        _matrix(folder / f"frame-{k:06d}.pose.txt", pose(camera))
    _matrix(folder / "intrinsics.txt", _k())


def scannet(folder: Path) -> None:
    """Colour of twice the size of the depth."""
    for k, (frame, camera) in enumerate(zip(frames_of(walk(COUNT)), walk(COUNT))):
        twice = np.repeat(np.repeat(frame.image.pixels, 2, 0), 2, 1)
        save_colour(folder / "color" / f"{k}.jpg", twice)
        save_depth(folder / "depth" / f"{k}.png", frame.depth.z)
        _matrix(folder / "pose" / f"{k}.txt", pose(camera))
    colour = np.eye(4)
    colour[:3, :3] = 2 * _k(0.25)
    colour[2, 2] = 1
    depth = np.eye(4)
    depth[:3, :3] = _k()
    _matrix(folder / "intrinsic" / "intrinsic_color.txt", colour)
    _matrix(folder / "intrinsic" / "intrinsic_depth.txt", depth)


def open3d(folder: Path) -> None:
    write_open3d(folder, COUNT)


def record3d(folder: Path) -> None:
    rows = []
    for k, (frame, camera) in enumerate(zip(frames_of(walk(COUNT)), walk(COUNT))):
        save_colour(folder / "rgb" / f"{k}.png", frame.image.pixels)
        (folder / "depth").mkdir(exist_ok=True)
        np.save(folder / "depth" / f"{k}.npy", np.where(frame.depth.z > 0, frame.depth.z, np.nan))
        arkit = np.linalg.inv(polycam.Z_UP) @ pose(camera) @ polycam.OPENCV
        q = Rotation.from_matrix(arkit[:3, :3]).as_quat()
        rows.append([*q.tolist(), *arkit[:3, 3].tolist()])
    document = {"w": WIDTH, "h": HEIGHT, "K": _k(0).T.ravel().tolist(), "fps": 60, "poses": rows}
    (folder / "metadata.json").write_text(json.dumps(document))


def polycam_raw(folder: Path) -> None:
    place = folder / "keyframes"
    for k, (frame, camera) in enumerate(zip(frames_of(walk(COUNT)), walk(COUNT))):
        save_colour(place / "images" / f"{k}.png", frame.image.pixels)
        save_depth(place / "depth" / f"{k}.png", frame.depth.z)
        save_colour(place / "confidence" / f"{k}.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
        arkit = np.linalg.inv(polycam.Z_UP) @ pose(camera) @ polycam.OPENCV
        values = {f"t_{r}{c}": arkit[r, c] for r in range(3) for c in range(4)}
        values |= {
            "fx": FOCAL,
            "fy": FOCAL,
            "cx": WIDTH / 2,
            "cy": HEIGHT / 2,
            "width": WIDTH,
            "height": HEIGHT,
        }
        (place / "cameras").mkdir(exist_ok=True)
        (place / "cameras" / f"{k}.json").write_text(json.dumps(values))


def transforms(folder: Path) -> None:
    rows = []
    for k, (frame, camera) in enumerate(zip(frames_of(walk(COUNT)), walk(COUNT))):
        save_colour(folder / "images" / f"{k}.png", frame.image.pixels)
        save_depth(folder / "depths" / f"{k}.png", frame.depth.z)
        matrix = (pose(camera) @ _FLIP).tolist()
        rows.append(
            {"file_path": f"images/{k}.png", "depth_file_path": f"depths/{k}.png", "transform_matrix": matrix}
        )
    camera_values = {"w": WIDTH, "h": HEIGHT, "fl_x": FOCAL, "fl_y": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2}
    (folder / "transforms.json").write_text(json.dumps(camera_values | {"frames": rows}))


LAYOUTS = {
    "TUM": tum, "7-Scenes": seven_scenes, "ScanNet": scannet, "color/ and depth/": open3d, "Record3D": record3d,
    "Polycam": polycam_raw, "transforms.json": transforms,
}  # fmt: skip


def read(folder: Path, **how: object) -> RgbdScan:
    return read_scan(folder, context=Context(), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_frames_that_were_written(layout: str, tmp_path: Path) -> None:
    LAYOUTS[layout](tmp_path)
    files = find_scan(tmp_path)
    assert files is not None and files.layout == layout
    scan = read(tmp_path)
    assert len(scan) == COUNT and scan.posed and all(s.placed for s in scan.status)
    for k, (frame, camera) in enumerate(zip(frames_of(walk(COUNT)), walk(COUNT))):
        found, where = scan.frames[k], scan.poses[k]
        assert where is not None and np.allclose(where, pose(camera), atol=2e-5)
        assert np.abs(found.depth.z - frame.depth.z).max() < 1e-3
        assert np.allclose(
            [found.depth.camera.fx, found.depth.camera.cx, found.depth.camera.cy], [FOCAL, 80, 60]
        )
        size = found.image.width / WIDTH
        assert np.allclose([found.camera.fx, found.camera.cx], [FOCAL * size, 80 * size])
        assert (
            np.abs(found.image.pixels[:: int(size), :: int(size)].astype(int) - frame.image.pixels).mean() < 6
        )


def test_a_folder_of_photos_is_no_scan(tmp_path: Path) -> None:
    save_colour(tmp_path / "a.png", np.zeros((80, 90, 3), np.uint8))
    assert find_scan(tmp_path) is None and find_scan(tmp_path / "a.png") is None
    with pytest.raises(InputError, match="no colour and depth frames"):
        read(tmp_path)


def test_colour_is_reduced_and_depth_stays(tmp_path: Path) -> None:
    open3d(tmp_path)
    frame = read(tmp_path, max_size=80).frames[0]
    assert (frame.image.width, frame.depth.z.shape[1]) == (80, WIDTH)
    assert frame.camera.fx == FOCAL / 2 and frame.depth.camera.fx == FOCAL


@pytest.mark.parametrize("unit", ["mm", 1000, "1000"])
def test_the_unit_can_be_stated(unit: str | int, tmp_path: Path) -> None:
    open3d(tmp_path)
    assert np.array_equal(read(tmp_path, depth_unit=unit).frames[1].depth.z, read(tmp_path).frames[1].depth.z)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: write_open3d(f, 3, steps=20.0), r"0\.0|mm from the camera by the unit"),
        (lambda f: (f / "depth" / "00000.png").write_bytes(b"no"), None),
        (lambda f: [(f / "depth" / f"0000{k}.png").write_bytes(b"no") for k in range(3)], "3 of 4 frames cannot be used"),
        (lambda f: [p.unlink() for p in (f / "depth").glob("*")], "no images in .*depth"),
        (lambda f: [(f / "depth" / f"0000{k}.png").unlink() for k in range(3)], "4 colour and 1 depth images"),
        (lambda f: [_swap(f)], "depth image in the place of a colour image"),
        (lambda f: _log(f, np.zeros((4, 4))), "no valid pose"),
        (lambda f: _log(f, np.full((4, 4), np.nan)), "no valid pose"),
        (lambda f: (f / "trajectory.log").write_text("0 0 1\n1 0 0 0\n"), "not a trajectory"),
        (
            lambda f: (f / "trajectory.log").write_text("0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"),
            "1 poses, and there are 4 frames",
        ),
        (lambda f: _stretch(f), "aspect ratio"),
        (lambda f: _far_poses(f), "poses move by"),
        (lambda f: [save_colour(p, np.zeros((HEIGHT, WIDTH), np.uint8)) for p in sorted((f / "depth").glob("*"))], "8 bits"),
        (lambda f: [save_depth(p, np.zeros((HEIGHT, WIDTH))) for p in sorted((f / "depth").glob("*"))], "hold no depth"),
    ],
)  # fmt: skip
def test_bad_folders_give_one_sentence(change, sentence: str | None, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    open3d(tmp_path)
    change(tmp_path)
    if sentence is None:
        scan = read(tmp_path)
        assert len(scan) == 3 and [s.reason != "" for s in scan.status] == [False] * 3 + [True]
        return
    with pytest.raises(InputError, match=sentence) as caught:
        read(tmp_path)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value) and caught.value.advice


def _swap(folder: Path) -> None:
    (folder / "color").rename(folder / "x")
    (folder / "depth").rename(folder / "color")
    (folder / "x").rename(folder / "depth")


def _log(folder: Path, matrix: np.ndarray) -> None:
    block = "\n".join(" ".join(str(x) for x in row) for row in matrix)
    (folder / "trajectory.log").write_text("".join(f"{k} {k} {k}\n{block}\n" for k in range(COUNT)))


def _far_poses(folder: Path) -> None:
    lines = []
    for k in range(COUNT):
        matrix = np.eye(4)
        matrix[0, 3] = 3000.0 * k
        lines.append(f"{k} {k} {k}\n" + "\n".join(" ".join(str(x) for x in row) for row in matrix))
    (folder / "trajectory.log").write_text("\n".join(lines) + "\n")


def _stretch(folder: Path) -> None:
    for path in (folder / "color").glob("*"):
        Pil.open(path).resize((WIDTH * 2, HEIGHT)).save(path)


def test_a_list_may_not_leave_the_folder(tmp_path: Path) -> None:
    tum(tmp_path)
    (tmp_path / "rgb.txt").write_text("100.0 ../../etc/passwd.png\n")
    with pytest.raises(InputError, match="outside the folder"):
        read(tmp_path)


def test_frames_without_partner_are_left_out_with_a_reason(tmp_path: Path) -> None:
    seven_scenes(tmp_path)
    (tmp_path / "frame-000001.depth.png").unlink()
    scan = read(tmp_path)
    assert len(scan) == 3 and [s.reason for s in scan.status if not s.placed] == [
        "there is no frame-000001.depth.png"
    ]


def test_lost_poses_stay_unknown(tmp_path: Path) -> None:
    scannet(tmp_path)
    _matrix(tmp_path / "pose" / "2.txt", np.full((4, 4), -np.inf))
    assert [p is None for p in read(tmp_path).poses] == [False, False, True, False]


def test_low_confidence_is_no_depth(tmp_path: Path) -> None:
    polycam_raw(tmp_path)
    low = np.full((HEIGHT, WIDTH), 255, np.uint8)
    low[:, :80] = 0
    save_colour(tmp_path / "keyframes" / "confidence" / "0.png", low)
    z = read(tmp_path).frames[0].depth.z
    assert (z[:, :80] == 0).all() and (z[:, 80:] > 0).any()


def test_frames_are_read_again_beyond_the_budget(tmp_path: Path) -> None:
    open3d(tmp_path)
    scan = read_scan(tmp_path, context=Context(memory_budget=4))
    assert scan.frames[0] is not scan.frames[0] and np.array_equal(
        scan.frames[0].depth.z, scan.frames[0].depth.z
    )
    kept = read(tmp_path)
    assert kept.frames[0] is kept.frames[0] and kept.subset([0, 2]).frames[1].image.name == "00002.png"


def test_a_missing_folder_is_no_scan(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    assert find_scan(tmp_path / "x") is None
