"""The edge table of a soup, labels of its parts, and its measures on analytic shapes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.repair import working_mesh as wm
from lift3d.types import F64


def soup_of(mesh: trimesh.Trimesh) -> wm.Soup:
    """The mesh as a soup whose faces come from themselves."""
    f = np.asarray(mesh.faces, np.int32)
    return wm.Soup(np.asarray(mesh.vertices, np.float64), f, np.arange(len(f), dtype=np.int32))


faces = st.lists(
    st.tuples(*[st.integers(0, 7)] * 3).filter(lambda t: len(set(t)) == 3), min_size=1, max_size=15
)


@settings(max_examples=50, deadline=None)
@given(faces)
def test_edge_table_equals_a_dictionary_of_edges(rows: list[tuple[int, int, int]]) -> None:
    f = np.array(rows, np.int32)
    table = wm.build_edge_table(f)
    half_edges = [(t[k], t[(k + 1) % 3]) for t in rows for k in range(3)]
    count = Counter(frozenset(e) for e in half_edges)
    assert {frozenset(e): c for e, c in zip(table.ends.tolist(), table.count.tolist())} == count
    for h, (a, b) in enumerate(half_edges):
        assert set(table.ends[table.half[h]]) == {a, b} and table.forward[h] == (a < b)
    pairs = {frozenset(map(int, p)) for p in table.pairs()}
    twos = [
        [h for h, e in enumerate(half_edges) if frozenset(e) == key] for key, c in count.items() if c == 2
    ]
    assert pairs == {frozenset(t) for t in twos}
    assert wm.count_boundary_edges(f) == sum(c == 1 for c in count.values())
    each_way = Counter(half_edges)
    closed = all(c == 2 for c in count.values()) and all(
        each_way[b, a] == n for (a, b), n in each_way.items()
    )
    assert wm.is_closed_and_oriented(f) == closed


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_linked_labels_agree_with_flooding(pairs: list[tuple[int, int]]) -> None:
    label = wm.label_linked(np.array(pairs, np.int64).reshape(-1, 2), 10)
    group = {i: {i} for i in range(10)}
    for a, b in pairs:
        joined = group[a] | group[b]
        for i in joined:
            group[i] = joined
    for i in range(10):
        assert set(np.flatnonzero(label == label[i]).tolist()) == group[i]


def test_measures_of_a_box_are_analytic() -> None:
    box = soup_of(trimesh.creation.box((1, 2, 3)))
    assert wm.face_areas(box.v, box.f).sum() == pytest.approx(22)
    assert wm.signed_volumes(box.v, box.f).sum() == pytest.approx(6)
    assert wm.bounding_diagonal(box.v, box.f) == pytest.approx(np.sqrt(14))
    inverted = box.flip_faces(np.ones(12, bool))
    assert wm.signed_volumes(inverted.v, inverted.f).sum() == pytest.approx(-6)
    assert wm.bounding_diagonal(box.v, box.f[:0]) == 0 and not wm.is_closed_and_oriented(box.f[:0])


def test_patches_end_at_edges_of_three_faces() -> None:
    box = soup_of(trimesh.creation.box())
    assert wm.label_patches(box.f).max() == 0
    wall = np.array([[0, 1, 8]], np.int32)
    v: F64 = np.concatenate([box.v, [[0, 0, 5.0]]])
    with_fin = wm.Soup(box.v, box.f, box.origin).append_faces(wall, v[8:])
    edge = {0, 1}
    shared = [i for i, t in enumerate(box.f.tolist()) if edge <= set(t)]
    label = wm.label_patches(with_fin.f)
    assert len(shared) == 2 and label[12] not in label[:12]


def test_selection_and_new_faces_keep_track_of_their_origin() -> None:
    box = soup_of(trimesh.creation.box())
    some = box.select(np.arange(12) % 3 == 0)
    assert some.origin.tolist() == [0, 3, 6, 9] and np.array_equal(some.f, box.f[::3])
    more = some.append_faces(np.array([[0, 1, 2]]))
    assert more.origin.tolist() == [0, 3, 6, 9, -1] and more.f.dtype == np.int32
    small = wm.drop_unused_vertices(box.select([5]))
    assert len(small.v) == 3 and np.array_equal(small.v[small.f], box.v[box.f[[5]]])
