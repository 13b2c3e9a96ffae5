"""Places where a picture jumps, against a twin that asks every edge and every face in turn."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lift3d.geometry.render.discontinuities import Crossings, crossings, edge_table
from lift3d.geometry.render.face_ids import face_ids
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.types import Camera

GRID, SIZE = (30.0, 28.0, 11.3, 9.6), (22, 19)
HAIR = 1e-4


def nearest_face(p: np.ndarray, f: np.ndarray, x: float, y: float) -> int:
    """The face that the ray through (x, y) pixels meets first (Moeller & Trumbore 1997), -1 for none."""
    d = np.array([(x - GRID[2]) / GRID[0], (y - GRID[3]) / GRID[1], 1.0])
    best, found = np.inf, -1
    for i, (a, b, c) in enumerate(p[f]):
        matrix = np.stack([d, a - b, a - c], 1)
        if abs(np.linalg.det(matrix)) < 1e-14:
            continue
        z, u, w = np.linalg.solve(matrix, a)
        if z > 0 and u >= 0 and w >= 0 and u + w <= 1 and z < best:
            best, found = z, i
    return found


def twin(p: np.ndarray, f: np.ndarray) -> dict[tuple[int, int, int, int, int], tuple[int, int, float]]:
    """(two vertices, axis, column, row) -> (face before, face after, place along the axis)."""
    thirds: dict[tuple[int, int], list[int]] = {}
    for t in f:
        for k in range(3):
            a, b = sorted((int(t[k]), int(t[(k + 1) % 3])))
            thirds.setdefault((a, b), []).append(int(t[(k + 2) % 3]))
    out = {}
    for (a, b), others in thirds.items():
        u, w = (p[i, :2] / p[i, 2] * GRID[:2] + GRID[2:] for i in (a, b))
        if len(others) == 2:
            side = [
                np.cross(np.r_[w - u, 0], np.r_[p[i, :2] / p[i, 2] * GRID[:2] + GRID[2:] - u, 0])[2]
                for i in others
            ]
            if side[0] * side[1] < 0:
                continue
        axis = 0 if abs(w[1] - u[1]) >= abs(w[0] - u[0]) else 1
        for line in range(SIZE[1 - axis]):
            at = line + 0.5
            if (u[1 - axis] < at) == (w[1 - axis] < at):
                continue
            x = u[axis] + (at - u[1 - axis]) / (w[1 - axis] - u[1 - axis]) * (w[axis] - u[axis])
            if not 0 <= x < SIZE[axis]:
                continue
            rays = [(x + h, at) if axis == 0 else (at, x + h) for h in (-HAIR, HAIR)]
            before, after = (nearest_face(p, f, *ray) for ray in rays)
            if before != after:
                pixel = (int(x), line) if axis == 0 else (line, int(x))
                out[(a, b, axis, *pixel)] = before, after, x
    return once(out)


def once(found: dict[tuple[int, int, int, int, int], tuple[int, int, float]]) -> dict:  # type: ignore[type-arg]
    """Crossings of one pixel less than two hairs apart, as where two edges of a face meet, are one jump: the first edge's."""
    kept, last = {}, {}
    for key, value in sorted(found.items(), key=lambda item: (item[0][2:], item[1][2])):
        place, group = last.get(key[2:], (-np.inf, None))
        if value[2] - place > 2 * HAIR:
            group = key
        elif key[:2] < group[:2]:
            kept.pop(group)
            group = key
        last[key[2:]] = value[2], group
        if group == key:
            kept[key] = value
    return kept


def jumps(p: np.ndarray, f: np.ndarray) -> Crossings:
    return crossings(p, f, edge_table(f), GRID, face_ids(p, f, GRID, SIZE))


def as_dict(p: np.ndarray, f: np.ndarray) -> dict[tuple[int, ...], tuple[int, int]]:
    edges, c = edge_table(f), jumps(p, f)
    keys = np.column_stack([edges.ends[c.edge], c.axis, c.pixel]).tolist()
    return {tuple(k): tuple(s) for k, s in zip(keys, c.faces.tolist())}


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), open_one=st.booleans())
@example(seed=504, open_one=True)  # two edges of a face within a hair of each other
def test_equals_its_twin(seed: int, open_one: bool) -> None:
    rng = np.random.default_rng(seed)
    if open_one:  # loose triangles that cross and hide each other
        v, f = rng.uniform(-0.8, 0.8, (12, 3)), rng.permutation(12).reshape(4, 3)
    else:
        ball = trimesh.creation.icosphere(1)
        v = (
            np.asarray(ball.vertices)
            * rng.uniform(0.2, 1, 3)
            @ trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]
        )
        f = np.asarray(ball.faces)
    p = v + [0.05, -0.1, 3.2]
    assert as_dict(p, f) == {key: value[:2] for key, value in twin(p, f).items()}


