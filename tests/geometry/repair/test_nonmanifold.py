"""Fins and walls go, touching solids are separated, and every vertex keeps one fan of faces."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.repair.nonmanifold import (
    NUDGE,
    remove_fins_and_walls,
    separate_coincident_vertices,
    split_nonmanifold_vertices,
)
from lift3d.geometry.repair.working_mesh import Soup, bounding_diagonal, is_closed_and_oriented


def soup(v: np.ndarray, f: np.ndarray) -> Soup:
    """The mesh, welded by position, as a soup whose faces come from themselves."""
    p, row = weld_exact(np.asarray(v, np.float64))
    return Soup(p, row[np.asarray(f)].astype(np.int32), np.arange(len(f), dtype=np.int32))


def boxes(*offsets: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Unit boxes with their centres at the offsets, as one mesh."""
    mesh = trimesh.util.concatenate([trimesh.creation.box().apply_translation(o) for o in offsets])
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def test_a_sound_mesh_is_left_alone() -> None:
    v, f = boxes((0, 0, 0))
    before = soup(v, f)
    after, removed = remove_fins_and_walls(before)
    assert removed == 0 and np.array_equal(after.f, before.f)
    after, added = split_nonmanifold_vertices(before)
    assert added == 0 and np.array_equal(after.f, before.f) and np.array_equal(after.v, before.v)
    after, moved = separate_coincident_vertices(before)
    assert moved == 0 and after is before


def test_a_fin_on_an_edge_is_removed() -> None:
    v, f = boxes((0, 0, 0))
    v = np.concatenate([v, [[0, 0, 2.0], [0.5, 0, 2.0]]])
    a, b = next(iter({tuple(sorted(t[:2])) for t in f[:1].tolist()}))
    after, removed = remove_fins_and_walls(soup(v, np.concatenate([f, [[a, b, 8], [b, 9, 8]]])))
    assert removed == 2 and is_closed_and_oriented(after.f) and len(after.f) == 12


def test_a_wall_between_two_chambers_is_removed() -> None:
    """Two boxes share a side, present once: the outline of both is the solid."""
    v, f = boxes((0, 0, 0), (1, 0, 0))
    inner = (np.abs(v[f][..., 0] - 0.5) < 1e-9).all(1)
    second = inner & (np.arange(24) >= 12)
    after, removed = remove_fins_and_walls(soup(v, f[~second]))
    assert removed == 2 and is_closed_and_oriented(after.f)
    assert inspect_arrays(after.v, after.f).is_solid


@pytest.mark.parametrize("offset", [(1, 1, 0), (1, 1, 1)], ids=["along an edge", "in a vertex"])
def test_solids_that_touch_are_split_and_moved_apart(offset: tuple[float, float, float]) -> None:
    v, f = boxes((0, 0, 0), offset)
    touching = soup(v, f)
    assert not inspect_arrays(touching.v, touching.f).is_solid
    shared = 16 - len(touching.v)
    split, added = split_nonmanifold_vertices(touching)
    assert added == shared > 0 and is_closed_and_oriented(split.f)
    apart, moved = separate_coincident_vertices(split)
    assert moved == 2 * shared
    report = inspect_arrays(apart.v, apart.f)
    assert report.is_solid and report.counts["components"] == 2
    distance = np.linalg.norm(apart.v - split.v, axis=1).max()
    assert distance <= NUDGE * bounding_diagonal(split.v, split.f) * 1.001


def test_unused_vertices_do_not_move() -> None:
    v, f = boxes((0, 0, 0))
    before = Soup(np.concatenate([v, v[:1]]), f.astype(np.int32), np.arange(12, dtype=np.int32))
    after, moved = separate_coincident_vertices(before)
    assert moved == 1 and np.array_equal(after.v[1:], before.v[1:])
