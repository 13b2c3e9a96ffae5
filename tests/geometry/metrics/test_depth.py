"""Errors of depth up to scale and shift of inverse depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.metrics.depth import aligned_errors, fit_scale_and_shift


def scene(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 6, (20, 30))


@given(st.floats(0.01, 100), st.floats(-10, 10), st.booleans())
@settings(max_examples=50, deadline=None)
def test_scale_and_shift_of_inverse_depth_do_not_matter(scale: float, shift: float, negative: bool) -> None:
    depth = scene()
    found = aligned_errors((-scale if negative else scale) / depth + shift, depth)
    assert found.abs_rel < 1e-5 and found.delta1 == 1


def test_the_fit_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=50), rng.normal(size=50)
    expected = np.linalg.lstsq(np.stack([x, np.ones(50)], 1), y, rcond=None)[0]
    assert np.allclose(fit_scale_and_shift(x, y), expected)


def test_a_constant_prediction_is_the_mean_inverse_depth() -> None:
    depth = np.array([[1.0, 2.0, 4.0, 0.0]])
    mean = 1 / np.mean([1, 0.5, 0.25])
    found = aligned_errors(np.zeros((1, 4)), depth)
    z = np.array([1.0, 2, 4])
    assert found.abs_rel == pytest.approx(float((abs(mean - z) / z).mean()))
    assert found.delta1 == pytest.approx(float((np.maximum(mean / z, z / mean) < 1.25).mean()))


def test_unknown_pixels_do_not_count() -> None:
    depth = scene()
    prediction = 1 / depth
    prediction[:5], depth[:5] = 99, 0
    depth[5, 0] = np.nan
    assert aligned_errors(prediction, depth).delta1 == 1
    with pytest.raises(ValueError, match="no known depth"):
        aligned_errors(prediction, np.zeros_like(depth))


def test_inverse_depth_that_is_not_positive_after_the_fit_is_far() -> None:
    depth = np.array([[1.0] * 50 + [100.0]])
    prediction = np.r_[np.linspace(0.9, 1.1, 50), -5.0][None]
    assert np.isfinite(aligned_errors(prediction, depth).abs_rel)
