"""Pinhole projection: inverses of each other, the half-pixel rule, and the homography of a plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import pixel_rays, project, relative_pose, resize_camera, unproject
from lift3d.types import Camera

CAMERA = Camera(7, 5, 6.0, 8.0, 3.2, 2.9, np.eye(4))
"""Small, with different focal lengths and a principal point off the centre."""

coordinate = st.floats(-2, 2)


def posed(seed: int, width: int = 12, height: int = 9) -> Camera:
    rng = np.random.default_rng(seed)
    eye = rng.normal(size=3)
    return look_at(
        4 * eye / np.linalg.norm(eye), rng.uniform(-0.3, 0.3, 3), width, height, 11.0, rng.uniform(-3, 3)
    )


def test_a_point_on_the_optical_axis_projects_to_the_principal_point() -> None:
    pixels, depth = project(CAMERA, np.array([[0.0, 0, 2], [0, 0, 17]]))
    np.testing.assert_array_equal(pixels, [[3.2, 2.9]] * 2)
    np.testing.assert_array_equal(depth, [2, 17])


def test_projection_of_known_points() -> None:
    pixels, depth = project(CAMERA, np.array([[1.0, 0, 2], [0, 1, 4], [-1, -1, 0.5]]))
    np.testing.assert_allclose(pixels, [[3.2 + 3, 2.9], [3.2, 2.9 + 2], [3.2 - 12, 2.9 - 16]])
    np.testing.assert_array_equal(depth, [2, 4, 0.5])


@settings(max_examples=40, deadline=None)
@given(coordinate, coordinate, coordinate, st.integers(0, 1000))
def test_projection_is_the_homogeneous_matrix(x: float, y: float, z: float, seed: int) -> None:
    """project equals K [R | t] in homogeneous coordinates."""
    camera = posed(seed)
    u, v, w = camera.K @ (camera.world_to_camera @ [x, y, z, 1])[:3]
    pixels, depth = project(camera, np.array([[x, y, z]]))
    np.testing.assert_allclose(depth[0], w, atol=1e-12)
    np.testing.assert_allclose(pixels[0] * w, [u, v], atol=1e-9)


def test_points_behind_and_in_the_plane_of_the_camera_stay_finite() -> None:
    pixels, depth = project(CAMERA, np.array([[1.0, 1, -3], [1, 1, 0], [0, 0, 0]]))
    assert np.isfinite(pixels).all() and (depth <= 0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 50))
def test_unprojection_inverts_projection(seed: int, scale: float) -> None:
    camera = posed(seed)
    z = (scale * np.random.default_rng(seed).uniform(0.5, 2, (camera.height, camera.width))).astype(
        np.float32
    )
    xyz = unproject(camera, z)
    pixels, depth = project(camera, xyz.reshape(-1, 3))
    u, v = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    np.testing.assert_allclose(pixels, np.stack([u.ravel(), v.ravel()], 1), atol=1e-6)
    np.testing.assert_allclose(depth, z.ravel(), rtol=1e-6)


def test_depth_zero_unprojects_to_the_camera_centre() -> None:
    camera = posed(3)
    xyz = unproject(camera, np.zeros((camera.height, camera.width), np.float32))
    np.testing.assert_allclose(xyz, np.broadcast_to(camera.centre, xyz.shape), atol=1e-12)


def test_rays_pass_through_pixel_centres_with_unit_depth() -> None:
    rays = pixel_rays(CAMERA)
    assert rays.shape == (5, 7, 3) and (rays[..., 2] == 1).all()
    for row, column in ((0, 0), (4, 6), (2, 3)):
        expected = np.linalg.solve(CAMERA.K, [column + 0.5, row + 0.5, 1])
        np.testing.assert_allclose(rays[row, column], expected, atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_resizing_scales_pixels_exactly(width: int, height: int, seed: int) -> None:
    """Pixel u of a photo of width W is pixel u w / W of the photo resized to w: no offset by half a pixel."""
    camera = posed(seed)
    xyz = np.random.default_rng(seed).uniform(-1, 1, (10, 3))
    before, depth = project(camera, xyz)
    after, same = project(resize_camera(camera, width, height), xyz)
    np.testing.assert_allclose(
        after, before * [width / camera.width, height / camera.height], rtol=1e-9, atol=1e-9
    )
    np.testing.assert_array_equal(depth, same)


def test_resizing_there_and_back_is_the_identity() -> None:
    camera = posed(1)
    back = resize_camera(resize_camera(camera, 24, 27), camera.width, camera.height)
    np.testing.assert_allclose(back.K, camera.K, rtol=1e-15)
    assert (back.width, back.height) == (camera.width, camera.height)


@pytest.mark.parametrize("seed", range(4))
def test_relative_pose_predicts_the_pixel_in_the_source_view(seed: int) -> None:
    """x ~ A [u, v, 1] + b / z against projection through the world."""
    reference, source = posed(seed), posed(seed + 100)
    row = relative_pose(reference, source)
    a, b = row[:9].reshape(3, 3), row[9:]
    z = np.random.default_rng(seed).uniform(2, 6, (reference.height, reference.width)).astype(np.float32)
    expected, depth = project(source, unproject(reference, z).reshape(-1, 3))
    u, v = np.meshgrid(np.arange(reference.width) + 0.5, np.arange(reference.height) + 0.5)
    homogeneous = np.stack([u.ravel(), v.ravel(), np.ones(u.size)], 1) @ a.T + b / z.reshape(-1, 1)
    front = depth > 0.1
    np.testing.assert_allclose(
        (homogeneous[:, :2] / homogeneous[:, 2:])[front], expected[front], rtol=1e-6, atol=1e-4
    )
    np.testing.assert_allclose(homogeneous[:, 2] * z.ravel(), depth, rtol=1e-6, atol=1e-6)


def test_relative_pose_of_a_camera_to_itself_is_the_identity() -> None:
    row = relative_pose(CAMERA, CAMERA)
    np.testing.assert_allclose(row[:9].reshape(3, 3), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(row[9:], 0, atol=1e-12)
