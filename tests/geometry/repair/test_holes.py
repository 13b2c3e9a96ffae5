"""Holes are filled without new vertices, with the least area where the whole search is possible."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.repair import holes
from lift3d.geometry.repair.working_mesh import Soup, face_areas, is_closed_and_oriented


def soup(v: np.ndarray, f: np.ndarray) -> Soup:
    """The mesh as a soup whose faces come from themselves."""
    return Soup(np.asarray(v, np.float64), np.asarray(f, np.int32), np.arange(len(f), dtype=np.int32))


def ring(n: int, bumps: float = 0.0, seed: int = 0) -> np.ndarray:
    """(n, 3) points on a circle, with random heights."""
    angle = 2 * np.pi * np.arange(n) / n
    z = np.random.default_rng(seed).normal(0, bumps, n) if bumps else np.zeros(n)
    return np.stack([np.cos(angle), np.sin(angle), z], 1)


def weight(p: np.ndarray, t: tuple[int, int, int]) -> float:
    """Cost of one triangle of a loop of extent 1: area plus EDGE_WEIGHT times its squared edge lengths."""
    a, b, c = p[list(t)]
    edges = ((b - a) ** 2).sum() + ((c - b) ** 2).sum() + ((a - c) ** 2).sum()
    area = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a)))
    return area + holes.EDGE_WEIGHT * edges + (1e3 if area < 1e-6 * edges else 0)


def least_weight(p: np.ndarray) -> float:
    """Slow twin: the least total weight over all triangulations of the loop, by recursion."""

    def best(i: int, k: int) -> float:
        if k - i < 2:
            return 0.0
        return min(best(i, j) + best(j, k) + weight(p, (i, j, k)) for j in range(i + 1, k))

    return best(0, len(p) - 1)


@pytest.mark.parametrize(("n", "seed"), [(4, 0), (5, 1), (7, 2), (8, 3)])
def test_the_triangulation_has_the_least_weight_of_all(n: int, seed: int) -> None:
    p = ring(n, 0.5, seed)
    p = (p - p[0]) / np.ptp(p, axis=0).max()
    triangles = holes.triangulate_loop(p, np.arange(n))
    assert sum(weight(p, tuple(t)) for t in triangles.tolist()) == pytest.approx(least_weight(p))


@pytest.mark.parametrize("n", [3, 4, 17, holes.LONGEST + 20])
def test_a_flat_ring_is_filled_with_its_area_and_its_orientation(n: int) -> None:
    p = ring(n)
    ids = np.arange(n) + 100
    triangles = holes.triangulate_loop(p, ids) - 100
    assert triangles.shape == (n - 2, 3)
    normal = np.cross(p[triangles[:, 1]] - p[triangles[:, 0]], p[triangles[:, 2]] - p[triangles[:, 0]])
    assert (normal[:, 2] > 0).all()
    assert normal[:, 2].sum() / 2 == pytest.approx(n / 2 * np.sin(2 * np.pi / n))


def test_existing_edges_are_not_used_again() -> None:
    p = ring(4)
    existing = np.zeros((4, 4), bool)
    existing[0, 2] = existing[2, 0] = True
    edges = {
        frozenset(e)
        for t in holes.triangulate_loop(p, np.arange(4), existing).tolist()
        for e in combinations(t, 2)
    }
    assert frozenset((1, 3)) in edges and frozenset((0, 2)) not in edges


def test_points_in_one_place_are_left_open() -> None:
    assert holes.triangulate_loop(np.zeros((5, 3)), np.arange(5)).shape == (0, 3)
    assert holes.triangulate_loop(np.zeros((400, 3)), np.arange(400)).shape == (0, 3)


@pytest.mark.parametrize("removed", [[0], [0, 50, 150], list(range(40))])
def test_a_ball_with_holes_is_closed_by_faces_that_continue_it(removed: list[int]) -> None:
    ball = trimesh.creation.icosphere(2)
    v, f = np.asarray(ball.vertices), np.asarray(ball.faces)
    out, count = holes.fill_holes(soup(v, np.delete(f, removed, 0)))
    assert count >= 1 and is_closed_and_oriented(out.f) and inspect_arrays(out.v, out.f).is_solid
    assert len(out.v) == len(v) and (out.origin == -1).sum() == len(out.f) - len(f) + len(removed)


def test_two_loops_through_one_vertex_are_two_loops() -> None:
    grid = np.array([[x, y, 0.0] for x in range(5) for y in range(5)])
    cells = [(x, y) for x in range(4) for y in range(4) if (x, y) not in ((1, 1), (2, 2))]
    f = [t for x, y in cells for a in [5 * x + y] for t in ([a, a + 5, a + 6], [a, a + 6, a + 1])]
    found = [set(loop) for loop in holes.boundary_loops(soup(grid, np.array(f)))]
    assert sorted(map(len, found)) == [4, 4, 16]
    assert {6, 7, 11, 12} in found and {12, 13, 17, 18} in found


def test_a_closed_mesh_has_no_loops() -> None:
    box = trimesh.creation.box()
    closed = soup(np.asarray(box.vertices), np.asarray(box.faces))
    assert holes.boundary_loops(closed) == []
    out, count = holes.fill_holes(closed)
    assert count == 0 and out is closed and face_areas(out.v, out.f).sum() == pytest.approx(6)
