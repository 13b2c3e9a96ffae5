"""Winding numbers against the exact sum over all triangles."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from solid_twin import solid_angle_sum

from lift3d.geometry.mesh.winding_number import winding_number

BALL = trimesh.creation.icosphere(3)
V, F = np.array(BALL.vertices), np.array(BALL.faces, np.int32)


def test_inside_is_one_and_outside_zero() -> None:
    q = np.random.default_rng(0).uniform(-1.5, 1.5, (4000, 3))
    r = np.linalg.norm(q, axis=1)
    away = np.abs(r - 1) > 0.02
    w = winding_number(V, F, q[away])
    np.testing.assert_array_equal(w > 0.5, r[away] < 1)
    np.testing.assert_allclose(winding_number(V, F, q[away], np.inf), r[away] < 1, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 400))
def test_every_soup_agrees_with_the_twin(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    v = (rng.normal(size=(n, 1, 3)) + 0.3 * rng.normal(size=(n, 3, 3))).reshape(-1, 3)
    f = np.arange(3 * n, dtype=np.int32).reshape(-1, 3)
    q = rng.normal(size=(4, 3)) * 1.5
    truth = np.array([solid_angle_sum(v, f, x) for x in q])
    np.testing.assert_allclose(winding_number(v, f, q, np.inf), truth, atol=1e-9)
    np.testing.assert_allclose(winding_number(v, f, q), truth, atol=0.02 * np.sqrt(n) / 4 + 0.02)


def test_error_falls_with_the_accuracy() -> None:
    q = np.random.default_rng(1).uniform(-1, 1, (500, 3))
    exact = winding_number(V, F, q, np.inf)
    errors = [np.abs(winding_number(V, F, q, x) - exact).max() for x in (1.5, 3.0, 6.0)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.01


def test_a_half_ball_seen_from_its_opening_is_a_half() -> None:
    half = F[V[F].mean(1)[:, 2] < 0]
    assert winding_number(V, half, np.zeros((1, 3)), np.inf)[0] == pytest.approx(0.5, abs=0.02)


def test_the_same_twice_gives_the_same_bytes() -> None:
    q = np.random.default_rng(2).normal(size=(1000, 3))
    assert winding_number(V, F, q).tobytes() == winding_number(V, F, q).tobytes()
