"""Sharpness, motion and selection of keyframes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.io.image.keyframes import BlockMotion, FrameMeasure, select_keyframes, sharpness

NOISE = ndimage.gaussian_filter(np.random.default_rng(0).normal(128, 40, (160, 160)), 1.0).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_blur_lowers_the_sharpness(sigma: float) -> None:
    assert sharpness(ndimage.gaussian_filter(NOISE, sigma)) < 0.9 * sharpness(NOISE)


def test_a_flat_image_has_no_sharpness() -> None:
    assert sharpness(np.full((32, 32), 77, np.float32)) == pytest.approx(0, abs=1e-9)


def test_contrast_hardly_matters() -> None:
    assert sharpness(2 * NOISE) == pytest.approx(sharpness(NOISE), rel=0.2)


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (0, 5), (-4, 0), (3, -6)])
def test_the_shift_is_the_length_of_the_translation(dy: int, dx: int) -> None:
    motion = BlockMotion(96, 128)
    a, b = NOISE[20:116, 16:144], NOISE[20 + dy : 116 + dy, 16 + dx : 144 + dx]
    assert motion.shift(motion.spectrum(a), motion.spectrum(b)) == pytest.approx(np.hypot(dy, dx), abs=0.35)


def measures(path: list[float], values: list[float] | None = None) -> list[FrameMeasure]:
    values = values or [1.0] * len(path)
    return [FrameMeasure(i, i / 30, s, p) for i, (p, s) in enumerate(zip(path, values))]


def test_equal_pieces_of_the_path_and_not_of_time() -> None:
    frames = measures([0.0] * 50 + np.linspace(0, 100, 101).tolist())
    chosen = select_keyframes(frames, 10)
    assert len(chosen) == 10 and np.allclose(np.diff([m.path for m in chosen]), 10, atol=6)


def test_the_sharpest_frame_of_each_piece() -> None:
    values = [1.0] * 100
    for i in (5, 27, 44, 68, 91):
        values[i] = 2.0
    chosen = select_keyframes(measures(np.linspace(0, 100, 100).tolist(), values), 5)
    assert [m.index for m in chosen] == [5, 27, 44, 68, 91]


def test_a_camera_at_rest_gives_one_frame() -> None:
    assert len(select_keyframes(measures([0.0] * 100), 20)) == 1


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_keyframes_are_ordered_distinct_and_not_too_many(steps: list[float], count: int) -> None:
    frames = measures(np.cumsum(steps).tolist())
    indices = [m.index for m in select_keyframes(frames, count)]
    assert 1 <= len(indices) <= count and indices == sorted(set(indices))
