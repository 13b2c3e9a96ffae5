"""Thickness from luminance: the law of Beer and Lambert, the ends, and linearity of what is seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lift3d.geometry.relief.transmission import (
    linear_luminance,
    resample,
    thickness_from_luminance,
    transmission,
)

RAMP = np.tile(np.linspace(0, 1, 501), (4, 1))


@given(st.floats(0.2, 1.5), st.floats(0.2, 8), st.floats(0.2, 5))
def test_what_is_seen_is_linear_in_luminance(thin: float, more: float, attenuation: float) -> None:
    thickness = thickness_from_luminance(RAMP, thin, thin + more, attenuation)
    assert thickness.min() == thin and thickness.max() == pytest.approx(thin + more)
    seen = transmission(thickness, attenuation)
    assert np.corrcoef(seen[0, 5:-5], RAMP[0, 5:-5])[0, 1] > 1 - 1e-9
    assert (np.diff(seen[0]) >= -1e-12).all()


def test_a_negative_is_thick_where_it_is_bright() -> None:
    positive = thickness_from_luminance(RAMP, 0.8, 3, 1)
    assert np.allclose(thickness_from_luminance(RAMP, 0.8, 3, 1, negative=True), positive[:, ::-1])


def test_brightness_and_contrast_of_the_photo_do_not_matter() -> None:
    assert np.allclose(
        thickness_from_luminance(0.2 + 0.1 * RAMP, 0.8, 3, 1), thickness_from_luminance(RAMP, 0.8, 3, 1)
    )
    with pytest.raises(ValueError, match="same"):
        thickness_from_luminance(np.ones((5, 5)), 0.8, 3, 1)


def test_a_few_outliers_do_not_use_up_the_range() -> None:
    spot = 0.3 * RAMP.copy()
    spot[0, 0] = 1
    assert np.allclose(
        thickness_from_luminance(spot, 0.8, 3, 1)[1:],
        thickness_from_luminance(RAMP, 0.8, 3, 1)[1:],
        atol=0.02,
    )


def test_luminance_is_linear_light() -> None:
    grey = np.full((600, 3, 3), 188, np.uint8)
    assert linear_luminance(grey)[599, 2] == pytest.approx(0.5029, abs=1e-3)
    green = np.zeros((2, 2, 3), np.uint8)
    green[..., 1] = 255
    mask = np.array([[True, False], [True, True]])
    assert np.allclose(linear_luminance(green, mask), [[0.7152, 1], [0.7152, 0.7152]])


def test_resampling_keeps_the_mean_and_the_range() -> None:
    noise = np.random.default_rng(0).random((300, 400)).astype(np.float32)
    small = resample(noise, (75, 100))
    assert small.mean() == pytest.approx(float(noise.mean()), abs=1e-6)
    assert np.allclose(small[0, 0], noise[:4, :4].mean(), atol=1e-6)
    large = resample(noise, (600, 800))
    assert large.shape == (600, 800) and large.min() >= noise.min() and large.max() <= noise.max()
