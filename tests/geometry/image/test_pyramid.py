"""Halving an image: means of four pixels, and pixel centres that keep their meaning; nearest pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.image.pyramid import halve, resize_nearest


@pytest.mark.parametrize("shape", [(2, 2), (8, 6), (7, 9), (1, 5), (4, 1), (1, 1)])
def test_each_coarse_pixel_is_the_mean_of_four(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    out = halve(image)
    assert out.dtype == np.float32 and out.shape == (max(shape[0] // 2, 1), max(shape[1] // 2, 1))
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            rows = [2 * y, min(2 * y + 1, shape[0] - 1)]
            columns = [2 * x, min(2 * x + 1, shape[1] - 1)]
            assert out[y, x] == pytest.approx(image[np.ix_(rows, columns)].mean(), rel=1e-5)


def test_a_linear_image_stays_linear_at_pixel_centres() -> None:
    """Value a u + b v + c at fine centres (u, v) becomes the same function of the coarse centres (2 u', 2 v')."""
    u, v = np.meshgrid(np.arange(16) + 0.5, np.arange(12) + 0.5)
    fine = (3 * u - 2 * v + 7).astype(np.float32)
    u, v = np.meshgrid(np.arange(8) + 0.5, np.arange(6) + 0.5)
    np.testing.assert_allclose(halve(fine), 3 * (2 * u) - 2 * (2 * v) + 7, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5))
def test_a_mask_resized_by_whole_factors_takes_the_centre_of_each_block(a, b):
    mask = np.random.default_rng(0).random((12 * a, 8 * b)) < 0.5
    assert (resize_nearest(mask, (12, 8)) == mask[a // 2 :: a, b // 2 :: b]).all()
