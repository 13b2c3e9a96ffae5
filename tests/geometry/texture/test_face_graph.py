"""The graph of faces: components, normals and Potts labelling against small exact cases."""

from __future__ import annotations

import itertools

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.texture.face_graph import (
    connected_components,
    face_neighbours,
    face_normals,
    potts_sweeps,
    smooth_normals,
)


def strip(n: int) -> np.ndarray:
    """n triangles in a row: face k has the neighbours k - 1 and k + 1."""
    k = np.arange(n)
    return np.stack([k, k + 1, k + 2], 1).astype(np.int32)


def test_neighbours_of_a_strip() -> None:
    neighbours = face_neighbours(strip(5))
    for k in range(5):
        assert set(neighbours[k].tolist()) - {-1} == {j for j in (k - 1, k + 1) if 0 <= j < 5}


def test_an_edge_of_three_faces_has_no_neighbours() -> None:
    f = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]], np.int32)
    assert (face_neighbours(f) == -1).all()
    assert face_neighbours(f[:0]).shape == (0, 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_components_are_runs_of_equal_labels(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, 12).astype(np.int32)
    expected = np.cumsum(np.r_[0, np.diff(labels) != 0])
    np.testing.assert_array_equal(connected_components(labels, face_neighbours(strip(12))), expected)


def test_normals_and_areas_of_a_box() -> None:
    box = trimesh.creation.box((1, 2, 3))
    n, a = face_normals(np.asarray(box.vertices), box.faces.astype(np.int32))
    np.testing.assert_allclose(n, box.face_normals, atol=1e-12)
    np.testing.assert_allclose(a, box.area_faces)
    flat, zero = face_normals(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32))
    assert (flat == 0).all() and zero == 0


def test_smoothing_keeps_a_plane_and_rounds_an_edge() -> None:
    box = trimesh.creation.box().subdivide()
    f = box.faces.astype(np.int32)
    normals, areas = face_normals(np.asarray(box.vertices), f)
    neighbours = face_neighbours(f)
    assert smooth_normals(normals, areas, neighbours, 0) is not normals
    once = smooth_normals(normals, areas, neighbours, 1)
    np.testing.assert_allclose(np.linalg.norm(once, axis=1), 1, atol=1e-9)
    crosses = (normals[neighbours] @ normals[:, :, None])[..., 0].min(1) < 0.5
    np.testing.assert_allclose(once[~crosses], normals[~crosses], atol=1e-9)
    assert ((once * normals).sum(1)[crosses] < 0.99).all()


def energy(cost: np.ndarray, pull: np.ndarray, labels: tuple[int, ...]) -> float:
    n = len(labels)
    same = sum(pull[k] for k in range(n - 1) if labels[k] == labels[k + 1])
    return float(cost[np.arange(n), list(labels)].sum() - same)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_sweeps_end_in_a_local_minimum(seed: int) -> None:
    """On a strip of seven faces: no single change lowers the energy, and often it is the global minimum."""
    rng = np.random.default_rng(seed)
    f = strip(7)
    neighbours = face_neighbours(f)
    cost, edge = rng.random((7, 2)).astype(np.float32), rng.random(6).astype(np.float32) * 0.5
    pull = np.zeros((7, 3), np.float32)
    for k in range(7):
        for e in range(3):
            if neighbours[k, e] >= 0:
                pull[k, e] = edge[min(k, neighbours[k, e])]
    labels = np.argmin(cost, axis=1).astype(np.int32)
    before = energy(cost, edge, tuple(labels))
    potts_sweeps(cost, neighbours, pull, labels, 50)
    after = energy(cost, edge, tuple(labels))
    assert after <= before + 1e-6
    for k, l in itertools.product(range(7), range(2)):
        changed = labels.copy()
        changed[k] = l
        assert energy(cost, edge, tuple(changed)) >= after - 1e-5
