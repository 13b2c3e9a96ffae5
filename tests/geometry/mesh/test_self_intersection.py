"""The fast exact test against rational arithmetic, and named cases one by one."""

from fractions import Fraction

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from twin_solid import brute_self_intersections

from lift3d.errors import InputError
from lift3d.geometry.mesh.exact_predicates import _orient3d_exact, common_step, orient2d, orient3d
from lift3d.geometry.mesh.self_intersection import degenerate_faces, self_intersections


def _pairs(v, f):
    return {
        tuple(p) for p in self_intersections(np.asarray(v, float), np.asarray(f, np.int32), 10**6).tolist()
    }


def _det3(points):
    a, b, c, d = [[Fraction(float(x)) for x in p] for p in points]
    (p, q, r), (s, t, u), (x, y, z) = [[m - n for m, n in zip(e, d)] for e in (a, b, c)]
    det = p * (t * z - u * y) - q * (s * z - u * x) + r * (s * y - t * x)
    return (det > 0) - (det < 0)


@pytest.mark.slow
def test_orientation_signs_are_those_of_rational_arithmetic():
    rng = np.random.default_rng(0)
    zeros = 0
    for i in range(3000):
        p = (rng.normal(size=(4, 3)) * 10 ** rng.uniform(-8, 8, (4, 1))).astype(np.float32)
        if i % 6 == 1:
            p[3] = p[0] + (p[1] - p[0]) * np.float32(0.5) + (p[2] - p[0]) * np.float32(0.25)
        if i % 6 == 2:
            p = rng.integers(-3, 4, (4, 3)).astype(np.float32) / np.float32(3)
        if i % 6 == 3:
            p = (p[:1] + rng.integers(-2, 3, (4, 3)) * np.spacing(np.abs(p[:1]))).astype(np.float32)
        if (
            i % 6 > 3
        ):  # coplanar, or as near as whole numbers can be to it; some with a coordinate far below the others
            q = rng.integers(-(2**20), 2**20, (4, 3))
            s, t = rng.integers(-3, 4, 2)
            q[3] = q[0] + s * (q[1] - q[0]) + t * (q[2] - q[0]) + (i % 6 == 5) * rng.integers(-1, 2, 3)
            p = np.ldexp(q.astype(np.float32), rng.integers(-60, 60)) * np.where(
                i % 24 > 17, [1, 1, 2e-14], 1
            )
            p = p.astype(np.float32)
        p = p.astype(np.float64)
        truth, step = _det3(p), common_step(p)
        zeros += truth == 0
        assert orient3d(*p, step) == _orient3d_exact(*p) == truth
        a, b, c = [[Fraction(float(x)) for x in q[:2]] for q in p[:3]]
        area = (a[0] - c[0]) * (b[1] - c[1]) - (a[1] - c[1]) * (b[0] - c[0])
        assert orient2d(*p[:3], 0, 1, step) == (area > 0) - (area < 0)
    assert zeros > 50


T = [[0, 0, 0], [4, 0, 0], [0, 4, 0]]


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        ([[1, 1, -1], [1, 1, 1], [2, 1, 1]], True),  # pierces
        ([[1, 1, 0], [1, 1, 1], [2, 1, 1]], True),  # touches with a corner
        ([[-1, -1, 0], [1, -1, 0], [1, 5, 0]], True),  # coplanar, edges cross
        ([[1, 1, 0], [2, 1, 0], [1, 2, 0]], True),  # coplanar, inside
        ([[-9, -9, 0], [30, -9, 0], [-9, 30, 0]], True),  # coplanar, around
        ([[5, 5, 0], [6, 5, 0], [5, 6, 0]], False),  # coplanar, apart
        ([[2, -1, 0], [2, 0, 0], [3, -1, 0]], True),  # coplanar, corner on an edge
        ([[1, 1, 1], [2, 1, 1], [1, 2, 1]], False),  # parallel
        ([[1, 0, -1], [1, 0, 1], [1, -1, 0]], True),  # edge across an edge
        ([[3, 3, -1], [3, 3, 1], [4, 4, 0]], False),  # crosses the plane outside
        ([[0, 0, 0], [1, 1, 1], [1, 1, -1]], True),  # shares a corner, pierces
        ([[0, 0, 0], [1, 1, 0], [1, 1, -1]], True),  # shares a corner, an edge lies in the face
        ([[0, 0, 0], [4, 4, 0], [1, 1, 5]], True),  # shares a corner, leaves through the far side
        ([[0, 0, 0], [-1, 1, 1], [-1, 1, -1]], False),  # shares a corner only
        ([[0, 0, 0], [8, 0, 0], [0, 0, 3]], True),  # shares a corner, edges overlap
        ([[0, 0, 0], [-1, -1, 0], [-1, -2, 0]], False),  # shares a corner, coplanar, apart
        ([[0, 0, 0], [1, 2, 0], [2, 1, 0]], True),  # shares a corner, coplanar, inside
        ([[4, 0, 0], [0, 0, 0], [0, 0, 3]], False),  # shares an edge
        ([[4, 0, 0], [0, 0, 0], [1, -3, 0]], False),  # shares an edge, flat
        ([[4, 0, 0], [0, 0, 0], [1, 1, 0]], True),  # shares an edge, folded back
        ([[4, 0, 0], [0, 0, 0], [9, 9, 0]], True),  # shares an edge, folded back, beyond
        ([[4, 0, 0], [0, 4, 0], [0, 0, 0]], True),  # the same face
    ],
)
def test_two_triangles(other, meets):
    for scale, shift in ((1, 0), (0.1, 0.7), (1e-6, 0), (1e6, -1e6)):
        v = np.array(T + other, float) * scale + shift
        f = np.array([[0, 1, 2], [3, 4, 5]])
        if scale != 0.1:  # which moves the points off their common planes when rounded
            assert bool(_pairs(v, f)) == meets
        assert _pairs(v, f) == brute_self_intersections(v, f)
        assert _pairs(v[::-1], f) == brute_self_intersections(v[::-1], f)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 14), st.sampled_from([2, 4, 9, 10**6]))
