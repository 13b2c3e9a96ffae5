"""Closest point and ray intersection of one triangle against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.triangle_queries import closest_on_triangle, ray_triangle

seeds = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_closest_point_is_in_the_triangle_and_no_sample_is_closer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t, q = rng.normal(size=(3, 3)), rng.normal(size=3) * 3
    p = np.array(closest_on_triangle(t, *q))
    weight = np.linalg.lstsq(np.vstack([t.T, np.ones(3)]), np.append(p, 1), rcond=None)[0]
    assert weight.min() > -1e-9 and np.allclose(weight @ t, p, atol=1e-9)
    samples = rng.dirichlet([0.5] * 3, 2000) @ t
    assert np.linalg.norm(p - q) <= np.linalg.norm(samples - q, axis=1).min() + 1e-12


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ((0.25, 0.25, 5), (0.25, 0.25, 0)),
        ((-1, -1, 0), (0, 0, 0)),
        ((2, -1, 1), (1, 0, 0)),
        ((-1, 3, 0), (0, 1, 0)),
        ((0.5, -2, 1), (0.5, 0, 0)),
        ((-2, 0.5, 1), (0, 0.5, 0)),
        ((1, 1, 0), (0.5, 0.5, 0)),
    ],
)
def test_each_voronoi_region(query: tuple[float, ...], expected: tuple[float, ...]) -> None:
    t = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float64)
    assert np.allclose(closest_on_triangle(t, *map(float, query)), expected)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_ray_through_a_known_point_has_its_barycentric_coordinates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t, origin, weight = rng.normal(size=(3, 3)), rng.normal(size=3) * 4, rng.dirichlet([1, 1, 1])
    direction = (weight @ t - origin) / 2
    found, b, c = ray_triangle(t, *origin, *direction)
    if abs(np.dot(np.cross(t[1] - t[0], t[2] - t[0]), direction)) > 1e-3 and weight.min() > 1e-6:
        assert np.allclose([found, b, c], [2, weight[1], weight[2]], atol=1e-7)


def test_parallel_and_missing_rays_give_nan() -> None:
    t = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float64)
    assert np.isnan(ray_triangle(t, 0.2, 0.2, 1.0, 1.0, 0.0, 0.0)[0])
    assert np.isnan(ray_triangle(t, 0.8, 0.8, 1.0, 0.0, 0.0, -1.0)[0])
    assert ray_triangle(t, 0.2, 0.2, 1.0, 0.0, 0.0, 1.0)[0] == -1, "the line is hit behind the origin"
