"""Tracking: keyframes where the view changes, frames without depth left out, a new start where nothing aligns."""

from dataclasses import replace

import numpy as np
from rgbd_frames import frames_of, pose, walk

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.odometry import track
from lift3d.types import Depth


def test_frames_are_tracked_against_keyframes() -> None:
    cameras = walk(6, 4.0)
    found = track(frames_of(cameras))
    assert found.keyframes[0] == 0 and len(found.keyframes) >= 2 and not found.breaks
    assert len(found.edges) == len(found.keyframes) - 1
    for k, camera in enumerate(cameras):
        key = cameras[found.keyframes[found.reference[k]]]
        error = se3.log(se3.inverse(np.linalg.inv(pose(key)) @ pose(camera)) @ found.motion[k])
        assert np.linalg.norm(error[:3]) < 0.01


def test_a_still_camera_needs_one_keyframe() -> None:
    frames = frames_of(walk(1)) * 4
    found = track(frames)
    assert found.keyframes == [0] and np.allclose(found.motion[3], np.eye(4), atol=1e-6)


def test_a_frame_without_depth_is_left_out_and_the_next_one_goes_on() -> None:
    frames = list(frames_of(walk(3, 2.0)))
    empty = np.zeros_like(frames[1].depth.z)
    frames[1] = replace(frames[1], depth=Depth(empty, frames[1].depth.camera))
    found = track(frames)
    assert found.reference == [0, -1, 0] and "depth" in found.reasons[1] and not found.breaks


def test_tracking_begins_again_where_nothing_aligns() -> None:
    cameras = [*walk(2, 2.0), *walk(60, 4.0)[40:42]]
    found = track(frames_of(cameras))
    assert found.breaks == [2]
