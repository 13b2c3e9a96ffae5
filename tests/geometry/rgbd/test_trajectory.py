"""Trajectories: the error is a small part of the way; what cannot be connected is left out with a reason."""

import numpy as np
import pytest
from rgbd_frames import frames_of, trajectory_error, walk

from lift3d.geometry.rgbd.trajectory import find_trajectory


@pytest.mark.slow
def test_error_is_below_one_percent_of_the_way() -> None:
    cameras = walk(14, 3.0)
    found = find_trajectory(frames_of(cameras))
    way = sum(float(np.linalg.norm(a.centre - b.centre)) for a, b in zip(cameras, cameras[1:]))
    assert all(p is not None for p in found.poses) and not any(found.reasons)
    assert trajectory_error(found.poses, cameras) < 0.01 * way
    assert np.allclose(found.poses[0], np.eye(4))
    assert found.evidence["placed"] == 14 and found.evidence["loops"] > 0


def test_frames_elsewhere_are_left_out_with_a_reason() -> None:
    cameras = [*walk(3, 2.0), walk(60, 4.0)[45]]
    found = find_trajectory(frames_of(cameras))
    assert [p is not None for p in found.poses] == [True, True, True, False]
    assert "shares too little" in found.reasons[3]


@pytest.mark.slow
def test_parts_of_a_broken_track_are_joined_by_features() -> None:
    """The camera looks away for a moment and returns."""
    cameras = [*walk(3, 2.0), walk(60, 4.0)[45], *walk(6, 2.0)[3:]]
    found = find_trajectory(frames_of(cameras))
    assert [p is not None for p in found.poses] == [True] * 3 + [False] + [True] * 3
    assert trajectory_error(found.poses, cameras) < 0.01
