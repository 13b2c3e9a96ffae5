"""Quaternions and rotations against scipy and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lift3d.io.camera.quaternion import quaternion_from_rotation, rotation_from_quaternion


@given(st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_both_directions_agree_with_scipy(seed: int) -> None:
    rotation = Rotation.random(random_state=seed)
    q = quaternion_from_rotation(rotation.as_matrix())
    x, y, z, w = rotation.as_quat()
    assert q[0] >= 0 and np.linalg.norm(q) == pytest.approx(1)
    assert abs(q @ [w, x, y, z]) == pytest.approx(1, abs=1e-12)
    assert np.allclose(rotation_from_quaternion(q), rotation.as_matrix(), atol=1e-12)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 179.9999])
def test_rotations_about_an_axis_by_any_angle(axis: int, degrees: float) -> None:
    vector = np.eye(3)[axis] * np.radians(degrees)
    matrix = Rotation.from_rotvec(vector).as_matrix()
    assert np.allclose(rotation_from_quaternion(quaternion_from_rotation(matrix)), matrix, atol=1e-12)


def test_a_known_quaternion() -> None:
    s = np.sqrt(0.5)
    assert np.allclose(rotation_from_quaternion(np.array([s, 0, 0, s])), [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
