"""Voxels that a surface touches, against dense samples and against clipping of triangles."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.voxels.surface_voxels import touched_mask


def clipped(t: np.ndarray, cell: np.ndarray) -> bool:
    """Slow twin: whether anything of triangle t remains after clipping by the six sides of the unit cube around `cell`."""
    polygon = list(t - cell)
    for axis in range(3):
        for sign in (1.0, -1.0):
            inside = [sign * p[axis] <= 0.5 for p in polygon]
            out = []
            for i, p in enumerate(polygon):
                q = polygon[(i + 1) % len(polygon)]
                if inside[i]:
                    out.append(p)
                if inside[i] != inside[(i + 1) % len(polygon)]:
                    s = (sign * 0.5 - p[axis]) / (q[axis] - p[axis])
                    out.append(p + s * (q - p))
            polygon = out
            if not polygon:
                return False
    return True


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
@pytest.mark.slow
def test_voxels_of_a_triangle_are_those_of_the_clipping(seed: int) -> None:
    t = np.random.default_rng(seed).uniform(-1, 6, (3, 3))
    found = touched_mask(t, np.array([[0, 1, 2]]), np.zeros(3), 1.0, (6, 6, 6))
    for cell in np.ndindex(6, 6, 6):
        assert found[cell] == clipped(t, np.array(cell, float)), cell


def test_a_ball_is_touched_all_around_and_nowhere_else() -> None:
    ball = trimesh.creation.icosphere(4)
    step, origin = 0.1, np.full(3, -1.2)
    found = touched_mask(ball.vertices, ball.faces, origin, step, (25, 25, 25))
    samples = trimesh.sample.sample_surface(ball, 20000, seed=1)[0]
    cells = np.rint((samples - origin) / step).astype(int)
    assert found[tuple(cells.T)].all()
    centres = np.stack(np.meshgrid(*[np.arange(25)] * 3, indexing="ij"), -1) * step + origin
    far = np.abs(np.linalg.norm(centres, axis=-1) - 1)
    assert not found[far > 0.5 * step * 3**0.5 + 0.01].any()


def test_what_lies_outside_of_the_grid_is_not_seen() -> None:
    t = np.array([[-50, 2, 2.0], [50, 2, 2], [50, 2.2, 2]])
    found = touched_mask(t, np.array([[0, 1, 2]]), np.zeros(3), 1.0, (4, 4, 4))
    assert found.sum() == 4 and found[:, 2, 2].all()
    assert not touched_mask(t + 100, np.array([[0, 1, 2]]), np.zeros(3), 1.0, (4, 4, 4)).any()
