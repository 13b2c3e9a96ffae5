"""Polygons become triangles: fans against a readable twin, and polygons of any shape against their area."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.io.mesh import polygons
from lift3d.io.mesh.polygons import fan_triangles, triangulate
from lift3d.types import F64


def slow_fans(counts: list[int]) -> list[tuple[int, int, int]]:
    triangles, start = [], 0
    for count in counts:
        triangles += [(start, start + i, start + i + 1) for i in range(1, count - 1)]
        start += count
    return triangles


def cut(points: F64) -> polygons.Triangles:
    """The triangles of one polygon with these corners."""
    return triangulate(np.array([len(points)]), np.arange(len(points)), points)


def areas(points: F64, triangles: np.ndarray) -> np.ndarray:
    """Signed areas in the xy plane."""
    a, b, c = (points[triangles[:, i], :2] for i in range(3))
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def shoelace(points: F64) -> float:
    x, y = points[:, 0], points[:, 1]
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def in_space(flat: list[tuple[float, float]] | F64) -> F64:
    return np.column_stack([np.array(flat, float), np.zeros(len(flat))])


@given(st.lists(st.integers(0, 7), max_size=12))
@settings(max_examples=50, deadline=None)
def test_fans_are_the_same_triangles_as_the_twin(counts: list[int]) -> None:
    found = fan_triangles(np.array(counts, np.int64))
    assert found.shape[1] == 3 and [tuple(row) for row in found.tolist()] == slow_fans(counts)


@pytest.mark.parametrize(("counts", "triangles"), [([], 0), ([0, 1, 2], 0), ([3], 1), ([4, 5], 5)])
def test_a_polygon_of_n_corners_gives_two_fewer_triangles(counts: list[int], triangles: int) -> None:
    points = np.random.default_rng(0).normal(size=(sum(counts), 3))
    found = triangulate(np.array(counts, np.int64), np.arange(len(points)), points)
    assert len(fan_triangles(np.array(counts, np.int64))) == triangles == len(found.corners)
    assert found.short == sum(n < 3 for n in counts)


@given(st.integers(3, 60), st.integers(0, 2**32 - 1), st.integers(0, 59))
@settings(max_examples=60, deadline=None)
def test_star_shaped_polygons_are_covered_once(count: int, seed: int, turn: int) -> None:
    """A simple polygon: all triangles turn as it does and their areas add up to its area."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * (np.arange(count) + rng.uniform(0.05, 0.95, count)) / count
    points = in_space(np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(0.2, 1, count)[:, None])
    points = np.roll(points, turn, axis=0)
    found = cut(points).corners
    assert len(found) == count - 2 and sorted(set(found.reshape(-1).tolist())) == list(range(count))
    if count > 4:  # angles below 180 degrees between neighbours, so that the polygon is simple
        signed = areas(points, found)
        assert (signed > -1e-12).all() and signed.sum() == pytest.approx(shoelace(points), rel=1e-9)


SHAPES = {
    "arrowhead": [(0, 0), (2, 1), (0, 2), (1, 1)],
    "L": [(2, 1), (1, 1), (1, 2), (0, 2), (0, 0), (2, 0)],
    "U": [(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)],
    "collinear": [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)],
    "collinear quad": [(0, 0), (1, 0), (2, 0), (1, 1)],
    "keyhole": [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)],
    "points twice": [(0, 0), (0, 0), (2, 0), (2, 2), (1, 1), (1, 1), (0, 2)],
    "comb": [*[(float(i), 5.0 * (i % 2)) for i in range(30)], *[(float(i), -1.0) for i in range(30)][::-1]],
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_from_every_first_corner_and_either_side(name: str) -> None:
    points = in_space(SHAPES[name])
    for turn in range(len(points)):
        for side in (1, -1):
            rolled = np.roll(points, turn, axis=0)[::side]
            found = cut(rolled)
            signed = areas(rolled, found.corners) * np.sign(shoelace(rolled))
            assert (signed > -1e-12).all() and signed.sum() == pytest.approx(abs(shoelace(points)))
            assert len(found.corners) == len(points) - 2
            if "collinear" in name:
                assert (signed > 0.1).all()  # no triangle without area


