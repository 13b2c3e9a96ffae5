"""Colours of signed maps: no effect leaves the picture, signs differ, and size is opacity."""

from __future__ import annotations

import numpy as np

from lift3d.geometry.image.diverging import NEGATIVE, OPACITY, POSITIVE, opacity_of, overlay


def test_zero_leaves_the_picture_as_it_is() -> None:
    below = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    np.testing.assert_array_equal(overlay(np.zeros((5, 6), np.float32), 1.0, below), below)


def test_signs_have_their_colours_and_values_beyond_the_scale_do_not_wrap() -> None:
    below = np.full((3, 3), 200, np.uint8)
    paint = overlay(np.array([2.0, -2.0, 1.0], np.float32), 1.0, below)
    np.testing.assert_array_equal(paint[0], np.rint(200 * (1 - OPACITY) + OPACITY * np.array(POSITIVE)))
    np.testing.assert_array_equal(paint[1], np.rint(200 * (1 - OPACITY) + OPACITY * np.array(NEGATIVE)))
    np.testing.assert_array_equal(paint[0], paint[2])


def test_opacity_grows_with_the_size() -> None:
    values = np.linspace(-1, 1, 21, dtype=np.float32)
    alpha = opacity_of(values, 1.0)
    assert (np.diff(alpha[10:]) > 0).all() and np.allclose(alpha, alpha[::-1], atol=1e-6)
