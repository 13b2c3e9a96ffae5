"""Every field gives a solid surface; smooth fields give the analytic one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twin_solid import is_solid, topology_defects

from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra


def _grid(n):
    x = np.arange(n, dtype=np.float64) - (n - 1) / 2 + 0.123
    return x[:, None, None], x[None, :, None], x[None, None, :]


def _volume(v, f):
    return np.linalg.det(v[f]).sum() / 6


def _no_defect(v, f):
    counts = inspect_arrays(v, f).counts
    keys = "boundary_edges non_manifold_edges non_manifold_vertices misoriented_edges degenerate_faces"
    return not any(counts[k] for k in [*keys.split(), "self_intersections", "inverted_components"])


def test_sphere_has_the_volume_and_distance_of_a_sphere():
    x, y, z = _grid(48)
    v, f = marching_tetrahedra((np.sqrt(x * x + y * y + z * z) - 20).astype(np.float32), clamp=1e-3)
    assert inspect_arrays(v, f).is_solid
    assert _volume(v, f) == pytest.approx(4 / 3 * np.pi * 20**3, rel=3e-3)
    radius = np.linalg.norm(v - (23.5 - 0.123), axis=1)
    assert np.abs(radius - 20).max() < 0.02
    assert len(f) == 2 * len(v) - 4  # Euler's formula, genus 0


def test_torus_has_genus_one():
    x, y, z = _grid(44)
    v, f = marching_tetrahedra((np.hypot(np.hypot(x, y) - 13, z) - 5).astype(np.float32))
    assert inspect_arrays(v, f).is_solid
    assert len(f) == 2 * len(v)
    assert _volume(v, f) == pytest.approx(2 * np.pi**2 * 13 * 25, rel=0.02)


@pytest.mark.parametrize("gap", [-0.5, 0.0, 0.25, 1.0])
def test_touching_spheres_stay_manifold(gap):
    x, y, z = _grid(36)
    ball = [np.sqrt((x - s) ** 2 + y * y + z * z) - 7 for s in (-7 - gap / 2, 7 + gap / 2)]
    v, f = marching_tetrahedra(np.minimum(*ball).astype(np.float32))
    assert inspect_arrays(v, f).is_solid


def test_a_shell_has_a_cavity():
    x, y, z = _grid(30)
    v, f = marching_tetrahedra((np.abs(np.sqrt(x * x + y * y + z * z) - 9) - 2.5).astype(np.float32))
    report = inspect_arrays(v, f)
    assert report.is_solid and report.counts["components"] == 2 and report.counts["cavities"] == 1


@pytest.mark.slow
def test_one_node_and_the_full_grid_close():
    one = np.ones((3, 4, 5), np.float32)
    one[1, 2, 3] = -1
    v, f = marching_tetrahedra(one)
    assert is_solid(v, f) and v.mean(0) == pytest.approx([1, 2, 3])
    v, f = marching_tetrahedra(-np.ones((2, 3, 4), np.float32), clamp=0.25)
    assert is_solid(v, f)
    assert v.min(0) == pytest.approx(-0.25) and v.max(0) == pytest.approx([1.25, 2.25, 3.25])
    v, f = marching_tetrahedra(-np.ones((1, 1, 1), np.float32))
    assert is_solid(v, f)


def test_checkerboards_give_no_worse_than_many_manifold_parts():
    i = np.indices((5, 5, 5)).sum(0)
    for parity in (0, 1):
        v, f = marching_tetrahedra(np.where(i % 2 == parity, -1, 1).astype(np.float32))
        assert _no_defect(v, f)
        assert not topology_defects(v, f)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.02, 0.05, 0.3, 0.5]),
    st.sampled_from(["normal", "few", "wild"]),
)
def test_noise_gives_a_solid_by_both_judges(seed, clamp, law):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 5, 3))
    values = {
        "normal": lambda: rng.normal(size=shape),
        "few": lambda: rng.integers(-1, 2, shape),
        "wild": lambda: rng.normal(size=shape) * 10 ** rng.uniform(-30, 30, shape),
    }[law]().astype(np.float32)
    v, f = marching_tetrahedra(values, 0.0, clamp)
    if len(f) == 0:
        assert not (values < 0).any()
        return
    assert not topology_defects(v, f)
    assert _no_defect(v, f)
    if len(f) < 150:
        assert is_solid(v, f)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_larger_noise_is_free_of_self_intersection_also_after_a_similarity(seed):
    rng = np.random.default_rng(seed)
    v, f = marching_tetrahedra(rng.normal(size=(16, 17, 18)).astype(np.float32))
    assert _no_defect(v, f)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    assert _no_defect(v @ turn.T * 0.0137 + rng.normal(size=3), f)


def test_inside_and_outside_are_told_apart_at_every_node():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(6, 6, 6)).astype(np.float32)
    v, f = marching_tetrahedra(values)
    a, b, c = v[f[:, 0]], v[f[:, 1]], v[f[:, 2]]
    for node in np.ndindex(values.shape):  # winding number by solid angles
        x, y, z = a - node, b - node, c - node
        lx, ly, lz = (np.linalg.norm(p, axis=1) for p in (x, y, z))
        det = np.einsum("ij,ij->i", x, np.cross(y, z))
        dot = lx * ly * lz + (x * y).sum(1) * lz + (y * z).sum(1) * lx + (z * x).sum(1) * ly
        winding = 2 * np.arctan2(det, dot).sum() / (4 * np.pi)
        assert winding == pytest.approx(float(values[node] < 0), abs=1e-9)


def test_values_on_the_level_and_not_numbers_are_outside():
    values = np.full((4, 4, 4), -1, np.float32)
    values[0], values[1, 1, 1], values[2, 2, 2] = 0, np.nan, np.inf
    v, f = marching_tetrahedra(values)
    assert not topology_defects(v, f) and np.isfinite(v).all()
    assert v[:, 0].min() > 0
    assert len(marching_tetrahedra(np.zeros((3, 3, 3), np.float32))[1]) == 0


def test_vertices_are_exact_in_float32_and_the_result_repeats():
    values = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    v, f = marching_tetrahedra(values)
    assert np.array_equal(v, v.astype(np.float32))
    again = marching_tetrahedra(values)
    assert np.array_equal(v, again[0]) and np.array_equal(f, again[1])


def test_bad_grids_are_refused():
    with pytest.raises(InputError, match="cannot be meshed"):
        marching_tetrahedra(np.zeros((2, 2, 5000), np.float32))
    with pytest.raises(InputError, match="clamp"):
        marching_tetrahedra(np.zeros((2, 2, 2), np.float32), clamp=0.7)
