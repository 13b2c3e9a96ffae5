"""Connectivity under edge collapse: what is allowed, and what the log of collapses repeats."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.surface import edge_collapse as kernels
from lift3d.geometry.surface.decimation import _edges, _Run
from lift3d.geometry.surface.quadrics import LOCKED, edge_costs


def ball(level: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of an icosphere."""
    mesh = trimesh.creation.icosphere(level)
    v = np.asarray(mesh.vertices).astype(np.float32).astype(np.float64)
    return v, np.asarray(mesh.faces, np.int32)


def test_corner_lists_hold_the_faces_of_each_vertex_in_order() -> None:
    v, f = ball(1)
    head, follow = kernels.corner_lists(f, len(v))
    for u in range(len(v)):
        corners, c = [], head[u]
        while c >= 0:
            corners.append(int(c))
            c = follow[c]
        assert corners == np.flatnonzero(f.reshape(-1) == u).tolist()


def collapsed(v: np.ndarray, f: np.ndarray, excess: int, locked: np.ndarray | None = None):
    """(run state, positions, live faces, log length) after collapsing edges until `excess` faces have vanished."""
    run = _Run(v, f, 0, np.inf)
    p, g, q, kind = v.copy(), f.copy(), run.quadrics.copy(), run.kind.copy()
    if locked is not None:
        kind[locked] = LOCKED
    alive = np.ones(len(f), bool)
    state = p, g, alive, q, kind, *kernels.corner_lists(f, len(v))
    edges = _edges(f)[0]
    cost = np.empty(len(edges))
    edge_costs(p, q, kind, edges, cost)
    n = kernels.collapse_edges(*state, edges, cost, excess, np.inf, 0.3, 0.03, run.pairs, run.positions, 0)
    return run, p, g[alive], n


@pytest.mark.parametrize("excess", [2, 100, 200])
def test_a_closed_surface_loses_two_faces_and_a_vertex_per_collapse(excess: int) -> None:
    v, f = ball()
    run, p, g, n = collapsed(v, f, excess)
    assert len(f) - len(g) == 2 * n >= excess and len(np.unique(g)) == len(v) - n
    report = inspect_arrays(p, g)
    assert report.closed and report.oriented
    origin = kernels.collapse_origins(run.pairs, n, len(v))
    assert set(np.unique(origin)) == set(np.unique(g)) and len(np.unique(run.pairs[:n, 1])) == n


def test_the_log_repeats_the_collapses() -> None:
    v, f = ball()
    run, p, g, n = collapsed(v, f, 150)
    again, alive = f.copy(), np.ones(len(f), bool)
    q, kind = run.quadrics.copy(), run.kind.copy()
    positions = v.copy()
    state = positions, again, alive, q, kind, *kernels.corner_lists(f, len(v))
    assert kernels.replay_collapses(*state, run.pairs, run.positions, n, 0.3, 0.03) == n
    assert np.array_equal(again[alive], g) and np.array_equal(positions, p)


def test_locked_vertices_are_in_no_collapse() -> None:
    v, f = ball()
    locked = np.flatnonzero(v[:, 2] > 0.3)
    run, p, _, n = collapsed(v, f, 200, locked)
    assert n > 0 and not np.isin(run.pairs[:n], locked).any() and np.array_equal(p[locked], v[locked])


def test_a_tetrahedron_cannot_collapse() -> None:
    v = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float64)
    f = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)
    _, _, g, n = collapsed(v, f, 2)
    assert n == 0 and np.array_equal(g, f)