@pytest.mark.slow
def test_a_line_in_front_and_what_lies_behind_it() -> None:
    """A strip a fifth of a pixel wide, before a wall: before the strip the wall, on it the strip, after it the wall."""
    wall = np.array([[-3, -3, 4], [3, -3, 4], [3, 3, 4], [-3, 3, 4]], float)
    wide = 0.2 / GRID[0] * 2
    strip = np.array([[0, -0.3, 2], [wide, -0.3, 2], [wide, 0.3, 2], [0, 0.3, 2]], float)
    f = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    c = jumps(np.concatenate([wall, strip]), f)
    steep = c.axis == 0
    rows = np.unique(c.pixel[steep, 1])
    assert len(rows) in (8, 9) and steep.sum() == 2 * len(rows)  # 0.6 / 2 * 28 = 8.4 rows
    kinds = {tuple(s) for s in (c.faces[steep] >= 2).tolist()}
    assert kinds == {(False, True), (True, False)} and (c.faces[steep] >= 0).all()


def test_a_hidden_outline_is_none() -> None:
    ball = trimesh.creation.icosphere(2)
    wall = np.array([[-3, -3, 1], [3, -3, 1], [3, 3, 1], [-3, 3, 1]], float)
    v = np.concatenate([np.asarray(ball.vertices) * 0.4 + [0, 0, 3], wall])
    f = np.concatenate([np.asarray(ball.faces), np.array([[0, 1, 2], [0, 2, 3]]) + len(ball.vertices)])
    found = jumps(v, f)
    assert len(found.edge) == 0
    away = v[: len(ball.vertices)], np.asarray(ball.faces)
    assert len(jumps(*away).edge) > 20


def test_edges_of_a_table() -> None:
    f = np.array([[0, 1, 2], [1, 0, 3], [2, 1, 4], [2, 1, 5]])
    table = edge_table(f)
    rows = {
        tuple(e): (set(o), a) for e, o, a in zip(table.ends.tolist(), table.opposite.tolist(), table.always)
    }
    assert rows[(0, 1)] == ({2, 3}, False)  # two faces
    assert rows[(1, 2)][1] and rows[(0, 3)][1]  # three faces; a boundary
    seam = edge_table(f, (np.array([[0, 1, 2], [1, 9, 3], [2, 1, 4], [2, 1, 5]]),))
    assert seam.always[[tuple(e) == (0, 1) for e in table.ends.tolist()]].all()
    assert (
        len(edge_table(np.zeros((0, 3), int)).ends) == 0 and len(edge_table(np.zeros((1, 3), int)).ends) == 0
    )


@pytest.mark.parametrize("z", [-1.0, 0.0, np.nan])
def test_what_is_behind_or_nowhere_is_not_seen(z: float) -> None:
    f = np.array([[0, 1, 2]])
    p = np.array([[-1, -1, z], [1, -1, z], [0, 1, z]])
    assert len(jumps(p, f).edge) == 0


def test_a_face_that_passes_the_camera_has_its_outline_before_it() -> None:
    f = np.array([[0, 1, 2]])
    p = np.array([[-0.2, 0.3, -1.0], [0.2, 0.3, -1.0], [0.0, 0.3, 9.0]])
    c = jumps(p, f)
    assert len(c.edge) > 4 and ((c.faces == 0).sum(1) == 1).all()
    assert (c.pixel[:, 1] >= 9).all()  # below the horizon


def test_coinciding_edges_count_once() -> None:
    """Faces with vertices of their own, drawn twice, one vertex exactly on a middle line."""
    t = np.array([[-0.31, -0.4, 2.0], [0.5, -0.42, 2.0], [(11.5 - GRID[2]) / GRID[0] * 2, 0.45, 2.0]])
    one, twice = np.array([[0, 1, 2]]), np.array([[0, 1, 2], [3, 4, 5], [4, 3, 5]])
    single = jumps(t, one)
    double = jumps(np.concatenate([t, t]), twice)
    assert len(single.edge) > 10
    for a, b in ((single.pixel, double.pixel), (single.faces, double.faces), (single.axis, double.axis)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_face_ids_are_those_of_the_rasteriser(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, f = rng.uniform(-1, 1, (30, 3)) * [1.5, 1.5, 1] + [0, 0, 0.8], rng.integers(0, 30, (20, 3))
    expected = rasterize(Camera(*SIZE, *GRID, np.eye(4)), p, f)[0]
    np.testing.assert_array_equal(face_ids(p, f, GRID, SIZE), expected)


def test_a_crossing_at_the_very_centre_agrees_with_the_centre() -> None:
    """A border through the centre of every second row: what the centre sees decides on which side it lies."""
    for shift in np.linspace(-1e-15, 1e-15, 9):
        y = (np.array([0.0, 19.0]) - GRID[3]) / GRID[1] * 2
        x = (np.array([2.25, 11.75]) + shift - GRID[2]) / GRID[0] * 2
        p = np.array([[x[0], y[0], 2], [x[1], y[1], 2], [9, y[1], 2], [9, y[0], 2]])
        f = np.array([[0, 1, 2], [0, 2, 3]])
        ids, c = face_ids(p, f, GRID, SIZE), jumps(p, f)
        border = (c.axis == 0) & (c.pixel[:, 0] < 20)
        assert border.sum() == 19
        np.testing.assert_array_equal((ids[c.pixel[:, 1], c.pixel[:, 0]] < 0)[border], c.after_centre[border])
