"""Frames to poses: given ones are kept, others estimated; every frame left out has its reason."""

from dataclasses import replace

import numpy as np
import pytest
from rgbd_frames import scan, trajectory_error, walk

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.rgbd import se3
from lift3d.maps.rgbd_to_cameras import ALL_POSED, FRAMES_EXPLAINED, NAME, NO_POSE, RgbdToCameras
from lift3d.types import Depth, PhotoStatus


def test_given_poses_are_kept() -> None:
    source = scan(3)
    result = RgbdToCameras()(source)
    assert all(a is b for a, b in zip(result.poses, source.poses))


def test_frames_without_a_given_pose_are_left_out() -> None:
    source = replace(scan(3), poses=(scan(3).poses[0], None, scan(3).poses[2]))
    context = Context()
    result = RgbdToCameras()(source, context)
    assert result.names == (source.names[0], source.names[2]) and len(result.frames) == 2
    assert [s.reason for s in result.status] == ["", NO_POSE, ""]
    assert context.report[NAME]["photos"][1]["status"] == "left out"
    assert FRAMES_EXPLAINED.check(RgbdToCameras(), source, result) is None


@pytest.mark.parametrize("given", [True, False])
def test_poses_are_estimated(given: bool) -> None:
    source = scan(4, posed=not given)
    context = Context()
    result = RgbdToCameras(given)(source, context)
    assert trajectory_error(result.poses, walk(4)) < 0.005
    assert context.report[NAME]["registered"] == 4 and context.report[NAME]["path"] > 0.2


def test_scans_without_depth_or_overlap_are_refused() -> None:
    source = scan(3, posed=False)
    empty = tuple(replace(f, depth=Depth(np.zeros_like(f.depth.z), f.depth.camera)) for f in source.frames)
    with pytest.raises(CaptureError, match="0 of 3 frames could be placed .*depth"):
        RgbdToCameras()(replace(source, frames=empty))
    far = scan(60, step=4.0, posed=False).subset([0, 40])
    with pytest.raises(CaptureError, match="1 of 2 frames"):
        RgbdToCameras()(far)


def test_frames_that_the_reader_left_out_stay_in_the_status() -> None:
    lost = PhotoStatus("lost.png", False, "it is damaged")
    source = replace(scan(2), status=(lost,))
    assert RgbdToCameras()(source).status[-1] == lost


def test_violations_are_found() -> None:
    source = scan(2)
    result = RgbdToCameras()(source)
    assert (
        ALL_POSED.check(RgbdToCameras(), source, replace(result, poses=(None, se3.exp(np.zeros(6)))))
        == "1 frames have no pose"
    )
    assert FRAMES_EXPLAINED.check(RgbdToCameras(), source, replace(result, status=())) is not None
