"""Loops: motions from matched points with outliers, confirmed by colour and geometry; overlap by poses."""

import numpy as np
import pytest
from rgbd_frames import frames_of, pose, walk

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.frame_pyramid import prepare
from lift3d.geometry.rgbd.loop_closure import (
    MIN_MATCHES,
    confirmed,
    feature_loops,
    fit_motion,
    overlap_pairs,
    predicted_overlap,
    ransac_motion,
)

MOTION = se3.exp(np.array([0.3, -0.1, 0.2, 0.1, 0.4, -0.2]))


def _points(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-1, -1, 1], [1, 1, 3], (n, 3))


def test_motion_of_exact_points() -> None:
    p = _points(10)
    assert np.allclose(fit_motion(p, p @ MOTION[:3, :3].T + MOTION[:3, 3]), MOTION)


@pytest.mark.parametrize("wrong", [0, 20, 40])
def test_ransac_finds_the_matches_that_agree(wrong: int) -> None:
    p = _points(60)
    q = p @ MOTION[:3, :3].T + MOTION[:3, 3] + np.random.default_rng(1).normal(scale=0.002, size=p.shape)
    q[:wrong] = _points(wrong, 2)
    found = ransac_motion(p, q)
    assert found is not None
    assert np.abs(se3.log(se3.inverse(MOTION) @ found[0])).max() < 0.01 and found[1][wrong:].mean() > 0.9


def test_strangers_and_few_matches_give_nothing() -> None:
    assert ransac_motion(_points(40), _points(40, 1)) is None
    assert ransac_motion(_points(MIN_MATCHES - 1), _points(MIN_MATCHES - 1)) is None


def test_overlap_by_poses() -> None:
    cameras = walk(40, 4.0)
    levels = [prepare(f)[0] for f in frames_of([cameras[0], cameras[2], cameras[39]])]
    near = np.linalg.inv(pose(cameras[2])) @ pose(cameras[0])
    far = np.linalg.inv(pose(cameras[39])) @ pose(cameras[0])
    assert predicted_overlap(levels[0], levels[1], near) > 0.7 > predicted_overlap(levels[0], levels[2], far)
    assert predicted_overlap(levels[0], levels[0], np.eye(4)) > 0.95


def test_a_loop_is_found_by_features_and_confirmed() -> None:
    cameras = [*walk(1), *walk(14, 3.0)[12:], walk(2, 3.0)[1]]  # the last one looks where the first one does
    frames = frames_of(cameras)
    levels = [prepare(f) for f in frames]
    edges = feature_loops(frames, range(4), levels)
    (edge,) = [e for e in edges if (e.i, e.j) == (0, 3)]
    error = se3.log(se3.inverse(np.linalg.inv(pose(cameras[0])) @ pose(cameras[3])) @ edge.motion)
    assert edge.loop and np.abs(error).max() < 0.01


def test_a_wrong_motion_is_not_confirmed() -> None:
    levels = [prepare(f) for f in frames_of(walk(2, 3.0))]
    assert confirmed(levels, 0, 1, np.eye(4)) is not None
    assert confirmed(levels, 0, 1, se3.exp(np.array([0, 0, 0, 0, 1.2, 0.0]))) is None


def test_pairs_of_a_group_that_overlap_are_listed() -> None:
    cameras = walk(4, 3.0)
    levels = [prepare(f) for f in frames_of(cameras)]
    poses = [pose(c) for c in cameras]
    assert overlap_pairs(levels, poses, [[0, 1, 2, 3]], {(0, 1), (1, 2), (2, 3)}) == [(0, 2), (0, 3), (1, 3)]
    assert overlap_pairs(levels, poses, [[0, 1], [2, 3]], set()) == [(0, 1), (2, 3)]
