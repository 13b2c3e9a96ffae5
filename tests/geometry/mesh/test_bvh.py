"""The tree's answers against brute force over all triangles."""

import numpy as np
import pytest
import trimesh
from numba import njit

from lift3d.geometry.mesh.bvh import (
    build_bvh,
    closest_on_triangle,
    closest_point,
    first_hit,
    overlapping_triangles,
)


@njit
def _closest_all(tri, face, box, queries, out):
    for i in range(len(queries)):
        q = queries[i]
        d2, found, x, y, z = closest_point(tri, face, box, q[0], q[1], q[2], np.inf)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3], out[i, 4] = d2, found, x, y, z


@njit
def _rays_all(tri, face, box, o, d, out):
    for i in range(len(o)):
        a, b = o[i], d[i]
        t, found, u, w = first_hit(tri, face, box, a[0], a[1], a[2], b[0], b[1], b[2], 0.0, np.inf)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = t, found, u, w


def _soup(n, seed=0):
    rng = np.random.default_rng(seed)
    v = (rng.normal(size=(n, 1, 3)) * 3 + rng.normal(size=(n, 3, 3)) * 0.3).reshape(-1, 3)
    return v, np.arange(3 * n, dtype=np.int32).reshape(-1, 3), rng


def _closest_twin(t, p):
    """Nearest of the foot in the plane (if inside) and the feet on the three segments."""
    a, b, c = t
    n = np.cross(b - a, c - a)
    foot = p - n * ((p - a) @ n) / (n @ n)
    weights = np.linalg.lstsq(np.stack([b - a, c - a], 1), foot - a, rcond=None)[0]
    candidates = [foot] if weights.min() >= 0 and weights.sum() <= 1 else []
    for s, e in ((a, b), (b, c), (c, a)):
        r = np.clip((p - s) @ (e - s) / ((e - s) @ (e - s)), 0, 1)
        candidates.append(s + r * (e - s))
    return min(np.linalg.norm(p - q) for q in candidates)


@pytest.mark.parametrize("n", [1, 4, 5, 37, 700])
def test_tree_covers_every_triangle_once_and_its_boxes_hold_them(n):
    v, f, _ = _soup(n)
    tree = build_bvh(v, f)
    assert np.array_equal(np.sort(tree.face), np.arange(n))
    assert np.array_equal(tree.tri, v[f[tree.face]])
    assert np.array_equal(tree.box[0], np.r_[v.min(0), v.max(0)])


@pytest.mark.slow
def test_closest_point_equals_the_minimum_over_all_triangles():
    v, f, rng = _soup(60)
    tree = build_bvh(v, f)
    queries = rng.normal(size=(50, 3)) * 4
    out = np.empty((50, 5))
    _closest_all(*tree, queries, out)
    for q, (d2, face, *point) in zip(queries, out):
        distances = [_closest_twin(v[t], q) for t in f]
        assert np.sqrt(d2) == pytest.approx(min(distances), abs=1e-12)
        assert distances[int(face)] == pytest.approx(min(distances), abs=1e-12)
        assert np.linalg.norm(q - point) == pytest.approx(np.sqrt(d2), abs=1e-12)


def test_closest_on_triangle_in_each_region():
    t = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
    for p, expected in {
        (-1, -1, 1): (0, 0, 0), (4, -1, 0): (2, 0, 0), (-1, 4, 0): (0, 2, 0), (1, -1, 2): (1, 0, 0),
        (-3, 1, 0): (0, 1, 0), (2, 2, 5): (1, 1, 0), (0.5, 0.5, -3): (0.5, 0.5, 0),
    }.items():  # fmt: skip
        assert np.allclose(closest_on_triangle(t, *map(float, p)), expected)


@pytest.mark.slow
def test_rays_hit_a_sphere_where_the_formula_says():
    m = trimesh.creation.icosphere(5)
    tree = build_bvh(m.vertices, m.faces)
    rng = np.random.default_rng(1)
    o = rng.normal(size=(300, 3))
    o *= 3 / np.linalg.norm(o, axis=1, keepdims=True)
    d = rng.normal(size=(300, 3)) * 0.5 - o
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    d[:3] = -np.eye(3)  # along the axes: zero components
    o[:3] = 3 * np.eye(3) + [[0, 1e-3, 2e-3], [1e-3, 0, 2e-3], [1e-3, 2e-3, 0]]
    out = np.empty((300, 4))
    _rays_all(*tree, o, d, out)
    b = (o * d).sum(1)
    inner = b * b - (o * o).sum(1) + 1
    clear = np.abs(inner) > 0.02
    assert np.array_equal(out[clear, 1] >= 0, inner[clear] > 0)
    hit = clear & (inner > 0)
    assert np.allclose(out[hit, 0], -b[hit] - np.sqrt(inner[hit]), atol=0.02)
    bary = np.c_[1 - out[hit, 2] - out[hit, 3], out[hit, 2:4]]
    points = np.einsum("ij,ijk->ik", bary, m.vertices[m.faces[out[hit, 1].astype(int)]])
    assert np.allclose(points, o[hit] + out[hit, :1] * d[hit], atol=1e-9)


def test_overlapping_finds_all_and_counts_beyond_the_buffer():
    v, f, rng = _soup(200)
    tree = build_bvh(v, f)
    for _ in range(30):
        low = rng.normal(size=3) * 3
        high = low + rng.random(3)
        found = np.empty(200, np.int64)
        n = overlapping_triangles(tree.face, tree.box, *low, *high, found)
        corners = v[f]
        expected = np.flatnonzero(((corners.min(1) <= high) & (corners.max(1) >= low)).all(1))
        assert set(expected) <= set(tree.face[found[:n]])
    assert overlapping_triangles(tree.face, tree.box, *v.min(0), *v.max(0), found[:10]) == 200


def test_an_empty_mesh_has_no_answers():
    tree = build_bvh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert closest_point(*tree, 0.0, 0.0, 0.0, np.inf)[1] == -1
    assert first_hit(*tree, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, np.inf)[1] == -1


def test_many_equal_centroids_do_not_hurt():
    v, f, _ = _soup(1)
    tree = build_bvh(v, np.repeat(f, 3000, axis=0))
    assert np.array_equal(np.sort(tree.face), np.arange(3000))
