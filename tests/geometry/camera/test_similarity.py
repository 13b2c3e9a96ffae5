"""Similarity transforms: a transformed camera sees the transformed world as before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import project
from lift3d.geometry.camera.similarity import transform_camera, transform_views, upright_frame
from lift3d.types import Image, Points, Views


def similarity(seed: int, scale: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.eye(4)
    out[:3, :3] = scale * Rotation.random(random_state=seed).as_matrix()
    out[:3, 3] = rng.uniform(-5, 5, 3)
    return out


def apply(matrix: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    return xyz @ matrix[:3, :3].T + matrix[:3, 3]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_pixels_stay_and_depths_scale(seed: int, scale: float) -> None:
    camera = look_at(np.array([3.0, 1, 2]), np.zeros(3), 40, 30, 30.0)
    matrix, xyz = similarity(seed, scale), np.random.default_rng(seed).uniform(-1, 1, (20, 3))
    before, depth = project(camera, xyz)
    after, scaled = project(transform_camera(camera, matrix), apply(matrix, xyz))
    np.testing.assert_allclose(after, before, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(scaled, scale * depth, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_transforms_compose_and_invert(seed: int, scale: float) -> None:
    camera = look_at(np.array([3.0, 1, 2]), np.zeros(3), 40, 30, 30.0)
    a, b = similarity(seed, scale), similarity(seed + 1, 1 / scale)
    twice = transform_camera(transform_camera(camera, a), b)
    np.testing.assert_allclose(
        twice.world_to_camera, transform_camera(camera, b @ a).world_to_camera, atol=1e-9
    )
    back = transform_camera(transform_camera(camera, a), np.linalg.inv(a))
    np.testing.assert_allclose(back.world_to_camera, camera.world_to_camera, atol=1e-9)


def test_views_move_with_their_points_and_normals() -> None:
    cameras = tuple(look_at(np.array([3.0, k, 2]), np.zeros(3), 4, 3, 3.0) for k in range(3))
    rng = np.random.default_rng(0)
    xyz, normals = rng.uniform(-1, 1, (5, 3)), rng.normal(size=(5, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    images = (Image(np.zeros((3, 4, 3), np.uint8)),) * 3
    views = Views(images, cameras, Points(xyz, normals), np.zeros((0, 2), np.int32))
    matrix = similarity(7, 0.5)
    moved = transform_views(views, matrix, "m")
    np.testing.assert_allclose(moved.points.xyz, apply(matrix, xyz))
    assert moved.unit == moved.points.unit == "m" and moved.images is images
    assert moved.points.normals is not None and moved.points.normals.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(moved.points.normals, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(moved.points.normals, normals @ (matrix[:3, :3] / 0.5).T, atol=1e-6)
    for before, after in zip(cameras, moved.cameras):
        np.testing.assert_allclose(after.centre, apply(matrix, before.centre[None])[0], atol=1e-9)


def test_points_without_normals_stay_without() -> None:
    views = Views((), (), Points(np.zeros((2, 3))), np.zeros((0, 2), np.int32))
    assert transform_views(views, similarity(0, 2.0)).points.normals is None


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda up: np.linalg.norm(up) > 0.1), st.floats(0.1, 9))
def test_an_upright_frame_is_a_rotation_with_z_along_up(up: tuple[float, ...], length: float) -> None:
    direction = np.array(up) / np.linalg.norm(up)
    frame = upright_frame(length * direction, np.array([1.0, 2, 3]))
    np.testing.assert_allclose(frame[:3, :3].T @ frame[:3, :3], np.eye(3), atol=1e-12)
    assert np.linalg.det(frame[:3, :3]) == pytest.approx(1)
    np.testing.assert_allclose(frame[:3, 2], direction, atol=1e-12)
    np.testing.assert_array_equal(frame[:, 3], [1, 2, 3, 1])
    forward = np.array([0.3, -0.4, 0.2])
    front = upright_frame(length * direction, np.zeros(3), forward)
    assert np.linalg.det(front[:3, :3]) == pytest.approx(1)
    np.testing.assert_allclose(front[:3, 2], direction, atol=1e-12)
    assert forward @ front[:3, 0] == pytest.approx(0, abs=1e-12) and forward @ front[:3, 1] > 0
    np.testing.assert_array_equal(
        upright_frame(direction, np.ones(3), direction), upright_frame(direction, np.ones(3))
    )
