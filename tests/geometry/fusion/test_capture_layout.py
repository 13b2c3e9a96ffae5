"""Object or scene, up, support plane and region of interest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import look_at, orbit_cameras

from lift3d.geometry.fusion.capture_layout import classify_capture, estimate_up, intersect_optical_axes
from lift3d.geometry.fusion.object_region import object_points, visible_fraction
from lift3d.geometry.fusion.support_plane import find_support_plane


@pytest.mark.slow
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
def test_focus_is_the_common_point(x, y, z, seed):
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


@pytest.mark.slow
def test_up_is_up():
    assert estimate_up(orbit_cameras(10)) @ [0, 0, 1] > 0.9


def _table_and_ball(rng, noise=0.002):
    table = np.concatenate([rng.uniform(-1.5, 1.5, (3000, 2)), rng.normal(0, noise, (3000, 1))], 1)
    n = rng.normal(size=(2000, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    ball = 0.5 * n + [0, 0, 0.5] + rng.normal(0, noise, (2000, 3))
    normals = np.concatenate([np.broadcast_to([0, 0, 1.0], (3000, 3)), n]).astype(np.float32)
    return np.concatenate([table, ball]), normals


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_the_table_is_found_and_the_ball_is_the_object(seed):
    rng = np.random.default_rng(seed)
    xyz, normals = _table_and_ball(rng)
    cameras = orbit_cameras(10)
    centres = np.array([c.centre for c in cameras])
    plane = find_support_plane(xyz, normals, centres, np.array([0.1, 0, 0.995]), 1.2, seed)
    assert plane is not None
    assert plane.normal @ [0, 0, 1] > 0.9999 and abs(plane.offset) < 0.004
    above = plane.height(xyz) > 0.03
    axes = intersect_optical_axes(cameras)
    member = object_points(cameras, xyz[above], axes)
    assert member.mean() > 0.97


def test_no_plane_in_a_ball_alone_nor_above_the_cameras():
    rng = np.random.default_rng(0)
    xyz, normals = _table_and_ball(rng)
    cameras = orbit_cameras(10)
    centres = np.array([c.centre for c in cameras])
    assert find_support_plane(xyz[3000:], normals[3000:], centres, np.array([0, 0, 1.0]), 1.2) is None
    assert find_support_plane(xyz + [0, 0, 5], normals, centres, np.array([0, 0, 1.0]), 1.2) is None


def test_share_of_cameras_that_see_a_point():
    cameras = orbit_cameras(10)
    share = visible_fraction(cameras, np.array([[0, 0, 0.4], [50.0, 0, 0]]))
    assert share[0] == 1 and share[1] < 0.5
