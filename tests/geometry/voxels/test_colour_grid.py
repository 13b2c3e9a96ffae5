"""Mean colours per voxel against a loop over the points."""

from __future__ import annotations

import numpy as np

from lift3d.geometry.voxels.colour_grid import colour_grid


def test_voxels_hold_the_mean_colour_of_their_points() -> None:
    rng = np.random.default_rng(0)
    points, colours = rng.uniform(-1.2, 1.2, (300, 3)), rng.integers(0, 256, (300, 3), np.uint8)
    found = colour_grid(points, colours, np.full(3, -1.0), 2.0, 4)
    expected = np.zeros((4, 4, 4, 4))
    for i, j, k in np.ndindex(4, 4, 4):
        mine = (np.floor((points + 1) / 0.5) == [i, j, k]).all(1)
        if mine.any():
            expected[:3, i, j, k] = colours[mine].mean(0) / 127.5 - 1
            expected[3, i, j, k] = 1
    assert found.dtype == np.float32 and np.allclose(found, expected, atol=1e-6)


def test_points_outside_the_cube_are_ignored() -> None:
    grid = colour_grid(np.array([[5.0, 0, 0], [0, 0, -0.1]]), np.zeros((2, 3), np.uint8), np.zeros(3), 1.0, 2)
    assert (grid == 0).all()
