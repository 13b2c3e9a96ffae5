"""Intersection of the optical axes, and the decision between object and scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import look_at, orbit_cameras, orbit_views

from lift3d.geometry.fusion.capture_layout import (
    classify_capture,
    intersect_optical_axes,
    seen_around,
    shows_one_side,
)
from lift3d.types import PhotoStatus


def test_an_orbit_is_an_object_and_a_row_is_a_scene():
    cameras = orbit_cameras(12)
    assert classify_capture(cameras, intersect_optical_axes(cameras))[0] == "object"
    row = [look_at([x, 5, 1], [x * 0.8, 0, 1]) for x in np.linspace(-3, 3, 9)]
    kind, why = classify_capture(row, intersect_optical_axes(row))
    assert kind == "scene" and "one side" in why
    outward = [
        look_at([np.cos(a), np.sin(a), 1], [9 * np.cos(a), 9 * np.sin(a), 1]) for a in np.linspace(0, 5.5, 9)
    ]
    assert classify_capture(outward, intersect_optical_axes(outward))[0] == "scene"


@settings(max_examples=20, deadline=None)
@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0, 2), st.integers(0, 1000))
def test_axes_through_one_point_intersect_there(x, y, z, seed):
    rng = np.random.default_rng(seed)
    target = np.array([x, y, z])
    cameras = []
    for _ in range(8):
        d = rng.normal(size=3)
        d[2] = 0.3 + abs(d[2])
        cameras.append(look_at(target + 3 * d / np.linalg.norm(d), target))
    axes = intersect_optical_axes(cameras)
    np.testing.assert_allclose(axes.point, target, atol=1e-4)
    assert axes.in_front == 1 and axes.distance == pytest.approx(3, abs=1e-3)


def test_one_camera_that_looks_elsewhere_is_discounted():
    cameras = orbit_cameras(9)
    target = intersect_optical_axes(cameras).point
    stray = look_at([2.0, 2.0, 1.5], [9.0, -4.0, 1.5])
    found = intersect_optical_axes([*cameras, stray])
    assert np.linalg.norm(found.point - target) < 0.05 and found.spread < 0.1
    assert found.in_front >= 0.9


def test_a_camera_pair_has_an_angle_and_a_distance():
    cameras = [look_at([3, 0, 0.1], [0, 0, 0.1]), look_at([0, 3, 0.1], [0, 0, 0.1])]
    axes = intersect_optical_axes(cameras)
    assert axes.angle == pytest.approx(90, abs=1e-6) and axes.distance == pytest.approx(3, abs=1e-6)
    assert classify_capture(cameras, axes)[0] == "object"


def test_axes_that_miss_each_other_are_a_scene():
    """Cameras around an object that all look past it, to the same side: the axes form a hyperboloid."""
    cameras = []
    for a in np.linspace(0, 5.5, 10):
        centre = np.array([3 * np.cos(a), 3 * np.sin(a), 1])
        cameras.append(look_at(centre, centre + [-np.cos(a) - np.sin(a), np.cos(a) - np.sin(a), 0]))
    kind, why = classify_capture(cameras, intersect_optical_axes(cameras))
    assert kind == "scene" and "no single object" in why


@pytest.mark.parametrize(("degrees", "expected"), [(360, 360), (180, 180), (100, 100), (300, 360)])
def test_degrees_seen_around(degrees: float, expected: float) -> None:
    angles = np.radians(np.linspace(0, degrees, 13))
    cameras = [look_at([2 * np.cos(a), 2 * np.sin(a), 1], [0, 0, 0]) for a in angles]
    assert seen_around(cameras) == pytest.approx(expected, abs=1)
    shift = np.eye(4)
    shift[:3, 3] = -5.0
    assert seen_around(cameras, shift) < 60


@pytest.mark.parametrize(
    ("measured", "degrees", "placed", "scene"),
    [
        (0.36, 110, 22, True),
        (0.8, 110, 22, False),
        (0.36, 200, 22, False),
        (0.27, 110, 4, False),
        (None, 110, 22, False),
    ],
)
def test_a_facade_shows_one_side(measured: float | None, degrees: float, placed: int, scene: bool) -> None:
    views = replace(orbit_views(5), photos=tuple(PhotoStatus(str(i), i < placed) for i in range(22)))
    assert shows_one_side(views, measured, degrees) == scene
