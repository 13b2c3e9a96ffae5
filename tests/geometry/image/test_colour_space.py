"""sRGB and linear light: fixed points of the standard, round trips, and the table against the exact curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.image.colour_space import (
    LINEAR_TO_SRGB8,
    SRGB8_TO_LINEAR,
    linear_to_srgb,
    linear_to_srgb8,
    srgb8_to_linear,
    srgb_to_linear,
)

BYTES = np.arange(256)


@pytest.mark.parametrize(
    "srgb, linear",
    [(0.0, 0.0), (1.0, 1.0), (0.04045, 0.04045 / 12.92), (0.5, 0.21404114), (188 / 255, 0.50288646)],
)
def test_known_values(srgb: float, linear: float) -> None:
    assert float(srgb_to_linear(np.array(srgb))) == pytest.approx(linear, abs=1e-8)
    assert float(linear_to_srgb(np.array(linear))) == pytest.approx(srgb, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 4))
def test_round_trip_beyond_one(value: float) -> None:
    assert float(linear_to_srgb(srgb_to_linear(np.array(value)))) == pytest.approx(value, abs=1e-6)


def test_the_type_is_kept() -> None:
    for dtype, expected in ((np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64)):
        assert srgb_to_linear(np.ones((2, 3), dtype)).dtype == expected
    assert linear_to_srgb(np.ones(3, np.float32)).dtype == np.float64
    assert srgb8_to_linear(np.ones(3, np.uint8)).dtype == np.float32


def test_negative_values_stay_on_the_linear_segment() -> None:
    x = np.array([-0.5, -0.01])
    np.testing.assert_allclose(srgb_to_linear(x), x / 12.92)
    np.testing.assert_allclose(linear_to_srgb(x), x * 12.92)


def test_bytes_survive_a_round_trip() -> None:
    np.testing.assert_array_equal(linear_to_srgb8(srgb8_to_linear(BYTES)), BYTES)


def test_the_byte_scale_is_the_unit_scale() -> None:
    np.testing.assert_allclose(srgb8_to_linear(BYTES), srgb_to_linear(BYTES / 255.0), rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(SRGB8_TO_LINEAR, srgb8_to_linear(BYTES))
    assert (np.diff(SRGB8_TO_LINEAR) > 0).all()
    np.testing.assert_allclose(LINEAR_TO_SRGB8, 255 * linear_to_srgb(np.arange(4097) / 4096), rtol=1e-15)


def test_the_table_rounds_as_the_exact_curve_does() -> None:
    """Off by at most one byte, and only close to a rounding boundary."""
    x = np.random.default_rng(0).uniform(0, 1, 20_000).astype(np.float32)
    exact = 255 * linear_to_srgb(x)
    got = linear_to_srgb8(x)
    assert np.abs(got - exact).max() < 0.6
    inside = np.abs(exact - np.floor(exact) - 0.5) > 0.1
    np.testing.assert_array_equal(got[inside], np.rint(exact[inside]))


def test_out_of_range_light_is_clipped_and_the_shape_kept() -> None:
    out = linear_to_srgb8(np.array([[-1.0, 0.0], [1.0, 7.0]], np.float32))
    np.testing.assert_array_equal(out, [[0, 0], [255, 255]])
    assert linear_to_srgb8(np.zeros((0, 3), np.float32)).shape == (0, 3)
