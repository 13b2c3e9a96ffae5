"""Splitting of long edges: the surface stays, values follow, and no edge is too long."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.texture.subdivide import split_long_edges


@pytest.mark.parametrize("longest", [0.1, 0.3, 5.0])
def test_refinement_keeps_the_surface(longest: float) -> None:
    box = trimesh.creation.box((1, 2, 0.5))
    corners = np.asarray(box.vertices)[box.faces]
    v, f, values, parent = split_long_edges(
        np.asarray(box.vertices), box.faces.astype(np.int32), corners, longest
    )
    fine = trimesh.Trimesh(v, f, process=False)
    assert fine.is_watertight and fine.is_winding_consistent
    assert fine.volume == pytest.approx(1.0) and fine.area == pytest.approx(box.area)
    assert fine.edges_unique_length.max() <= max(longest, box.edges_unique_length.max() if longest > 3 else 0)
    np.testing.assert_allclose(values, v[f], atol=1e-12)
    np.testing.assert_allclose(fine.face_normals, box.face_normals[parent], atol=1e-9)
    assert (np.diff(parent) >= 0).all()


def test_refinement_respects_its_limit() -> None:
    box = trimesh.creation.box()
    f = box.faces.astype(np.int32)
    _, fine, _, _ = split_long_edges(np.asarray(box.vertices), f, np.zeros((12, 3, 1)), 0.001, 1000)
    assert 12 < len(fine) <= 1000


def test_a_short_mesh_is_returned_as_it_is() -> None:
    box = trimesh.creation.box()
    v, f = np.asarray(box.vertices), box.faces.astype(np.int32)
    corners = np.random.default_rng(0).random((12, 3, 2))
    out_v, out_f, values, parent = split_long_edges(v, f, corners, 2.0)
    np.testing.assert_array_equal(out_v, v)
    np.testing.assert_array_equal(out_f, f)
    np.testing.assert_array_equal(values, corners)
    np.testing.assert_array_equal(parent, np.arange(12))


@pytest.mark.parametrize("split", range(8))
def test_each_pattern_covers_its_triangle(split: int) -> None:
    """Edges marked by the bits of `split` are 2 long, the others 1; neighbours do not exist."""
    length = [2.0 if split >> k & 1 else 1.0 for k in range(3)]
    if sorted(length) == [1.0, 1.0, 2.0]:
        length = [1.9 if side == 2 else side for side in length]
    a, b, c = length  # of the edges 0-1, 1-2, 2-0
    x = (a * a + c * c - b * b) / (2 * a)
    v = np.array([[0, 0, 0], [a, 0, 0], [x, np.sqrt(max(c * c - x * x, 0)), 0]])
    out_v, out_f, _, parent = split_long_edges(
        v, np.array([[0, 1, 2]], np.int32), np.zeros((1, 3, 1)), 1.5, 4
    )
    p = out_v[out_f]
    doubled = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])[:, 2]
    assert len(out_f) == 1 + bin(split).count("1") and (parent == 0).all()
    assert (doubled > 0).all()
    whole = np.cross(v[1] - v[0], v[2] - v[0])[2]
    assert doubled.sum() == pytest.approx(whole)
