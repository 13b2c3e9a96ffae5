"""A solid stays a solid at any target, the surface stays where it was, borders and locks hold."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from twin_solid import brute_self_intersections, topology_defects

from lift3d.errors import InputError
from lift3d.geometry.mesh.components import connected_components, face_volumes
from lift3d.geometry.mesh.distances import hausdorff
from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.surface import decimation as module
from lift3d.geometry.surface.decimation import decimate
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra


def _field(n, function):
    x = np.arange(n) - (n - 1) / 2 + 0.123
    return function(x[:, None, None], x[None, :, None], x[None, None, :]).astype(np.float32)


def _sphere(n=40, r=17):
    return marching_tetrahedra(_field(n, lambda x, y, z: np.sqrt(x * x + y * y + z * z) - r))


def _euler(f):
    edges = np.unique(np.sort(np.r_[f[:, :2], f[:, 1:], f[:, ::2]], 1), axis=0)
    return len(np.unique(f)) - len(edges) + len(f)


def _no_defect(v, f):
    counts = inspect_arrays(v, f).counts
    keys = "boundary_edges non_manifold_edges non_manifold_vertices misoriented_edges degenerate_faces"
    return not any(counts[k] for k in [*keys.split(), "self_intersections", "inverted_components"])


def test_a_sphere_of_few_faces_is_still_that_sphere():
    v, f = _sphere()
    p, g = decimate(v, f, 1500)
    assert len(g) == 1500 and inspect_arrays(p, g).is_solid
    assert face_volumes(p, g).sum() == pytest.approx(face_volumes(v, f).sum(), rel=3e-3)
    assert hausdorff(v, f, p, g, samples=4000) < 0.12  # of a radius of 17; even triangles would have 0.06
    corners = p[g]
    sides = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    assert (area / sides.max(1) ** 2).min() > 0.02


def test_a_torus_keeps_its_hole():
    v, f = marching_tetrahedra(_field(44, lambda x, y, z: np.hypot(np.hypot(x, y) - 13, z) - 5))
    for target in (2000, 200, 0):
        p, g = decimate(v, f, target)
        assert _euler(g) == 0 and _no_defect(p, g)
        assert len(g) <= max(1.2 * target, 120)


def test_a_box_becomes_few_faces_and_keeps_its_corners():
    m = trimesh.creation.box((1, 2, 3))
    for _ in range(4):
        m = m.subdivide()
    p, g = decimate(m.vertices, m.faces, 12)
    assert inspect_arrays(p, g).is_solid and len(g) <= 60
    assert face_volumes(p, g).sum() == pytest.approx(6, rel=1e-3)
    assert hausdorff(m.vertices, m.faces, p, g, samples=3000) < 0.01


@pytest.mark.slow
def test_a_thin_plate_does_not_cross_itself():
    def plate(x, y, z):
        return np.maximum(np.abs(z - 2 * np.sin(x / 4) * np.cos(y / 5)) - 0.6, np.hypot(x, y) - 18)

    v, f = marching_tetrahedra(_field(40, plate))
    for target in (3000, 800, 100):
        p, g = decimate(v, f, target)
        assert _euler(g) == _euler(f) and _no_defect(p, g)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_high_genus_noise_stays_sound(seed):
    rng = np.random.default_rng(seed)
    v, f = marching_tetrahedra(gaussian_filter(rng.normal(size=(24, 24, 24)), 1.3).astype(np.float32))
    for target in (len(f) // 4, len(f) // 12):
        p, g = decimate(v, f, target)
        assert _no_defect(p, g)
        assert _euler(g) == _euler(f)
        assert connected_components(g).max() == connected_components(f).max()


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 4, 30, 80]))
def test_small_noise_by_the_independent_judge(seed, target):
    rng = np.random.default_rng(seed)
    v, f = marching_tetrahedra(rng.normal(size=tuple(rng.integers(2, 5, 3))).astype(np.float32))
    p, g = decimate(v, f, target)
    assert len(g) <= len(f)
    if len(g):
        assert topology_defects(p, g) <= {"volume"}
        assert _euler(g) == _euler(f)
    if len(g) < 120:
        assert not brute_self_intersections(p, g)


def test_an_open_surface_keeps_its_border():
    i, j = np.meshgrid(np.arange(41), np.arange(41), indexing="ij")
    v = np.stack([i, j, 3 * np.exp(-((i - 20) ** 2 + (j - 20) ** 2) / 60)], -1).reshape(-1, 3) + 0.0
    a = (i[:-1, :-1] * 41 + j[:-1, :-1]).ravel()
    f = np.r_[np.c_[a, a + 41, a + 1], np.c_[a + 1, a + 41, a + 42]].astype(np.int32)
    p, g = decimate(v, f, 300)
    assert 299 <= len(g) <= 300 and _euler(g) == 1
    report = inspect_arrays(p, g)
    assert report.oriented and not report.counts["self_intersections"] and report.counts["boundary_edges"]
    assert hausdorff(v, f, p, g, samples=3000) < 0.15
    for corner in ([0, 0], [0, 40], [40, 0], [40, 40]):
        assert np.linalg.norm(p[:, :2] - corner, axis=1).min() < 0.02


@pytest.mark.slow
def test_max_error_stops_before_the_target():
    v, f = _sphere()
    p, g = decimate(v, f, 10, max_error=0.02)
    q, h = decimate(v, f, 10, max_error=0.2)
    assert 10 < len(h) < len(g) < len(f)
    assert hausdorff(v, f, p, g, samples=3000) < 0.15 < 4 * 0.2
    assert len(decimate(v, f, 10, max_error=0.0)[1]) <= len(f)


def test_locked_vertices_stay_and_the_rest_is_replayed():
    v, f = _sphere(24, 9)
    run = module._Run(v, f, 400, np.inf)
    free = np.zeros(len(v), bool)
    first, g, origin = run.collapse(free)
    assert len(g) == 400 and set(np.unique(g)) == set(np.unique(origin))
    locked = v[:, 2] > v[:, 2].max() - 2
    second, h, origin = run.collapse(locked)
    assert np.array_equal(second[locked], v[locked]) and (origin[locked] == np.flatnonzero(locked)).all()
    assert len(h) == 400 or len(h) < 400 + 3 * locked.sum()
    assert _no_defect(second, h)


def test_slabs_give_a_solid_as_good_as_the_whole(monkeypatch):
    """The vertices between the slabs stay; closed, as many faces, as near to the truth."""
    v, f = _sphere(40, 17)
    whole, g = decimate(v, f, len(f) // 3)
    monkeypatch.setattr(module, "LARGE", 100)
    parts, h = decimate(v, f, len(f) // 3)
    assert abs(len(h) - len(g)) <= 2 * module.SLABS and inspect_arrays(parts, h).is_solid
    assert hausdorff(v, f, parts, h) < 1.5 * hausdorff(v, f, whole, g) + 1e-3
    slabs = module._slabs(v, f, len(f) // 3, np.inf)
    assert len(slabs) == module.SLABS and sum(len(s.f) for s in slabs) == len(f)
    fixed = {tuple(x) for s in slabs for x in s.p[s.shared]}
    assert fixed <= {tuple(x) for x in parts}
    again = decimate(v, f, len(f) // 3)
    assert parts.tobytes() == again[0].tobytes() and h.tobytes() == again[1].tobytes()


@pytest.mark.parametrize("seed", [3, 4])
def test_slabs_of_noise_of_high_genus_stay_sound(seed, monkeypatch):
    monkeypatch.setattr(module, "LARGE", 100)
    rng = np.random.default_rng(seed)
    v, f = marching_tetrahedra(gaussian_filter(rng.normal(size=(20, 20, 20)), 1.0).astype(np.float32))
    p, g = decimate(v, f, len(f) // 4)
    assert len(g) < len(f) / 2 and _no_defect(p, g) and _euler(g) == _euler(module.weld_exact(v)[1][f])


@pytest.mark.slow
def test_collapses_that_cause_intersections_are_undone(monkeypatch):
    """With lax guards collapses do fold the surface; the result is clean all the same."""
    monkeypatch.setattr(module, "FLIP", 0.0)
    monkeypatch.setattr(module, "SLIM", 0.0)
    rounds = []
    collapse = module._Run.collapse
    monkeypatch.setattr(module._Run, "collapse", lambda self, k: rounds.append(k.sum()) or collapse(self, k))
    rng = np.random.default_rng(0)
    v, f = marching_tetrahedra(gaussian_filter(rng.normal(size=(20, 20, 20)), 1.0).astype(np.float32))
    p, g = decimate(v, f, len(f) // 12)
    assert len(rounds) > 1 and rounds == sorted(rounds)
    assert len(g) < len(f) / 2 and _no_defect(p, g)
    rounds.clear()
    p, g = decimate(v, f, len(f) // 12, keep_simple=False)
    assert len(rounds) == 1 and len(self_intersections(p, g))


def test_what_crossed_before_does_not_stop_it():
    a = trimesh.creation.icosphere(3)
    v = np.r_[a.vertices, a.vertices + 0.5]
    f = np.r_[a.faces, a.faces + len(a.vertices)].astype(np.int32)
    p, g = decimate(v, f, 400)
    assert len(g) < len(f)
    assert len(decimate(v, f, 400, keep_simple=False)[1]) == 400


def test_seams_are_welded_and_vertices_are_exact_and_repeatable():
    v, f = _sphere(20, 7)
    v = v * 0.1 + np.pi
    split = v[f].reshape(-1, 3)
    p, g = decimate(split, np.arange(len(split), dtype=np.int32).reshape(-1, 3), 300)
    assert inspect_arrays(p, g).is_solid and len(g) == 300
    assert np.array_equal(p, p.astype(np.float32)) and len(np.unique(g)) == len(p)
    again = decimate(split, np.arange(len(split), dtype=np.int32).reshape(-1, 3), 300)
    assert p.tobytes() == again[0].tobytes() and g.tobytes() == again[1].tobytes()


def test_small_and_bad_input():
    m = trimesh.creation.box()
    p, g = decimate(m.vertices, m.faces, 100)
    assert len(g) == 12 and np.array_equal(p[g], m.triangles.astype(np.float32))
    tetrahedron = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
    assert len(decimate(np.r_[np.zeros((1, 3)), np.eye(3)], tetrahedron, 0)[1]) == 4
    assert len(decimate(np.zeros((0, 3)), np.zeros((0, 3), np.int32), 10)[1]) == 0
    with pytest.raises(InputError, match="not finite"):
        decimate(m.vertices * np.nan, m.faces, 4)
