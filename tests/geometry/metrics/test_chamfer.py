"""Distances between clouds of points: against a slow twin, and what every distance must do."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from lift3d.geometry.metrics.chamfer import chamfer_matrix, nearest_chamfer


def twin(a: np.ndarray, b: np.ndarray) -> float:
    return float((cKDTree(b).query(a)[0] ** 2).mean() + (cKDTree(a).query(b)[0] ** 2).mean())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 40))
def test_as_its_slow_twin(seed: int, p: int, q: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(3, p, 3)).astype(np.float32), rng.normal(size=(2, q, 3)).astype(np.float32)
    wanted = [[twin(x, y) for y in b] for x in a]
    np.testing.assert_allclose(chamfer_matrix(a, b), wanted, rtol=1e-4, atol=1e-6)


def test_among_themselves_it_is_a_distance() -> None:
    clouds = np.random.default_rng(0).normal(size=(5, 64, 3)).astype(np.float32)
    own = chamfer_matrix(clouds)
    np.testing.assert_allclose(own, chamfer_matrix(clouds, clouds), atol=1e-6)
    assert (np.diag(own) == 0).all() and (own == own.T).all() and (own + np.eye(5) > 0).all()


def test_a_moved_cloud_is_as_far_as_it_was_moved() -> None:
    one = np.zeros((1, 1, 3), np.float32)
    assert chamfer_matrix(one, one + np.float32([3, 0, 4]))[0, 0] == 50.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 7))
def test_the_nearest_is_the_least_of_the_row(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=(k, 60, 3)).astype(np.float32) + rng.normal(size=(k, 1, 3)) for k in (n, m))
    a, b = a.astype(np.float32), b.astype(np.float32)
    np.testing.assert_allclose(nearest_chamfer(a, b), chamfer_matrix(a, b).min(1), rtol=1e-5)
    own = chamfer_matrix(b)
    np.fill_diagonal(own, np.inf)
    np.testing.assert_allclose(nearest_chamfer(b), own.min(1), rtol=1e-5)


def test_alone_there_is_no_nearest() -> None:
    one = np.zeros((1, 60, 3), np.float32)
    assert np.isinf(nearest_chamfer(one)).all()
    assert nearest_chamfer(one, one)[0] == 0
