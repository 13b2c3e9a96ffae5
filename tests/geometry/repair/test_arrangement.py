"""Cutting along self-intersections moves nothing: areas stay, cuts are shared, and no faces cross any more."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.repair.arrangement import _contains, _loops, cut_along_intersections
from lift3d.geometry.repair.working_mesh import Soup, build_edge_table, face_areas


def soup(mesh: trimesh.Trimesh) -> Soup:
    f = np.asarray(mesh.faces, np.int32)
    return Soup(np.asarray(mesh.vertices, np.float64), f, np.arange(len(f), dtype=np.int32))


def ball(seed: int, noise: float) -> Soup:
    """A sphere of 80 faces with displaced vertices."""
    mesh = trimesh.creation.icosphere(1)
    mesh.vertices += np.random.default_rng(seed).normal(size=mesh.vertices.shape) * noise
    return soup(mesh)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.15, 0.4))
def test_areas_stay_and_every_edge_is_closed(seed: int, noise: float) -> None:
    start = ball(seed, noise)
    cut = cut_along_intersections(start)
    if cut is None:
        return
    area = np.bincount(cut.origin, face_areas(cut.v, cut.f), len(start.f))
    assert np.allclose(area, face_areas(start.v.astype(np.float32).astype(float), start.f), atol=1e-9)
    table = build_edge_table(cut.f)
    assert set(table.count.tolist()) <= {2, 4}
    assert (np.bincount(table.half, np.where(table.forward, 1, -1)) == 0).all()
    assert np.array_equal(cut.v[: len(start.v)], start.v.astype(np.float32))


def test_faces_cross_only_in_the_edges_that_were_cut() -> None:
    start = ball(1, 0.3)
    cut = cut_along_intersections(start)
    assert cut is not None and len(self_intersections(start.v, start.f)) > 10
    shared = np.array([len(set(cut.f[a]) & set(cut.f[b])) for a, b in self_intersections(cut.v, cut.f)])
    assert (shared > 0).mean() >= 0.9 if len(shared) else True


def test_a_spike_through_the_middle_of_a_face_leaves_a_hole_in_it() -> None:
    plate, spike = trimesh.creation.box((4, 4, 0.5)), trimesh.creation.cone(0.3, 3, sections=5)
    plate.vertices += [0.1, 0.2, 0.3]
    start = soup(trimesh.util.concatenate([plate, spike]))
    cut = cut_along_intersections(start, 1e-6)
    assert cut is not None
    top = cut.origin < 12
    assert face_areas(cut.v, cut.f)[top].sum() == pytest.approx(plate.area, rel=1e-4)
    assert top.sum() > 12 + 2 * 5


def test_nothing_to_cut_and_faces_that_coincide() -> None:
    box = trimesh.creation.box()
    assert cut_along_intersections(soup(box)) is None
    flush = soup(trimesh.util.concatenate([box, box.copy().apply_translation([0.5, 0, 0])]))
    assert cut_along_intersections(flush) is None and cut_along_intersections(flush, 1e-5) is not None


def test_cells_of_a_square_with_a_diagonal_and_an_island() -> None:
    flat = np.array([[0, 0], [9, 0], [9, 9], [0, 9], [6, 2], [7, 2], [7, 3]], np.float64)
    pairs = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (4, 5), (5, 6), (6, 4)]
    loops = _loops(flat, {e for i, j in pairs for e in ((i, j), (j, i))})
    assert sorted(len(loop) for loop in loops) == [3, 3, 3, 3, 4]
    assert _contains(flat[[0, 1, 2]], flat[4]) and not _contains(flat[[0, 2, 3]], flat[4])
