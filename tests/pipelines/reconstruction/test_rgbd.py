"""A folder of frames with depth becomes a model; options without meaning and depth images as photos are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rgbd_frames import frames_of, save_colour, save_depth, walk, write_open3d

import lift3d
from lift3d.errors import CaptureError, InputError
from lift3d.pipelines.reconstruction.options import Options
from lift3d.pipelines.reconstruction.rgbd import scan_folder

SMALL = {"faces": 3000, "texture": 256}


@pytest.mark.slow
@pytest.mark.parametrize("posed", [True, False])
def test_a_scan_becomes_a_textured_scene_in_metres(posed: bool, tmp_path: Path) -> None:
    write_open3d(tmp_path / "scan", 4, posed, step=6.0)
    steps = set()
    result = lift3d.reconstruct(
        tmp_path / "scan", tmp_path / "room.glb", **SMALL, progress=lambda step, fraction: steps.add(step)
    )
    assert result.kind == "scene" and result.mesh.units == "m"
    report = json.loads((tmp_path / "room.report.json").read_text())
    assert report["model"]["unit"] == "m" and report["model"]["coverage"] > 0.8
    assert [row["status"] for row in report["inputs"]] == ["registered"] * 4
    assert report["evidence"]["reconstruct"] == {"photos": 4, "placed": 4}
    assert report["evidence"]["rgbd_to_cameras"]["known_poses"] is posed
    assert {"photos", "cameras", "surface", "texture", "output"} <= steps
    assert (tmp_path / "room.png").stat().st_size > 1000


@pytest.mark.slow
def test_work_folder_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    write_open3d(tmp_path / "scan", 3, False, step=6.0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        lift3d.reconstruct(tmp_path / "scan", tmp_path / name / "room.ply", **SMALL, work=tmp_path / "work")
    assert (tmp_path / "a/room.ply").read_bytes() == (tmp_path / "b/room.ply").read_bytes()
    resumed = json.loads((tmp_path / "b/room.report.json").read_text())["run"]["steps"]
    assert any(step.get("resumed") for step in (resumed.values() if isinstance(resumed, dict) else resumed))


def test_frames_that_do_not_overlap_are_diagnosed(tmp_path: Path) -> None:
    cameras = [walk(60, 4.0)[k] for k in (0, 30, 45)]
    for k, frame in enumerate(frames_of(cameras)):
        save_colour(tmp_path / "scan" / "color" / f"{k}.png", frame.image.pixels)
        save_depth(tmp_path / "scan" / "depth" / f"{k}.png", frame.depth.z)
    (tmp_path / "scan" / "intrinsics.txt").write_text("130 130 79.5 59.5")
    with pytest.raises(CaptureError, match="frames could be placed"):
        lift3d.reconstruct(tmp_path / "scan", tmp_path / "out" / "room.glb")
    assert not (tmp_path / "out" / "room.glb").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"cameras": Path("c")}, "--cameras"),
        ({"masks": Path("m")}, "--masks"),
        ({"turntable": True}, "--turntable"),
        ({"method": "predicted"}, "--method predicted"),
    ],
)
def test_options_without_meaning_are_refused(options: dict[str, object], word: str, tmp_path: Path) -> None:
    write_open3d(tmp_path, 2)
    with pytest.raises(InputError, match=word):
        scan_folder([tmp_path], Options(**options))  # type: ignore[arg-type]


def test_a_depth_image_is_no_photo(tmp_path: Path) -> None:
    save_depth(tmp_path / "d.png", frames_of(walk(1))[0].depth.z)
    with pytest.raises(InputError, match="depth image, not a photo"):
        scan_folder([tmp_path / "d.png"], Options())


def test_a_depth_unit_needs_depth(tmp_path: Path) -> None:
    save_colour(tmp_path / "p.png", np.zeros((80, 80, 3), np.uint8))
    with pytest.raises(InputError, match="no depth images"):
        scan_folder([tmp_path], Options(depth_unit="mm"))
    with pytest.raises(InputError, match="unit of depth"):
        Options(depth_unit="furlong")
    assert (
        scan_folder([tmp_path], Options()) is None
        and scan_folder([np.zeros((9, 9, 3), np.uint8)], Options()) is None
    )
