"""Cameras around an object: where they stand, what they see, and how large it appears."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.camera.orbit import look_at, orbit_camera, orbit_cameras
from lift3d.geometry.camera.projection import project

POINTS = np.random.default_rng(0).uniform([-1, -2, 0], [1, 2, 3], (200, 3))
CENTRE = (POINTS.min(0) + POINTS.max(0)) / 2
RADIUS = np.linalg.norm(POINTS - CENTRE, axis=1).max()


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(-3, 3)] * 3))
def test_the_target_is_seen_at_the_image_centre(eye: tuple[float, ...], target: tuple[float, ...]) -> None:
    eye_, target_ = np.array(eye), np.array(target)
    distance = np.linalg.norm(target_ - eye_)
    if distance < 0.01:
        return
    camera = look_at(eye_, target_, 40, 30, 25.0)
    pixels, depth = project(camera, target_[None])
    np.testing.assert_allclose(pixels[0], [20, 15], atol=1e-6)
    assert depth[0] == pytest.approx(distance)
    np.testing.assert_allclose(camera.centre, eye_, atol=1e-9)
    assert np.linalg.det(camera.R) == pytest.approx(1)


def test_up_in_the_world_is_up_in_the_image() -> None:
    camera = look_at(np.array([3.0, -2, 1]), np.zeros(3), 40, 30, 25.0)
    above, _ = project(camera, np.array([[0.0, 0, 0.5]]))
    assert above[0, 1] < 15 and above[0, 0] == pytest.approx(20)
    right, _ = project(camera, np.array([np.cross(camera.direction, [0, 0, 1.0])]))
    assert right[0, 0] > 20


@pytest.mark.parametrize("height", [5.0, -5.0])
def test_a_vertical_view_has_y_up(height: float) -> None:
    camera = look_at(np.array([0, 0, height]), np.zeros(3), 40, 30, 25.0)
    pixels, _ = project(camera, np.array([[0.0, 1, 0]]))
    assert pixels[0, 0] == pytest.approx(20) and pixels[0, 1] < 15


@settings(max_examples=20, deadline=None)
@given(st.floats(-3.1, 3.1))
def test_roll_rotates_the_image_about_its_centre(roll: float) -> None:
    eye, target = np.array([2.0, 1, 1]), np.array([0.1, 0, 0])
    xyz = np.random.default_rng(1).uniform(-0.5, 0.5, (20, 3))
    level, depth = project(look_at(eye, target, 40, 30, 25.0), xyz)
    rolled, same = project(look_at(eye, target, 40, 30, 25.0, roll), xyz)
    c, s = np.cos(roll), np.sin(roll)
    expected = (level - [20, 15]) @ np.array([[c, -s], [s, c]]) + [20, 15]
    np.testing.assert_allclose(rolled, expected, atol=1e-9)
    np.testing.assert_allclose(depth, same)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 360), st.floats(-89, 89), st.sampled_from([(64, 48), (48, 64), (50, 50)]), st.floats(0.3, 1)
)
def test_the_bounding_sphere_fills_the_image(
    azimuth: float, elevation: float, size: tuple[int, int], fill: float
) -> None:
    camera = orbit_camera(POINTS, azimuth, elevation, *size, 60.0, fill)
    towards = camera.centre - CENTRE
    a, e = np.radians([azimuth, elevation])
    direction = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    np.testing.assert_allclose(towards / np.linalg.norm(towards), direction, atol=1e-9)
    tangent = 60.0 * np.tan(np.arcsin(RADIUS / np.linalg.norm(towards)))
    assert 2 * tangent == pytest.approx(fill * min(size))
    pixels, depth = project(camera, POINTS)
    assert (depth > 0).all() and (
        np.linalg.norm(pixels - np.array(size) / 2, axis=1) <= fill * min(size) / 2 + 1e-6
    ).all()


def test_an_orbit_has_equal_steps_and_alternating_elevations() -> None:
    cameras = orbit_cameras(POINTS, 8, 64, 48, elevation=(10.0, 40.0))
    towards = np.array([c.centre - CENTRE for c in cameras])
    distance = np.linalg.norm(towards, axis=1)
    np.testing.assert_allclose(distance, distance[0])
    azimuth = np.degrees(np.arctan2(towards[:, 1], towards[:, 0])) % 360
    np.testing.assert_allclose(azimuth, 45.0 * np.arange(8), atol=1e-9)
    np.testing.assert_allclose(np.degrees(np.arcsin(towards[:, 2] / distance)), [10, 40] * 4, atol=1e-9)
    assert all(c.fx == c.fy == 1.2 * 64 for c in cameras)


def test_one_elevation_may_be_a_number() -> None:
    cameras = orbit_cameras(POINTS, 3, 64, 48, elevation=20, focal=50.0)
    heights = [c.centre[2] for c in cameras]
    np.testing.assert_allclose(heights, heights[0])
    assert cameras[0].fx == 50


def test_a_single_point_has_a_camera() -> None:
    camera = orbit_camera(np.zeros((1, 3)), 0, 0, 10, 10, 10.0)
    assert np.isfinite(camera.world_to_camera).all()
