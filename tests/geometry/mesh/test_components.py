"""Parts, their volumes, and what is left without debris."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components as csgraph_components

from lift3d.geometry.mesh.components import (
    component_volumes,
    connected_components,
    face_volumes,
    genus,
    keep_large_components,
    keep_main_components,
    remove_debris,
    select_faces,
    winding_number_at,
)
from lift3d.geometry.mesh.weld import weld_exact


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_labels_equal_those_of_the_graph_of_shared_edges(seed, n):
    rng = np.random.default_rng(seed)
    f = rng.integers(0, 40, (n, 3)).astype(np.int32)
    edges = [{frozenset((t[k], t[k - 1])) for k in range(3)} for t in f.tolist()]
    pairs = np.array([(i, j) for i in range(n) for j in range(n) if edges[i] & edges[j]])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(n, n))
    labels = connected_components(f, 40)
    expected = csgraph_components(graph, directed=False)[1]
    assert len(set(zip(labels, expected))) == labels.max() + 1 == expected.max() + 1
    first = [int(np.flatnonzero(labels == k)[0]) for k in range(labels.max() + 1)]
    assert first == sorted(first)


def test_volumes_of_a_box_and_its_cavity_far_from_the_origin():
    outer, inner = trimesh.creation.box((4, 4, 4)), trimesh.creation.box((1, 2, 1))
    v = np.r_[outer.vertices, inner.vertices] + 1e5
    f = np.r_[outer.faces, inner.faces[:, ::-1] + len(outer.vertices)].astype(np.int32)
    labels = connected_components(f)
    assert component_volumes(v, f, labels) == pytest.approx([64, -2])
    assert face_volumes(v, f).sum() == pytest.approx(62)
    assert winding_number_at(v, f, np.full(3, 1e5)) == 0
    assert winding_number_at(v, f, np.full(3, 1e5 + 1.5)) == 1
    assert winding_number_at(v, f, np.full(3, 1e5 + 2.5)) == 0
    assert winding_number_at(v, f[labels == 1], np.full(3, 1e5)) == -1


def test_debris_goes_and_the_rest_stays_as_it_was():
    a, b = trimesh.creation.icosphere(2), trimesh.creation.icosphere(1, 0.05)
    v = np.r_[b.vertices + 3, a.vertices]
    f = np.r_[b.faces, a.faces + len(b.vertices)].astype(np.int32)
    w, g = remove_debris(v, f)
    assert np.array_equal(w[g], a.vertices[a.faces])
    assert np.array_equal(remove_debris(w, g)[1], g)
    assert len(remove_debris(v[:0], f[:0])[1]) == 0


def test_keep_faces_tells_which_vertices_stay():
    v = np.arange(15.0).reshape(5, 3)
    f = np.array([[0, 1, 2], [4, 2, 1]], np.int32)
    w, g, used = select_faces(v, f, np.array([False, True]))
    assert used.tolist() == [1, 2, 4] and g.tolist() == [[2, 1, 0]] and np.array_equal(w, v[used])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_keep_faces_equals_its_slow_twin(seed):
    rng = np.random.default_rng(seed)
    v, f = rng.normal(size=(30, 3)), rng.integers(0, 30, (rng.integers(1, 40), 3)).astype(np.int32)
    keep = rng.random(len(f)) < 0.4
    used, local = np.unique(f[keep], return_inverse=True)
    w, g, kept = select_faces(v, f, keep)
    assert g.dtype == kept.dtype == np.int32
    assert (kept == used).all() and (g == local.reshape(-1, 3)).all() and (w == v[used]).all()


def test_main_parts_are_large_and_outward_and_large_parts_have_many_faces():
    box, small, cavity = (trimesh.creation.box((n, n, n)) for n in (4, 2, 1))
    crumb = trimesh.creation.icosphere(2, 0.3)
    cavity.invert()
    mesh = trimesh.util.concatenate([crumb, box, small, cavity])
    v, f = np.array(mesh.vertices), np.array(mesh.faces, np.int32)
    w, g, dropped = keep_main_components(v, f)
    assert dropped == 2 and len(g) == 24 and trimesh.Trimesh(w, g).volume == pytest.approx(64 + 8)
    w, g, dropped = keep_large_components(v, f, 0.5)
    assert dropped == 3 and len(g) == len(crumb.faces) and np.abs(w).max() < 0.31


def test_weld_keeps_the_order_of_first_appearance():
    v = np.array(
        [[1, 0, 0], [0.1, 0, 0], [-0.0, 0, 0], [1, 0, 0], [0, -0.0, 0], [0.1 + 1e-12, 0, 0], [np.nan] * 3]
    )
    p, row = weld_exact(np.r_[v, v[-1:]])
    assert row.tolist() == [0, 1, 2, 0, 2, 1, 3, 4]
    assert np.array_equal(p[:3], np.array([[1, 0, 0], [0.1, 0, 0], [0, 0, 0]], np.float32))
    assert weld_exact(np.zeros((0, 3)))[0].shape == (0, 3)


def test_genus_counts_the_tunnels_of_all_components() -> None:
    ball, ring = trimesh.creation.icosphere(subdivisions=2), trimesh.creation.torus(1, 0.3)
    for parts, expected in (([ball], 0), ([ring], 1), ([ball, ring, ring], 2)):
        whole = trimesh.util.concatenate(
            [p.copy().apply_translation([4 * i, 0, 0]) for i, p in enumerate(parts)]
        )
        assert genus(np.asarray(whole.faces, np.int32)) == expected
    assert genus(np.zeros((0, 3), np.int32)) == 0
