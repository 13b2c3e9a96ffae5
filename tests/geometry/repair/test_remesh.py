"""Self-intersections are searched near moved faces only, with the result of a full search."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.repair import remesh
from lift3d.types import F64


def crumpled(seed: int, noise: float) -> tuple[F64, np.ndarray]:
    """A ball whose vertices have been moved, beside a face far larger than its own, or not."""
    ball = trimesh.creation.icosphere(3)
    v = np.asarray(ball.vertices) + np.random.default_rng(seed).normal(0, noise, (len(ball.vertices), 3))
    far = (
        np.array([[2.0, 0, 0], [6, 0, 0], [2, 4, 0]])
        if seed % 2
        else np.array([[2.0, 0, 0], [2.1, 0, 0], [2, 0.1, 0]])
    )
    f = np.concatenate([np.asarray(ball.faces), [[len(v), len(v) + 1, len(v) + 2]]]).astype(np.int32)
    return np.concatenate([v, far]).astype(np.float32).astype(np.float64), f


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.12), st.floats(0, 0.3))
def test_updated_intersections_equal_a_full_search(seed: int, noise: float, share: float) -> None:
    before, f = crumpled(seed, noise)
    rng = np.random.default_rng(seed + 1)
    v = before.copy()
    moved = rng.random(len(v)) < share
    v[moved] = (0.9 * v[moved] + rng.normal(0, 0.02, (moved.sum(), 3))).astype(np.float32)
    found = remesh.update_intersections(before, v, f, self_intersections(before, f, remesh.MOST_PAIRS))
    every = self_intersections(v, f, remesh.MOST_PAIRS)
    assert len(every) < remesh.MOST_PAIRS
    np.testing.assert_array_equal(found[np.lexsort((found[:, 1], found[:, 0]))], every)


def test_none_is_lost_where_the_limit_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = 0
    for seed in range(12):
        before, f = crumpled(seed, 0.06)
        v = (
            (before * np.where(np.arange(len(before)) % 9 == 0, 0.8, 1.0)[:, None])
            .astype(np.float32)
            .astype(np.float64)
        )
        known, every = self_intersections(before, f), self_intersections(v, f, 20_000)
        monkeypatch.setattr(remesh, "MOST_PAIRS", len(known) + 1 + 40 * seed)
        found = remesh.update_intersections(before, v, f, known)
        assert len(found) >= min(remesh.MOST_PAIRS, len(every))
        assert set(map(tuple, found.tolist())) <= set(map(tuple, every.tolist()))
        assert len(np.unique(found, axis=0)) == len(found)
        reached += len(every) > remesh.MOST_PAIRS
    assert 0 < reached < 12


def test_too_many_pairs_and_faces_without_extent_are_searched_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, f = crumpled(3, 0.1)
    assert len(self_intersections(before, f)) > 5
    monkeypatch.setattr(remesh, "MOST_PAIRS", 5)
    first = remesh.update_intersections(before, before, f, None)
    assert len(first) == 5 and len(remesh.update_intersections(before, before, f, first)) == 5
    assert len(remesh.update_intersections(before, 0 * before, f, first[:2])) == 0


@pytest.mark.slow
def test_the_projection_is_the_same_with_a_full_search(monkeypatch: pytest.MonkeyPatch) -> None:
    torus = trimesh.creation.torus(1, 0.3, 48, 24)
    v, f = np.asarray(torus.vertices, np.float64), np.asarray(torus.faces, np.int32)
    rough = v + np.random.default_rng(0).normal(0, 0.02, v.shape)
    kept = np.delete(f, slice(300, 420), axis=0)
    quick = remesh.remesh(rough, kept, 40)
    monkeypatch.setattr(
        remesh,
        "update_intersections",
        lambda before, v, f, known: self_intersections(v, f, remesh.MOST_PAIRS),
    )
    slow = remesh.remesh(rough, kept, 40)
    assert quick[0].tobytes() == slow[0].tobytes() and quick[1].tobytes() == slow[1].tobytes()
    assert len(self_intersections(quick[0], quick[1])) == 0
