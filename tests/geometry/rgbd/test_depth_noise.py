"""Noise of depth cameras: it grows with the square of the depth; pixels beside a depth step are removed."""

import numpy as np
import pytest

from lift3d.geometry.rgbd.depth_noise import CONSTANT, QUADRATIC, depth_sigma, without_edges


@pytest.mark.parametrize("z", [0.5, 1.0, 4.0])
def test_sigma_is_quadratic(z: float) -> None:
    assert depth_sigma(np.float32(z)) == pytest.approx(CONSTANT + QUADRATIC * z * z)


def test_pixels_at_a_step_are_removed_and_slopes_kept() -> None:
    z = np.full((20, 30), 2.0, np.float32)
    z[:, 15:] = 2.6
    z[:, 22:] = 2.6 + 0.01 * np.arange(8)
    out = without_edges(z)
    assert (out[:, 14:16] == 0).all() and (out[:, :14] == 2).all() and (out[:, 16:] > 0).all()


def test_holes_are_no_steps() -> None:
    z = np.ones((9, 9), np.float32)
    z[4, 4] = 0
    assert np.array_equal(without_edges(z), z)
