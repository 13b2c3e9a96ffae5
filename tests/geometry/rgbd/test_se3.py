"""Rigid motions: exponential and logarithm are inverse, adjoint moves twists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from lift3d.geometry.rgbd import se3

NUMBER = st.floats(-3, 3)
TWIST = st.tuples(*[NUMBER] * 3, *[st.floats(-1.7, 1.7)] * 3).map(np.array)


@settings(deadline=None)
@given(TWIST)
def test_exponential_is_that_of_the_matrix(twist: np.ndarray) -> None:
    matrix = np.zeros((4, 4))
    matrix[:3, :3], matrix[:3, 3] = se3.skew(twist[3:]), twist[:3]
    assert np.allclose(se3.exp(twist), expm(matrix), atol=1e-9)


@settings(deadline=None)
@given(TWIST)
def test_logarithm_undoes_the_exponential(twist: np.ndarray) -> None:
    assert np.allclose(se3.log(se3.exp(twist)), twist, atol=1e-6)


@settings(deadline=None)
@given(TWIST, TWIST)
def test_adjoint_moves_a_twist_to_the_other_side(a: np.ndarray, b: np.ndarray) -> None:
    motion = se3.exp(a)
    assert np.allclose(se3.exp(se3.adjoint(motion) @ b), motion @ se3.exp(b) @ se3.inverse(motion), atol=1e-8)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 0, -1), (0.6, 0.8, 0)])
@pytest.mark.parametrize("angle", [1e-9, 1e-5, np.pi - 1e-9, np.pi])
def test_angles_near_zero_and_half_a_turn(axis: tuple[float, ...], angle: float) -> None:
    motion = se3.exp(np.concatenate([[0.1, 0.2, 0.3], angle * np.array(axis)]))
    assert np.allclose(se3.exp(se3.log(motion)), motion, atol=1e-7)
    assert se3.angle_between(motion, np.eye(4)) == pytest.approx(angle, abs=1e-7)


def test_nearest_rigid_removes_scale() -> None:
    motion = se3.exp(np.array([1, 2, 3, 0.1, 0.2, 0.3]))
    scaled = motion.copy()
    scaled[:3, :3] *= 1.01
    assert np.allclose(se3.nearest_rigid(scaled), motion)
