"""Pose graphs: exact graphs are reproduced, drift is spread over a loop, wrong loops lose their weight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.pose_graph import Edge, components, optimise, residual, weight


def _ring(n: int) -> list[np.ndarray]:
    out = [np.eye(4)]
    for _ in range(n - 1):
        out.append(out[-1] @ se3.exp(np.array([0.3, 0, 0, 0, 2 * np.pi / n, 0])))
    return out


def _edges(poses: list[np.ndarray], noise: float, seed: int) -> list[Edge]:
    rng = np.random.default_rng(seed)
    info = 1e4 * np.eye(6)
    out = []
    for k in range(len(poses)):
        j = (k + 1) % len(poses)
        motion = se3.inverse(poses[k]) @ poses[j] @ se3.exp(noise * rng.normal(size=6))
        out.append(Edge(k, j, motion, info, loop=j == 0))
    return out


def _chained(edges: list[Edge], n: int) -> list[np.ndarray]:
    out = [np.eye(4)]
    for edge in edges[: n - 1]:
        out.append(out[-1] @ edge.motion)
    return out


@settings(max_examples=10, deadline=None)
@given(st.integers(3, 12), st.integers(0, 1000))
def test_exact_motions_give_exact_poses(n: int, seed: int) -> None:
    truth = _ring(n)
    rng = np.random.default_rng(seed)
    start = [truth[0], *(p @ se3.exp(0.1 * rng.normal(size=6)) for p in truth[1:])]
    found = optimise(start, _edges(truth, 0.0, seed))
    assert max(np.abs(a - b).max() for a, b in zip(found, truth)) < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_a_loop_halves_the_drift(seed: int) -> None:
    truth = _ring(20)
    edges = _edges(truth, 0.01, seed)
    chained = _chained(edges, 20)
    found = optimise(chained, edges)

    def error(poses: object) -> float:
        return float(np.mean([np.linalg.norm(a[:3, 3] - b[:3, 3]) for a, b in zip(poses, truth)]))  # type: ignore[call-overload]

    assert error(found) < 0.8 * error(chained)
    assert np.abs(residual(edges[-1], found)).max() < np.abs(residual(edges[-1], chained)).max()


def test_a_wrong_loop_is_ignored() -> None:
    truth = _ring(12)
    edges = _edges(truth, 0.0, 0)
    wrong = Edge(2, 7, se3.exp(np.array([1.0, 0, 0, 0, 0, 1])), 1e4 * np.eye(6), loop=True)
    found = optimise(truth, [*edges, wrong])
    assert max(np.abs(a - b).max() for a, b in zip(found, truth)) < 1e-3 and weight(wrong, found) < 1e-3


def test_components_are_sorted_by_size() -> None:
    edges = [
        Edge(0, 1, np.eye(4), np.eye(6)),
        Edge(2, 3, np.eye(4), np.eye(6)),
        Edge(3, 4, np.eye(4), np.eye(6)),
    ]
    assert components(6, edges) == [[2, 3, 4], [0, 1], [5]]


def test_no_edges_change_nothing() -> None:
    assert np.array_equal(optimise(_ring(3), [])[2], _ring(3)[2])
