"""Faces flipped at random come back consistent and outward, with cavities inward."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.repair.orientation import orient_consistently, orient_outward
from lift3d.geometry.repair.working_mesh import Soup, is_closed_and_oriented, signed_volumes

BALL = trimesh.creation.icosphere(2)
V, F = np.asarray(BALL.vertices), np.asarray(BALL.faces)


def soup(v: np.ndarray, f: np.ndarray) -> Soup:
    """The mesh as a soup whose faces come from themselves."""
    return Soup(np.asarray(v, np.float64), np.asarray(f, np.int32), np.arange(len(f), dtype=np.int32))


@pytest.mark.parametrize("seed", range(3))
def test_flipped_faces_return_with_the_majority(seed: int) -> None:
    flipped = np.random.default_rng(seed).random(len(F)) < 0.3
    out, count = orient_consistently(soup(V, np.where(flipped[:, None], F[:, ::-1], F)))
    assert is_closed_and_oriented(out.f) and count == flipped.sum()
    assert signed_volumes(out.v, out.f).sum() == pytest.approx(BALL.volume)


def test_a_sound_mesh_is_not_changed() -> None:
    out, flipped = orient_consistently(soup(V, F))
    out, inverted = orient_outward(out)
    assert flipped == inverted == 0 and np.array_equal(out.f, F)


def test_an_inverted_ball_is_turned_outward() -> None:
    out, count = orient_outward(soup(V, F[:, ::-1]))
    assert count == len(F) and signed_volumes(out.v, out.f).sum() > 0


@pytest.mark.parametrize("invert", [False, True])
def test_a_cavity_stays_a_cavity_also_in_an_inverted_shell(invert: bool) -> None:
    f = np.concatenate([F, F[:, ::-1] + len(V)])
    v = np.concatenate([V, V * 0.5])
    out, _ = orient_outward(soup(v, f[:, ::-1] if invert else f))
    expected = BALL.volume * (1 - 0.5**3)
    assert signed_volumes(out.v, out.f).sum() == pytest.approx(expected)


def test_separate_balls_are_each_outward() -> None:
    v = np.concatenate([V, V / 2 + [3, 0, 0]])
    out, count = orient_outward(soup(v, np.concatenate([F, F[:, ::-1] + len(V)])))
    assert count == len(F)
    assert BALL.volume * 1.125 == pytest.approx(signed_volumes(out.v, out.f).sum())


def test_an_open_inverted_bowl_is_turned_by_its_winding_number() -> None:
    bowl = F[V[F].mean(1)[:, 2] < 0.6]
    out, count = orient_outward(soup(V, bowl[:, ::-1]))
    assert count == len(bowl) and np.array_equal(np.sort(out.f, 1), np.sort(bowl, 1))
    again, count = orient_outward(out)
    assert count == 0
