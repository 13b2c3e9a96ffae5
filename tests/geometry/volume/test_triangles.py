"""A diagonal is taken only if its triangles stay among the tetrahedra of their voxel pair."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.volume.triangles import _choose_cuts, _diagonal_fits


def inside_tetrahedra(points: np.ndarray, quad: np.ndarray, axis: int, slack: float) -> np.ndarray:
    """Whether points lie in one of the four tetrahedra of a pair at the origin and one step along the axis."""
    a, b = np.zeros(3), np.eye(3)[axis]
    found = np.zeros(len(points), bool)
    for m in range(4):
        c, d = quad[m], quad[(m + 1) % 4]
        weights = np.linalg.solve(
            np.vstack([np.array([a, b, c, d]).T, np.ones(4)]), np.vstack([points.T, np.ones(len(points))])
        )
        found |= (weights >= -slack).all(0)
    return found


def random_quad(rng: np.random.Generator, axis: int) -> np.ndarray:
    """Vertices of the four cells around the pair, counter-clockwise."""
    u, w = (axis + 1) % 3, (axis + 2) % 3
    quad = np.empty((4, 3))
    quad[:, axis] = rng.uniform(0.05, 0.95, 4)
    away = rng.uniform(0.05, 0.95, (4, 2))
    quad[:, u] = away[:, 0] * [-1, 1, 1, -1]
    quad[:, w] = away[:, 1] * [-1, -1, 1, 1]
    return quad


@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
@settings(max_examples=200, deadline=None)
def test_accepted_diagonals_stay_inside_and_others_leave(seed: int, axis: int) -> None:
    quad = random_quad(np.random.default_rng(seed), axis)
    weights = np.array([w for w in product(np.linspace(0, 1, 13), repeat=3) if abs(sum(w) - 1) < 1e-9])
    for first in (0, 1):
        corners = [quad[(first + m) % 4] for m in range(4)]
        points = np.concatenate(
            [weights @ np.array(corners[:3]), weights @ np.array([corners[0], *corners[2:]])]
        )
        fits = _diagonal_fits(quad, np.arange(4), first, axis, 0.0, 0.0, 0.0, 0.0)
        if fits:
            assert inside_tetrahedra(points, quad, axis, 1e-9).all()
        elif inside_tetrahedra(points, quad, axis, -1e-3)[: len(points)].all():
            raise AssertionError("a diagonal that fits was refused")


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_the_shorter_diagonal_that_fits_is_taken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axes = np.arange(3, dtype=np.uint8)
    quads = np.arange(12, dtype=np.int32).reshape(3, 4)
    x = np.concatenate([random_quad(rng, int(a)) for a in axes])
    spacing = rng.uniform(0.3, 3, 3)
    low = x.copy()
    low[[2, 6, 10]] = 0.05  # the cell above the lower voxel
    cut = np.empty(3, np.uint8)
    _choose_cuts(x, quads, axes, low, np.diag(spacing**2), cut)
    for q in range(3):
        fits = [_diagonal_fits(x, quads[q], m, int(axes[q]), 0.0, 0.0, 0.0, 0.02) for m in (0, 1)]
        length = [np.linalg.norm((x[quads[q, m]] - x[quads[q, m + 2]]) * spacing) for m in (0, 1)]
        order = [m for m in np.argsort(length, kind="stable") if fits[m]]
        assert cut[q] == (order[0] if order else 2)