def test_equal_indices_in_succession_are_one_corner() -> None:
    points = in_space([(0, 0), (1, 0), (1, 1), (0, 1)])
    index = np.array([0, 0, 1, 0, 1, 2, 3, 3, 0, 0, 0, 2, 2, 1, 0, 1])
    found = triangulate(np.array([3, 5, 3, 2, 3]), index, points)
    assert index[found.corners].tolist() == [[0, 1, 2], [0, 2, 3]] and found.polygon.tolist() == [1, 1]
    assert found.repeated == 4 and found.short == 1 and len(found.notes()) == 2


def test_every_other_quad_of_a_list_is_right() -> None:
    """Convex, both diagonals of a concave one, bent out of its plane, and triangles between them."""
    one = [(0, 0, 0), (1, 0, 0), (1, 1, 0.3), (0, 1, 0)]
    dart = [(0, 0, 0), (2, 1, 0), (0, 2, 0), (1, 1, 0)]
    points = np.array([*one, *dart, *np.roll(dart, 1, axis=0).tolist(), *one[:3]], float)
    found = triangulate(np.array([4, 4, 4, 3]), np.arange(15), points)
    assert found.polygon.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert found.corners.tolist()[:2] == [[0, 1, 2], [0, 2, 3]] and found.corners.tolist()[-1] == [12, 13, 14]
    assert areas(points, found.corners).tolist()[2:6] == [0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("seed", range(5))
def test_a_prism_over_a_concave_polygon_is_solid_in_any_position(seed: int) -> None:
    flat = in_space(SHAPES["U"])
    n = len(flat)
    points = np.r_[flat, flat + [0, 0, 1]]
    faces = [list(range(n))[::-1], list(range(n, 2 * n))]
    faces += [[i, (i + 1) % n, n + (i + 1) % n, n + i] for i in range(n)]
    rng = np.random.default_rng(seed)
    faces = [np.roll(f, rng.integers(n)).tolist() for f in faces]
    turned = points @ trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3].T * 1e-3 + 7
    index = np.concatenate([np.array(f) for f in faces])
    found = triangulate(np.array([len(f) for f in faces]), index, turned)
    mesh = trimesh.Trimesh(turned, index[found.corners], process=False)
    assert (
        inspect_solid(mesh).is_solid and mesh.volume == pytest.approx(7e-9) and len(mesh.faces) == 4 * n - 4
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300, 0.0])
def test_what_has_no_plane_becomes_a_fan(bad: float) -> None:
    points = np.full((6, 3), bad)
    points[:2] = 0
    assert len(cut(points).corners) == 4
    star = np.array([[np.cos(i * 0.8 * np.pi), np.sin(i * 0.8 * np.pi), 0] for i in range(5)])
    assert len(cut(star).corners) == 3


@pytest.mark.parametrize(
    ("counts", "index"), [([3], [0, 1]), ([-1, 4], [0, 1, 2]), ([3], [0, 1, 4]), ([3], [0, 1, -1])]
)
def test_counts_and_indices_out_of_range(counts: list[int], index: list[int]) -> None:
    with pytest.raises(ValueError, match="counts of corners|out of range"):
        triangulate(np.array(counts), np.array(index), np.eye(3))


def test_too_many_corners_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polygons, "BUDGET", 40)
    points = np.r_[in_space(SHAPES["L"]), in_space(SHAPES["U"])]
    found = triangulate(np.array([6, 8]), np.arange(14), points)
    assert found.fans == 1 and areas(points, found.corners)[:4].sum() == pytest.approx(3)
    assert (areas(points, found.corners)[:4] > 0).all() and "too many corners" in found.notes()[0]
