"""`lift3d reconstruct` on a folder of frames with depth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rgbd_frames import frames_of, save_colour, save_depth, walk, write_open3d
from typer.testing import Result


@pytest.mark.slow
def test_a_scan_is_reconstructed(run: Callable[..., Result], tmp_path: Path) -> None:
    write_open3d(tmp_path / "scan", 3, step=6.0)
    small = ("--faces", 2000, "--texture", 256)
    done = run("reconstruct", tmp_path / "scan", "-o", tmp_path / "room.ply", *small)
    assert "3 of 3 used" in done.output and (tmp_path / "room.report.json").is_file()


@pytest.mark.slow
def test_holes_are_filled_after_the_poses_are_known(run: Callable[..., Result], tmp_path: Path) -> None:
    cameras = write_open3d(tmp_path / "scan", 3, poses=False, step=3.0)
    for k, frame in enumerate(frames_of(cameras)):
        z = frame.depth.z.copy()
        z[60:66, 70:76] = 0
        save_depth(tmp_path / "scan" / "depth" / f"{k:05d}.png", z)
    reports = []
    for name, options in (("a", ()), ("b", ("--fill-holes",))):
        run(
            "reconstruct",
            tmp_path / "scan",
            "-o",
            tmp_path / f"{name}.ply",
            "--faces",
            2000,
            "--texture",
            256,
            *options,
        )
        reports.append(json.loads((tmp_path / f"{name}.report.json").read_text()))
    plain, filled = (r["evidence"] for r in reports)
    assert plain["rgbd_to_cameras"] == filled["rgbd_to_cameras"]
    assert "filled_pixels" not in plain["rgbd_to_mesh"]
    assert 30 / (160 * 120) < filled["rgbd_to_mesh"]["filled_pixels"] < 0.05


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--depth-unit", "km"), "unit of depth"),
        (("--depth-unit", "1e6"), "give the unit of the depth images with --depth-unit"),
        (("--masks", "."), "no meaning"),
    ],
)
def test_wrong_options_are_one_sentence(
    refused: Callable[..., str], options: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    write_open3d(tmp_path / "scan", 2)
    assert word in refused("reconstruct", tmp_path / "scan", "-o", tmp_path / "a.ply", *options)
    assert not (tmp_path / "a.ply").exists()


def test_photos_have_no_holes_of_depth(refused: Callable[..., str], tmp_path: Path) -> None:
    save_colour(tmp_path / "p.png", frames_of(walk(1))[0].image.pixels)
    said = refused("reconstruct", tmp_path / "p.png", "-o", tmp_path / "o" / "a.ply", "--fill-holes")
    assert "--fill-holes was given, and the source holds no depth images" in said


def test_a_depth_image_as_photo_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    save_depth(tmp_path / "d.png", frames_of(walk(1))[0].depth.z)
    assert "depth image, not a photo" in refused(
        "reconstruct", tmp_path / "d.png", "-o", tmp_path / "o" / "a.ply"
    )
