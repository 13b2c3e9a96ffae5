"""Polycam's raw data: ARKit's poses in the frame of OpenCV, world Z up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.io.camera.cameras import read_known_cameras

POSE = [[1.0, 0, 0, 0.5], [0, 1, 0, 2.0], [0, 0, 1, 3.0]]
"""Camera to world: at (0.5, 2, 3) of a world with Y up, level, looking along -z."""


def write(folder: Path, changes: dict | None = None) -> Path:
    folder.mkdir(parents=True)
    values = {"fx": 100, "fy": 101, "cx": 60, "cy": 45, "width": 120, "height": 90}
    values |= {f"t_{r}{c}": POSE[r][c] for r in range(3) for c in range(4)} | (changes or {})
    (folder / "000.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize("given", [".", "keyframes", "keyframes/cameras", "keyframes/cameras/000.json"])
def test_poses_of_arkit(tmp_path: Path, given: str) -> None:
    write(tmp_path / "keyframes" / "cameras")
    known = read_known_cameras(tmp_path / given)
    camera = known.cameras["000"]
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height) == (
        100,
        101,
        60,
        45,
        120,
        90,
    )
    assert np.allclose(camera.centre, [3.0, 0.5, 2.0])  # z, x, y of ARKit's world
    assert np.allclose(camera.direction, [-1, 0, 0]) and np.allclose(camera.R[1], [0, 0, -1])
    assert known.unit is None and len(known.points) == 0


def test_corrected_cameras_are_preferred(tmp_path: Path) -> None:
    write(tmp_path / "keyframes" / "cameras")
    write(tmp_path / "keyframes" / "corrected_cameras", {"fx": 200})
    assert read_known_cameras(tmp_path).cameras["000"].fx == 200


@pytest.mark.parametrize(
    "changes", [{"t_11": None}, {"fx": "x"}, {"t_03": 1e999}, {"width": 0}, {"t_00": 3.0}]
)
def test_damaged_files_are_one_sentence(tmp_path: Path, changes: dict) -> None:
    write(tmp_path / "cameras", changes)
    with pytest.raises(InputError, match="000.json"):
        read_known_cameras(tmp_path)