def test_random_soups_equal_the_rational_twin(seed, n, steps):
    """Few lattice steps make coplanar, touching and degenerate faces the rule."""
    rng = np.random.default_rng(seed)
    v = rng.integers(0, steps, (n, 3)) / steps * rng.choice([1.0, 0.3])
    f = np.array([rng.choice(n, 3, replace=False) for _ in range(14)], np.int32)
    assert _pairs(v, f) == brute_self_intersections(v, f)


@pytest.mark.parametrize("shift", [0.0, 0.37, 1.4, 2.5])
@pytest.mark.slow
def test_two_spheres_equal_the_rational_twin(shift):
    a = trimesh.creation.icosphere(1)
    v = np.r_[a.vertices, a.vertices + [shift, shift / 7, 0]]
    f = np.r_[a.faces, a.faces + len(a.vertices)]
    found = _pairs(v, f)
    assert found == brute_self_intersections(v, f)
    assert bool(found) == (shift < 2)


def test_seams_are_merged_and_solids_are_clean():
    for solid in (trimesh.creation.box(), trimesh.creation.torus(3, 1), trimesh.creation.icosphere(3)):
        v = solid.vertices[solid.faces].reshape(-1, 3)
        assert len(self_intersections(v, np.arange(len(v), dtype=np.int32).reshape(-1, 3))) == 0


def test_a_finely_cut_tilted_plane_is_clean_though_all_its_points_are_coplanar():
    i, j = np.meshgrid(np.arange(60), np.arange(60), indexing="ij")
    v = np.stack([i, j, i + 2 * j], -1).reshape(-1, 3) + 0.0
    a = (i[:-1, :-1] * 60 + j[:-1, :-1]).ravel()
    f = np.r_[np.c_[a, a + 60, a + 1], np.c_[a + 1, a + 60, a + 61]].astype(np.int32)
    assert not _pairs(v, f)
    v[60 * 30 + 30, :] = v[60 * 32 + 32]  # one vertex dragged along the plane onto another
    assert _pairs(v, f)


def test_limit_order_and_repeatability():
    a = trimesh.creation.icosphere(3)
    v = np.r_[a.vertices, a.vertices + 0.4]
    f = np.r_[a.faces, a.faces + len(a.vertices)].astype(np.int32)
    every = self_intersections(v, f, 10**6)
    assert np.array_equal(every, np.unique(every, axis=0)) and (every[:, 0] < every[:, 1]).all()
    few = self_intersections(v, f, 10)
    assert len(few) == 10 and {tuple(p) for p in few} <= {tuple(p) for p in every}
    assert np.array_equal(few, self_intersections(v, f, 10))


def test_faces_without_area_are_reported_apart():
    v = np.array(
        [[0, 0, 0], [1, 1, 3], [2, 2, 6], [1, 0, 0], [np.nan, 0, 0], [0.1, 0.1, 0.3], [0.3, 0.3, 0.9]]
    )
    f = np.array([[0, 1, 2], [0, 1, 3], [1, 1, 3], [0, 1, 4]], np.int32)
    assert degenerate_faces(v, f).tolist() == [True, False, True, True]
    with pytest.raises(InputError, match="not finite"):
        self_intersections(v, f)
    assert self_intersections(v[:4], f[:0]).shape == (0, 2)
