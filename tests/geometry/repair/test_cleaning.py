"""Each step of cleaning on the defect that it repairs, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.repair import cleaning
from lift3d.geometry.repair.working_mesh import Soup, count_boundary_edges, face_areas, is_closed_and_oriented


def soup(v: np.ndarray, f: np.ndarray) -> Soup:
    """The mesh as a soup whose faces come from themselves."""
    return Soup(np.asarray(v, np.float64), np.asarray(f, np.int32), np.arange(len(f), dtype=np.int32))


BALL = trimesh.creation.icosphere(2)
V, F = np.asarray(BALL.vertices), np.asarray(BALL.faces)
STEPS = [
    cleaning.drop_invalid,
    cleaning.weld_boundaries,
    cleaning.drop_degenerate,
    cleaning.drop_duplicates,
    cleaning.zip_cracks,
    cleaning.drop_debris,
]


@pytest.mark.parametrize("step", STEPS)
def test_a_sound_mesh_stays_as_it_is(step) -> None:
    out = step(soup(V, F))
    assert np.array_equal(out.v[out.f], V[F]) and np.array_equal(out.origin, np.arange(len(F)))


def test_faces_of_missing_or_infinite_vertices_go() -> None:
    v = np.concatenate([V, [[np.inf, 0, 0], [1e300, 0, 0]]])
    n = len(V)
    bad = [[0, 1, n], [0, 1, n + 1], [0, 1, n + 7], [-1, 0, 1]]
    out = cleaning.drop_invalid(soup(v, np.concatenate([F, bad])))
    assert np.array_equal(out.origin, np.arange(len(F))) and len(out.v) == n


def test_degenerate_and_duplicate_faces_go_and_the_first_of_equals_stays() -> None:
    middle = (V[F[0, 0]] * 2).astype(np.float32)
    v = np.concatenate([V, [middle]])
    extra = [[F[0, 0]] * 2 + [F[0, 1]], F[3][::-1], np.roll(F[7], 1)]
    out = cleaning.drop_degenerate(soup(v, np.concatenate([F, extra])))
    assert len(out.f) == len(F) + 2
    assert np.array_equal(cleaning.drop_duplicates(out).origin, np.arange(len(F)))


@pytest.mark.parametrize("gap", [1e-8, 1e-6, 1e-5])
def test_a_ball_of_loose_faces_is_welded_shut(gap: float) -> None:
    loose = V[F].reshape(-1, 3) + np.random.default_rng(0).normal(0, gap, (3 * len(F), 3))
    out = cleaning.weld_boundaries(soup(loose, np.arange(3 * len(F)).reshape(-1, 3)))
    assert is_closed_and_oriented(out.f)
    assert np.abs(out.v[out.f] - V[F]).max() < 10 * gap


def test_distant_borders_are_not_welded() -> None:
    v = np.concatenate([V, V + [2.5, 0, 0]])
    cap = V[F].mean(1)[:, 2] < 0.5
    f = np.concatenate([F[cap], F[cap] + len(V)])
    out = cleaning.weld_boundaries(soup(v, f))
    assert np.array_equal(out.f, f)


def t_junction() -> tuple[np.ndarray, np.ndarray]:
    """A box with one face divided by hanging vertices, at 1/3 and 1/2 of an edge."""
    box = trimesh.creation.box()
    v, f = np.asarray(box.vertices), np.asarray(box.faces)
    a, b, c = f[0]
    hanging = [v[a] + t * (v[b] - v[a]) for t in (1 / 3, 1 / 2)]
    n = len(v)
    return np.concatenate([v, hanging]), np.concatenate([f[1:], [[a, n, c], [n, n + 1, c], [n + 1, b, c]]])


def test_hanging_vertices_are_joined_to_the_edge_they_lie_on() -> None:
    v, f = t_junction()
    before = soup(v, f)
    assert count_boundary_edges(before.f) == 4
    out = cleaning.zip_cracks(before)
    assert is_closed_and_oriented(out.f) and inspect_arrays(out.v, out.f).is_solid
    assert face_areas(out.v, out.f).sum() == pytest.approx(6) and face_areas(out.v, out.f).min() > 1e-3


def test_vertices_near_an_edge_but_off_it_are_left() -> None:
    v, f = t_junction()
    v[8:] += [0.01, 0.02, 0.03]
    out = cleaning.zip_cracks(soup(v, f))
    assert np.array_equal(out.f, f)


def test_debris_goes_and_a_second_object_stays() -> None:
    n = len(V)
    v = np.concatenate([V, V * 0.05 + [3, 0, 0], V * 0.5 + [0, 4, 0], [[5, 5, 5], [5.1, 5, 5], [5, 5.1, 5]]])
    f = np.concatenate([F, F + n, F + 2 * n, [[3 * n, 3 * n + 1, 3 * n + 2]]])
    out = cleaning.drop_debris(soup(v, f))
    kept = set((out.origin // len(F)).tolist())
    assert kept == {0, 2}, "the small ball and the crumb are debris"
