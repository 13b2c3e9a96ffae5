"""The spatial transformer: rotations of occupancy grids, bounding boxes, and the upright estimator."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from shapes_for_nets import iou, l_shape  # noqa: E402

from lift3d.nets.rotation6d import rotation_from_6d  # noqa: E402
from lift3d.nets.spatial_transformer import (  # noqa: E402
    FILL,
    POSES,
    UprightEstimator,
    bounding_box,
    candidate_poses,
    downsample,
    transform_voxels,
    upright_loss,
)


def test_a_rotation_and_its_inverse_restore_a_shape() -> None:
    start = l_shape()
    torch.manual_seed(0)
    for _ in range(4):
        turn = rotation_from_6d(torch.randn(1, 6))
        rotated_there = transform_voxels(start, turn)
        assert (
            iou(transform_voxels(rotated_there, turn.transpose(1, 2)), start)
            > 0.85
            > iou(rotated_there, start)
        )
    quarter = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    assert iou(transform_voxels(start, quarter), torch.rot90(start, 1, (1, 2))) > 0.97


def test_the_longest_side_fills_the_grid_in_every_rotation() -> None:
    torch.manual_seed(1)
    rotated = transform_voxels(l_shape().expand(5, -1, -1, -1), rotation_from_6d(torch.randn(5, 6)))
    centre, half = bounding_box(rotated, torch.eye(3).expand(5, 3, 3))
    assert torch.allclose(half, torch.full((5,), FILL), atol=0.05) and centre.abs().max() < 0.04


def test_the_bounding_box_is_that_of_all_full_voxels() -> None:
    torch.manual_seed(2)
    occupancy, turn = (torch.rand(3, 8, 8, 8) > 0.9).float(), torch.randn(3, 3, 3)
    centre, half = bounding_box(occupancy, turn)
    for k in range(3):
        centres = ((occupancy[k] > 0).nonzero().float() + 0.5) / 4 - 1
        rotated_there = centres @ turn[k].T
        low, high = rotated_there.amin(0), rotated_there.amax(0)
        assert torch.allclose(centre[k], (low + high) / 2, atol=1e-5)
        assert torch.allclose(half[k], (high - low).max() / 2 + 1 / 8, atol=1e-5)


def test_an_empty_grid_stays_empty() -> None:
    assert float(transform_voxels(torch.zeros(2, 16, 16, 16), torch.eye(3).expand(2, 3, 3)).sum()) == 0


def test_gradients_reach_the_pose() -> None:
    columns = torch.tensor([[0.1, 0.0, 1, 1, 0, 0]], requires_grad=True)
    (
        transform_voxels(downsample(l_shape(), 32), rotation_from_6d(columns)) * torch.rand(32, 32, 32)
    ).sum().backward()
    assert columns.grad is not None and float(columns.grad.abs().sum()) > 0


def test_one_candidate_pose_is_upright_in_every_rotation() -> None:
    torch.manual_seed(6)
    turn = rotation_from_6d(torch.randn(5, 6))
    poses = candidate_poses(transform_voxels(downsample(l_shape().expand(5, -1, -1, -1), 32), turn))
    assert poses.shape == (5, POSES, 6)
    ups = rotation_from_6d(poses.flatten(0, 1)).view(5, POSES, 3, 3)[:, :, 2]
    best = (ups * turn[:, None, :, 2]).sum(2).amax(1)
    assert torch.rad2deg(torch.acos(best.clamp(max=1))).max() < 4


@pytest.mark.slow
def test_the_upright_estimator_learns_an_upright_shape() -> None:
    torch.manual_seed(7)
    net, x = UprightEstimator(4), downsample(l_shape(), 32)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    views_seen = torch.cat([x, x.flip(2, 3), torch.rot90(x, 1, (1, 3)), torch.rot90(x, 1, (2, 3))])
    right = torch.tensor([[True, False, False, False]])
    for _ in range(30):
        loss = upright_loss(net.upright(views_seen)[None], right)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1 < float(upright_loss(torch.zeros(1, 4), right))
    with torch.no_grad():
        poses, scores = net.eval()(x)
    assert poses.shape == (1, POSES, 6) and scores.shape == (1, POSES)


def test_downsampling_averages_blocks() -> None:
    x = torch.rand(2, 8, 8, 8)
    y = downsample(x, 4)
    assert torch.allclose(y[:, 1, 2, 3], x[:, 2:4, 4:6, 6:8].mean((1, 2, 3)), atol=1e-6)
    assert downsample(x, 8) is x
    with pytest.raises(ValueError, match="not a multiple of 3"):
        downsample(x, 3)


def test_the_identity_keeps_a_shape_that_fills_the_grid() -> None:
    x = l_shape()
    assert iou(transform_voxels(x, torch.eye(3)[None]), x) > 0.99
    assert transform_voxels(x, torch.eye(3)[None], 16).shape == (1, 16, 16, 16)


def test_the_upright_loss_is_the_cross_entropy_of_the_right_poses() -> None:
    scores = torch.tensor([[2.0, 0, 0], [0, 1, 1]])
    one = torch.tensor([[True, False, False], [False, True, False]])
    expected = torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1]))
    assert float(upright_loss(scores, one)) == pytest.approx(float(expected), abs=1e-6)
    every = torch.ones(2, 3, dtype=torch.bool)
    assert float(upright_loss(torch.zeros(2, 3), every)) == pytest.approx(float(np.log(3)), abs=1e-6)
