"""Source views: scores by triangulation angle and resolution against a twin, selection, and depth ranges."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.stereo.source_views import (
    BEST_ANGLE,
    FAR_SIGMA,
    NEAR_SIGMA,
    depth_range,
    select_source_views,
    view_pair_scores,
)
from lift3d.types import Image, Points, Views


def views_at(
    degrees: list[float], radius: float = 3.0, seen: list[int] | None = None, focal: float = 20.0
) -> Views:
    """Cameras on a circle around few points near the origin; view i sees the first seen[i] points."""
    angles = np.radians(degrees)
    cameras = tuple(
        look_at(radius * np.array([np.cos(a), np.sin(a), 0]), np.zeros(3), 8, 6, focal) for a in angles
    )
    xyz = 1e-3 * np.random.default_rng(0).normal(size=(20, 3))
    rows = [(i, k) for i in range(len(degrees)) for k in range((seen or [20] * len(degrees))[i])]
    images = (Image(np.zeros((6, 8, 3), np.uint8)),) * len(degrees)
    return Views(images, cameras, Points(xyz), np.array(rows, np.int32).reshape(-1, 2))


def weight(angle: float) -> float:
    sigma = NEAR_SIGMA if angle < BEST_ANGLE else FAR_SIGMA
    return float(np.exp(-((angle - BEST_ANGLE) ** 2) / (2 * sigma**2)))


def test_scores_follow_the_triangulation_angle() -> None:
    degrees = [0.0, 5.0, 12.0, 30.0, 80.0]
    scores = view_pair_scores(views_at(degrees))
    for i, a in enumerate(degrees):
        for j, b in enumerate(degrees):
            expected = 20 * weight(abs(a - b)) if i != j else 0
            assert scores[i, j] == pytest.approx(expected, rel=0.02, abs=1e-6)
    np.testing.assert_array_equal(scores, scores.T)


def test_a_difference_of_resolution_lowers_the_score() -> None:
    near, far = views_at([0.0, 12.0]), views_at([0.0, 12.0], radius=6.0)
    mixed = Views(near.images, (near.cameras[0], far.cameras[1]), near.points, near.observations)
    assert view_pair_scores(mixed)[0, 1] == pytest.approx(view_pair_scores(near)[0, 1] / 2, rel=0.01)


def test_fewer_than_six_shared_points_score_nothing() -> None:
    scores = view_pair_scores(views_at([0.0, 12.0, 24.0], seen=[5, 20, 6]))
    assert scores[0, 1] == scores[0, 2] == 0 and scores[1, 2] > 0


def test_selection_is_best_first_and_skips_zeros() -> None:
    scores = np.array([[0, 3, 1, 2], [3, 0, 0, 0], [1, 0, 0, 5], [2, 0, 5, 0.0]])
    assert select_source_views(scores, 2) == [[1, 3], [0], [3, 0], [2, 0]]
    assert select_source_views(scores, 9)[0] == [1, 3, 2]
    assert select_source_views(np.zeros((2, 2)), 3) == [[], []]


def test_equal_scores_keep_the_order_of_the_views() -> None:
    assert select_source_views(np.ones((1, 4)), 3) == [[0, 1, 2]]


def test_the_depth_range_is_widened_quantiles() -> None:
    camera = look_at(np.array([0.0, -5, 0]), np.zeros(3), 8, 6, 20.0)
    y = np.linspace(-2, 2, 101)
    xyz = np.stack([np.zeros(101), y, np.zeros(101)], 1)
    rows = np.stack([np.zeros(101), np.arange(101)], 1).astype(np.int32)
    views = Views((Image(np.zeros((6, 8, 3), np.uint8)),), (camera,), Points(xyz), rows)
    found = depth_range(views, 0)
    assert found is not None
    np.testing.assert_allclose(found, (0.7 * (3 + 0.04), 1.6 * (7 - 0.04)), rtol=1e-9)


def test_points_behind_the_camera_do_not_count() -> None:
    camera = look_at(np.array([0.0, -5, 0]), np.zeros(3), 8, 6, 20.0)
    xyz = np.concatenate([np.zeros((7, 3)), np.tile([0.0, -9, 0], (20, 1))])
    rows = np.stack([np.zeros(27), np.arange(27)], 1).astype(np.int32)
    views = Views((Image(np.zeros((6, 8, 3), np.uint8)),), (camera,), Points(xyz), rows)
    assert depth_range(views, 0) is None
