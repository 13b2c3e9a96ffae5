"""The points of the object: visibility, the largest cluster in view, and its parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import look_at

from lift3d.geometry.camera.projection import project
from lift3d.geometry.fusion.capture_layout import intersect_optical_axes
from lift3d.geometry.fusion.object_region import common_points, object_points, visible_fraction

CAMERAS = [
    look_at([2.4 * np.cos(a), 2.4 * np.sin(a), 1.0], [0, 0, 0.4], 64, 48, 60.0)
    for a in np.linspace(0, 2 * np.pi, 9)[:-1]
]
AXES = intersect_optical_axes(CAMERAS)
UP = np.array([0.0, 0.0, 1.0])


def ball(count: int, centre: list[float], radius: float, seed: int = 0) -> np.ndarray:
    n = np.random.default_rng(seed).normal(size=(count, 3))
    return radius * n / np.linalg.norm(n, axis=1, keepdims=True) + centre


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_visibility_counts_cameras(seed: int) -> None:
    xyz = np.random.default_rng(seed).uniform(-3, 3, (10, 3))
    expected = np.zeros(10)
    for camera in CAMERAS:
        uv, z = project(camera, xyz)
        for k in range(10):
            expected[k] += z[k] > 0 and 0 <= uv[k, 0] < 64 and 0 <= uv[k, 1] < 48
    np.testing.assert_array_equal(visible_fraction(CAMERAS, xyz), expected / 8)


def test_a_ball_is_the_object_and_distant_clutter_is_not() -> None:
    near, far = ball(1500, [0, 0, 0.4], 0.4), ball(1500, [2.6, 0, 0.4], 0.3, 1)
    member = object_points(CAMERAS, np.concatenate([near, far]), AXES, UP)
    assert member[:1500].mean() > 0.98 and member[1500:].sum() == 0


def test_the_cluster_at_the_centre_wins_over_a_larger_one_aside() -> None:
    near, aside = ball(1000, [0, 0, 0.4], 0.25), ball(2500, [0.95, 0, 0.4], 0.2, 1)
    member = object_points(CAMERAS, np.concatenate([near, aside]), AXES, UP)
    assert member[:1000].mean() > 0.95 and member[1000:].mean() < 0.05


def test_a_part_inside_the_bounding_box_belongs_to_the_object() -> None:
    """A sphere inside a larger one touches it nowhere on the grid, but lies in its box."""
    outer, inner = ball(4000, [0, 0, 0.4], 0.5), ball(600, [0, 0, 0.4], 0.12, 1)
    member = object_points(CAMERAS, np.concatenate([outer, inner]), AXES, UP)
    assert member[:4000].mean() > 0.98 and member[4000:].mean() > 0.98


@pytest.mark.parametrize("count", [0, 10, 49])
def test_few_points_are_taken_as_they_are(count: int) -> None:
    xyz = np.concatenate([ball(count, [0, 0, 0.4], 0.3), np.full((5, 3), 40.0)])
    member = object_points(CAMERAS, xyz, AXES, UP)
    assert member[:count].all() and not member[count:].any()


def test_nothing_near_the_centre_means_no_object() -> None:
    assert not object_points(CAMERAS, np.full((200, 3), 30.0), AXES, UP).any()


def test_thin_parts_of_a_masked_object_are_common_points():
    rng = np.random.default_rng(0)
    cap = rng.normal(0, 0.05, (2000, 3)) + [0, 0, 0.6]
    stem = np.c_[rng.normal(0, 0.005, (30, 2)), rng.uniform(0, 0.3, 30)]
    far = rng.normal(0, 0.05, (200, 3)) + [9, 0, 0]
    member = common_points(CAMERAS, np.concatenate([cap, stem, far]), AXES)
    assert member[:2030].all() and not member[2030:].any()


def test_a_head_above_an_unmeasured_neck_belongs_to_the_object_and_a_neighbour_does_not():
    rng = np.random.default_rng(5)
    body = rng.uniform([-0.2, -0.2, 0], [0.2, 0.2, 0.4], (4000, 3))
    head = rng.uniform([-0.15, -0.15, 0.48], [0.15, 0.15, 0.7], (2500, 3))
    neighbour = rng.uniform([0.5, -0.1, 0], [0.7, 0.1, 0.3], (2000, 3))
    lamp = rng.uniform([-0.15, -0.15, 1.1], [0.15, 0.15, 1.25], (2000, 3))
    member = object_points(CAMERAS, np.concatenate([body, head, neighbour, lamp]), AXES, UP)
    assert member[:4000].mean() > 0.99 and member[4000:6500].mean() > 0.99
    assert not member[6500:].any()
