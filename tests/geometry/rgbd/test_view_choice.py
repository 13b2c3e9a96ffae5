"""Chosen frames: one for each stretch, the sharpest, and never more than allowed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.view_choice import FEW, choose_frames


def _straight(n: int, step: float) -> list[np.ndarray]:
    return [se3.exp(np.array([step * k, 0, 0, 0, 0, 0])) for k in range(n)]


def test_a_still_camera_gives_its_sharpest_frame() -> None:
    assert choose_frames(_straight(20, 0.0), [float(k == 7) for k in range(20)], 2.0, 50) == [7]


def test_few_frames_are_all_kept() -> None:
    assert choose_frames(_straight(FEW, 0.0), [1.0] * FEW, 2.0, 50) == list(range(FEW))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 80), st.floats(0, 0.5), st.integers(1, 40), st.integers(0, 99))
def test_limits_and_order(n: int, step: float, most: int, seed: int) -> None:
    sharp = np.random.default_rng(seed).random(n).tolist()
    found = choose_frames(_straight(n, step), sharp, 2.0, most)
    assert 1 <= len(found) <= most and found == sorted(set(found)) and found[-1] < n
