"""Anisotropic scaling preserves a shape's position in the frame, its components, and its thin parts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.train.data.anisotropic_scaling import random_stretch, scale_axis

AROUND = np.ones((3, 3, 3), bool)


def table() -> np.ndarray:
    full = np.zeros((64, 64, 64), bool)
    full[3:61, 10:54, 30] = True
    for x, y in ((4, 11), (4, 52), (59, 11), (59, 52)):
        full[x, y, 3:31] = True
    return full


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_a_scaled_shape_is_centred_on_the_ground_in_one_component(seed: int) -> None:
    out = random_stretch(table(), np.random.default_rng(seed))
    at = np.argwhere(out)
    sides = np.ptp(at, 0) + 1
    assert out.shape == (64, 64, 64) and sides.max() == 58 and at[:, 2].min() == 3
    middle = (at.min(0) + at.max(0) + 1)[:2] / 2
    assert np.abs(middle - 32).max() <= 0.5 and ndimage.label(out, AROUND)[1] == 1


def test_thin_parts_survive_and_an_empty_grid_stays_empty() -> None:
    row = np.zeros((10, 1, 1), bool)
    row[4] = True
    for count in range(1, 25):
        again = scale_axis(row, 0, count)
        assert again.shape == (count, 1, 1) and again.any()
    assert np.array_equal(scale_axis(table(), 1, 64), table())
    assert not random_stretch(np.zeros((64, 64, 64), bool), np.random.default_rng(0)).any()


def test_equal_seeds_give_equal_shapes() -> None:
    a, b = (random_stretch(table(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(a, b) and not np.array_equal(a, random_stretch(table(), np.random.default_rng(6)))
