"""Frames of rotated shapes: rectilinear and principal axes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from shapes_for_nets import l_shape  # noqa: E402

from lift3d.nets.principal_frames import (  # noqa: E402
    _normals,
    principal_axis_frames,
    rectilinear_frames,
    rotations_from_rodrigues,
)
from lift3d.nets.rotation6d import rotation_from_6d  # noqa: E402
from lift3d.nets.spatial_transformer import downsample, transform_voxels  # noqa: E402


def test_frames_follow_the_rotation_of_a_shape() -> None:
    torch.manual_seed(4)
    turn = rotation_from_6d(torch.randn(6, 6))
    boxes = transform_voxels(downsample(l_shape().expand(6, -1, -1, -1), 32), turn)
    for frames in (rectilinear_frames(boxes), principal_axis_frames(boxes)):
        assert torch.allclose(frames @ frames.transpose(1, 2), torch.eye(3).expand(6, 3, 3), atol=1e-4)
        assert torch.allclose(torch.linalg.det(frames), torch.ones(6), atol=1e-4)
    along = (rectilinear_frames(boxes) @ turn).abs().amax(2)
    assert torch.rad2deg(torch.acos(along.clamp(max=1))).max() < 4, (
        "its axes are rows of the frame, in some order"
    )
    rod = torch.zeros(1, 64, 64, 64)
    rod[0, 2:62, 24:40, 28:36] = 1
    rotated = transform_voxels(downsample(rod, 32).expand(6, -1, -1, -1), turn)
    cosine = (principal_axis_frames(rotated)[:, 0] * turn[:, :, 0]).sum(1).abs()
    assert torch.rad2deg(torch.acos(cosine.clamp(max=1))).max() < 3


@pytest.mark.slow
def test_the_fast_search_is_as_good_as_an_exhaustive_one() -> None:
    """Against 20,000 random rotations tried one by one."""
    torch.manual_seed(5)
    occupancy = transform_voxels(downsample(l_shape(), 32), rotation_from_6d(torch.randn(1, 6)))
    weight, normal = _normals(occupancy)
    cost = [
        float(((r @ normal[0].T).abs().sum(0) * weight[0]).sum())
        for r in rotation_from_6d(torch.randn(20_000, 6))
    ]
    found = rectilinear_frames(occupancy)[0]
    assert float(((found @ normal[0].T).abs().sum(0) * weight[0]).sum()) <= min(cost) * 1.001


def test_rodrigues_vectors_are_rotations_about_their_axis() -> None:
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(0)
    axis = rng.normal(size=(5, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = rng.uniform(0, 2, 5)
    own = rotations_from_rodrigues(torch.tensor(axis * np.tan(angle / 2)[:, None]))
    expected = Rotation.from_rotvec(axis * angle[:, None]).as_matrix()
    assert np.allclose(own.numpy(), expected, atol=1e-9)


def test_frames_of_a_box_on_the_grid_are_its_axes() -> None:
    x = torch.zeros(1, 32, 32, 32)
    x[0, 2:30, 8:20, 12:18] = 1
    frame = rectilinear_frames(x)[0].abs()
    assert torch.allclose(frame.amax(1), torch.ones(3), atol=1e-3)
    assert torch.allclose(principal_axis_frames(x)[0].abs(), torch.eye(3), atol=1e-3)


def test_degenerate_shapes_have_finite_frames() -> None:
    x = torch.zeros(3, 16, 16, 16)
    x[1] = 1
    x[2, 5, 5, 5] = 1
    for frames in (rectilinear_frames(x), principal_axis_frames(x)):
        assert torch.isfinite(frames).all()
        assert torch.allclose(frames @ frames.mT, torch.eye(3).expand(3, 3, 3), atol=1e-3)
