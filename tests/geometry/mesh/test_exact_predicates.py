"""Exact predicates: the signs equal those of rational arithmetic, also where float64 rounds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.exact_predicates import (
    _grow,
    _orient3d_exact,
    _two_product,
    _two_sum,
    common_step,
    degenerate,
    orient2d,
    orient3d,
)

coordinate = st.floats(-1e6, 1e6, width=32)
point = st.tuples(coordinate, coordinate, coordinate)


def sign(x: Fraction) -> int:
    """-1, 0 or 1."""
    return (x > 0) - (x < 0)


def rational_orient3d(*points: np.ndarray) -> int:
    """Sign of det(a - d, b - d, c - d) by Leibniz' formula in rational numbers."""
    a, b, c, d = ([Fraction(float(x)) for x in p] for p in points)
    u, v, w = ([x - y for x, y in zip(p, d)] for p in (a, b, c))
    det = sum(
        s * u[i] * v[j] * w[k]
        for s, (i, j, k) in (
            (1, (0, 1, 2)),
            (1, (1, 2, 0)),
            (1, (2, 0, 1)),
            (-1, (2, 1, 0)),
            (-1, (1, 0, 2)),
            (-1, (0, 2, 1)),
        )
    )
    return sign(det)


def rational_orient2d(a: np.ndarray, b: np.ndarray, c: np.ndarray, p: int, q: int) -> int:
    """Sign of twice the area of abc in the plane of coordinates p and q, in rational numbers."""
    x, y, z = ([Fraction(float(t)) for t in point] for point in (a, b, c))
    return sign((x[p] - z[p]) * (y[q] - z[q]) - (x[q] - z[q]) * (y[p] - z[p]))


@settings(max_examples=60, deadline=None)
@given(st.lists(point, min_size=4, max_size=4))
def test_orient3d_equals_rational_arithmetic(points: list[tuple[float, float, float]]) -> None:
    p = np.array(points, np.float64)
    assert orient3d(*p, common_step(p)) == rational_orient3d(*p)
    assert _orient3d_exact(*p) == rational_orient3d(*p)


@settings(max_examples=60, deadline=None)
@given(st.lists(point, min_size=3, max_size=3), st.integers(0, 2))
def test_orient2d_equals_rational_arithmetic(points: list[tuple[float, float, float]], axis: int) -> None:
    p = np.array(points, np.float64)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    assert orient2d(*p, first, second, common_step(p)) == rational_orient2d(*p, first, second)


@pytest.mark.parametrize("seed", range(3))
def test_coplanar_points_and_points_one_unit_off_their_plane(seed: int) -> None:
    """Integers of 20 bits: the determinant has 66 bits, so that float64 rounds it."""
    rng = np.random.default_rng(seed)
    signs, rounded = [], 0
    for k in range(60):
        p = rng.integers(-(2**20), 2**20, (4, 3)).astype(np.float64)
        p[3] = p[0] + (p[1] - p[0]) - 2 * (p[2] - p[0])
        p[3, 2] += k % 3 - 1
        expected = rational_orient3d(*p)
        assert orient3d(*p, common_step(p)) == expected == _orient3d_exact(*p)
        signs.append(expected)
        rounded += int(np.sign(np.linalg.det(p[:3] - p[3]))) != expected
    assert set(signs) == {-1, 0, 1}
    assert rounded > 0, "these points do not challenge float64"


def test_orientation_changes_with_the_order_of_the_points() -> None:
    p = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, -1]], np.float64)
    assert orient3d(*p, 1.0) == 1, "the fourth point lies behind the counter-clockwise triangle"
    assert orient3d(p[1], p[0], p[2], p[3], 1.0) == -1
    assert orient3d(p[0], p[1], p[2], p[1], 1.0) == 0
    assert orient2d(p[0], p[1], p[2], 0, 1, 1.0) == 1
    assert orient2d(p[0], p[2], p[1], 0, 1, 1.0) == -1


@given(st.floats(1e-200, 1e200), st.floats(1e-100, 1e100))
def test_sums_and_products_in_pairs_are_exact(a: float, b: float) -> None:
    high, low = _two_sum(a, -b)
    assert Fraction(high) + Fraction(low) == Fraction(a) - Fraction(b)
    a32, b32 = float(np.float32(a % 1e10)), b % 1e10
    high, low = _two_product(a32, b32)
    if abs(high) > 1e-200:
        assert Fraction(high) + Fraction(low) == Fraction(a32) * Fraction(b32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=12))
def test_expansions_sum_without_error(terms: list[float]) -> None:
    expansion, n = np.empty(32), 0
    for term in terms:
        n = _grow(expansion, n, term)
    assert sum(map(Fraction, expansion[:n].tolist())) == sum(map(Fraction, terms))
    assert all(abs(x) < abs(y) for x, y in zip(expansion[:n], expansion[1:n])), "terms grow in magnitude"


@pytest.mark.parametrize(
    ("values", "step"),
    [([0, 0], 1.0), ([3, 5], 1.0), ([2, 6], 2.0), ([0.75, 3], 0.25), ([2.0**-40, 1], 2.0**-40)],
)
def test_common_step_is_the_largest_power_of_two_that_divides_all(values: list[float], step: float) -> None:
    assert common_step(np.array(values)) == step


def test_collinear_points_are_degenerate_and_almost_collinear_ones_are_not() -> None:
    a, b = np.array([0.1, 0.2, 0.3], np.float32), np.array([0.7, -0.4, 0.9], np.float32)
    p = np.array([a, b, 2 * b - a]).astype(np.float64)
    p[2] = 2 * p[1] - p[0]
    step = common_step(p)
    assert degenerate(*p, step) and degenerate(p[0], p[0], p[1], step)
    p[2, 1] = np.nextafter(np.float32(p[2, 1]), np.float32(9))
    assert not degenerate(*p, common_step(p))
