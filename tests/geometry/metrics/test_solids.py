"""Surface scores on pairs of analytic surfaces."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.metrics.solids import THRESHOLD, WORST_SCORES, compare_surfaces, sample_mesh


def sampled(mesh: trimesh.Trimesh, seed: int = 0):
    """Samples of a mesh."""
    return sample_mesh(np.asarray(mesh.vertices), np.asarray(mesh.faces), seed, 2000)


BALL = trimesh.creation.icosphere(3)


@pytest.mark.slow
def test_a_surface_is_equal_to_itself_whatever_the_samples() -> None:
    scores = compare_surfaces(sampled(BALL, 1), sampled(BALL, 2))
    assert scores.f_score == 1 and scores.chamfer < 1e-9 and scores.normal_consistency > 0.999


@pytest.mark.parametrize(("offset", "f_score"), [(0.5 * THRESHOLD, 1.0), (1.5 * THRESHOLD, 0.0)])
@pytest.mark.slow
def test_concentric_spheres_are_at_their_difference_of_radii(offset: float, f_score: float) -> None:
    """The diameter is 2: an offset in longest sides is twice that in radii."""
    larger = BALL.copy()
    larger.apply_scale(1 + 2 * offset)
    scores = compare_surfaces(sampled(larger), sampled(BALL))
    assert scores.f_score == f_score and scores.chamfer == pytest.approx(offset, rel=0.05)
    assert scores.normal_consistency > 0.99


def test_scores_do_not_change_with_scale_and_flipped_faces() -> None:
    a, b = trimesh.creation.box((1, 1, 1)), trimesh.creation.box((1, 1, 1.02))
    scores = compare_surfaces(sampled(a), sampled(b))
    for mesh in (a, b):
        mesh.apply_scale(7)
        mesh.invert()
    scaled = compare_surfaces(sampled(a), sampled(b))
    assert scaled.chamfer == pytest.approx(scores.chamfer, rel=0.03) and scaled.f_score == pytest.approx(
        scores.f_score, abs=0.02
    )
    assert scaled.normal_consistency == pytest.approx(scores.normal_consistency, abs=0.01)


def test_half_a_surface_has_half_the_recall() -> None:
    plane = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]], np.float64)
    whole = sample_mesh(plane, np.array([[0, 1, 2], [0, 2, 3]]), 0, 4000)
    half = sample_mesh(plane, np.array([[0, 4, 5], [0, 5, 3]]), 0, 4000)
    scores = compare_surfaces(half, whole)
    recall = 0.5 + THRESHOLD * 2 / 2  # up to 1 % of the longest side beyond the border counts as found
    assert scores.f_score == pytest.approx(2 * recall / (1 + recall), abs=0.01)
    assert scores.chamfer == pytest.approx((0 + 0.25) / 2 / 2, abs=0.003)
    assert scores.normal_consistency == pytest.approx(1)


def test_perpendicular_surfaces_have_no_consistent_normals() -> None:
    v = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float64)
    f = np.array([[0, 1, 2]])
    other = sample_mesh(v[:, [0, 2, 1]], f, 0, 500)
    assert compare_surfaces(sample_mesh(v, f, 0, 500), other).normal_consistency == pytest.approx(
        0, abs=1e-12
    )
    assert WORST_SCORES.f_score == 0 and WORST_SCORES.normal_consistency == 0
