"""Quadrics against brute-force sums of squared distances and least squares."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.surface.decimation import BORDER_WEIGHT, _edges
from lift3d.geometry.surface.quadrics import (
    BORDER,
    FREE,
    LENGTH_COST,
    LOCKED,
    REGULARISATION,
    collapse_target,
    edge_costs,
    vertex_quadrics,
)
from lift3d.types import F64


def quadrics_of(v: F64, f: np.ndarray) -> F64:
    """(V, 11) quadrics of a mesh."""
    f = np.asarray(f, np.int32)
    edges, lead, shared = _edges(f)
    return vertex_quadrics(np.asarray(v, np.float64), f, edges, lead // 3, shared, BORDER_WEIGHT)


def value(q: F64, x: F64) -> float:
    """x^T A x + 2 b.x + c of one quadric."""
    a = np.array([[q[0], q[1], q[2]], [q[1], q[3], q[4]], [q[2], q[4], q[5]]])
    return float(x @ a @ x + 2 * q[6:9] @ x + q[9])


def planes_at(v: F64, f: np.ndarray, vertex: int) -> list[tuple[F64, float, float]]:
    """(unit normal, offset, weight) of the faces around a vertex of a closed mesh."""
    out = []
    for face in f:
        if vertex in face:
            a, b, c = v[face]
            n = np.cross(b - a, c - a)
            size = float(np.linalg.norm(n))
            out.append((n / size, -float(n @ a) / size, size / 6))
    return out


def mesh(seed: int = 0) -> tuple[F64, np.ndarray]:
    """A rough closed ball of 80 faces."""
    ball = trimesh.creation.icosphere(1)
    v = np.asarray(ball.vertices) + np.random.default_rng(seed).normal(0, 0.1, (42, 3))
    return v, np.asarray(ball.faces)


@pytest.mark.parametrize("vertex", [0, 17, 41])
def test_a_quadric_is_the_weighted_sum_of_squared_plane_distances(vertex: int) -> None:
    v, f = mesh()
    q = quadrics_of(v, f)[vertex]
    planes = planes_at(v, f, vertex)
    for x in np.random.default_rng(1).normal(size=(5, 3)):
        assert value(q, x) == pytest.approx(sum(w * (n @ x + d) ** 2 for n, d, w in planes))
    assert value(q, v[vertex]) == pytest.approx(0, abs=1e-12) and q[10] == pytest.approx(
        sum(p[2] for p in planes)
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_target_of_a_free_edge_solves_the_regularised_least_squares_problem(seed: int) -> None:
    v, f = mesh(seed)
    q = quadrics_of(v, f)
    u, w = f[seed, 0], f[seed, 1]
    rows, right = [], []
    for vertex in (u, w):
        for n, d, weight in planes_at(v, f, vertex):
            rows.append(np.sqrt(weight) * n)
            right.append(-np.sqrt(weight) * d)
    weight = q[u, 10] + q[w, 10]
    pull = np.sqrt(REGULARISATION * weight)
    middle = (v[u] + v[w]) / 2
    x, *_ = np.linalg.lstsq(np.vstack([*rows, pull * np.eye(3)]), np.append(right, pull * middle), rcond=None)
    kind = np.full(len(v), FREE, np.uint8)
    *target, cost, mean_error = collapse_target(v, q, kind, u, w)
    error = sum((r @ np.array(target) - b) ** 2 for r, b in zip(rows, right))
    assert np.allclose(target, x, atol=1e-6)
    assert mean_error == pytest.approx(error / weight, rel=1e-6, abs=1e-9)
    assert cost == pytest.approx(
        error + LENGTH_COST * weight * float(((v[u] - v[w]) ** 2).sum()), rel=1e-6, abs=1e-9
    )


def test_a_locked_or_border_end_does_not_move() -> None:
    v, f = mesh()
    v = v.astype(np.float32).astype(np.float64)
    q = quadrics_of(v, f)
    u, w = f[0, :2]
    for fixed in (BORDER, LOCKED):
        kind = np.full(len(v), FREE, np.uint8)
        kind[w] = fixed
        assert np.array_equal(collapse_target(v, q, kind, u, w)[:3], v[w])
        assert np.array_equal(collapse_target(v, q, kind, w, u)[:3], v[w])


def test_an_open_border_resists_movement_inward_and_not_along_itself() -> None:
    v = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float64)
    q = quadrics_of(v, np.array([[0, 1, 2], [0, 2, 3]]))
    inward = value(q[0] + q[1], np.array([0.5, 0.1, 0]))
    along = value(q[0] + q[1], np.array([0.5, 0, 0]))
    assert inward > along + 0.9 * 2 * BORDER_WEIGHT * 0.01
    flat = np.array([0.3, 0.3, 0.2])
    assert value(quadrics_of(v, np.array([[0, 1, 2], [0, 2, 3]]))[0], flat) >= 0.04 * q[0, 10] / (
        1 + 2 * BORDER_WEIGHT
    )


def test_costs_of_all_edges_are_those_of_their_targets() -> None:
    v, f = mesh()
    q, kind = quadrics_of(v, f), np.zeros(42, np.uint8)
    edges = _edges(f.astype(np.int32))[0]
    cost = np.empty(len(edges))
    edge_costs(v, q, kind, edges, cost)
    assert cost.tolist() == [collapse_target(v, q, kind, a, b)[3] for a, b in edges.tolist()]
    assert (cost >= 0).all()
