"""The classifier's parts: solids turned and turned back, poses that are pulled to the truth, answers that ignore how it lies."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.nets.factory import create_classifier
from lift3d.nets.masked_autoencoder import MaskedImageAutoencoder, MaskedVoxelAutoencoder, expand_mask  # noqa: E402
from lift3d.nets.point_net import PointNet, surface_points
from lift3d.nets.principal_frames import _normals, principal_axis_frames, rectilinear_frames  # noqa: E402
from lift3d.nets.rotation6d import rotation_from_6d  # noqa: E402
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier, size_features
from lift3d.nets.spatial_transformer import (
    FILL,
    IDENTITY,
    POSES,
    UprightEstimator,
    bounding_box,
    candidate_poses,
    downsample,
    transform_voxels,
    upright_loss,
)

CONFIG = {"kind": "voxels", "width": 8, "transformer": True, "dropout": 0.3, "hidden": 32}


def ell() -> torch.Tensor:
    """An L with a foot: no rotation brings it onto itself."""
    x = torch.zeros(1, 64, 64, 64)
    x[0, 2:62, 20:44, 20:44] = 1
    x[0, 2:26, 20:44, 20:60] = 1
    x[0, 40:62, 4:44, 20:30] = 1
    return transform_voxels(x, torch.eye(3)[None])


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum())


def test_turned_and_turned_back_is_the_same_and_turned_is_not() -> None:
    start = ell()
    torch.manual_seed(0)
    for _ in range(4):
        turn = rotation_from_6d(torch.randn(1, 6))
        there = transform_voxels(start, turn)
        assert iou(transform_voxels(there, turn.transpose(1, 2)), start) > 0.85 > iou(there, start)
    quarter = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    assert iou(transform_voxels(start, quarter), torch.rot90(start, 1, (1, 2))) > 0.97


def test_whatever_the_pose_the_longest_side_of_the_box_fills_the_grid() -> None:
    torch.manual_seed(1)
    turned = transform_voxels(ell().expand(5, -1, -1, -1), rotation_from_6d(torch.randn(5, 6)))
    middle, half = bounding_box(turned, torch.eye(3).expand(5, 3, 3))
    assert torch.allclose(half, torch.full((5,), FILL), atol=0.05) and middle.abs().max() < 0.04


def test_the_box_is_that_of_all_full_cells() -> None:
    torch.manual_seed(2)
    share, turn = (torch.rand(3, 8, 8, 8) > 0.9).float(), torch.randn(3, 3, 3)
    middle, half = bounding_box(share, turn)
    for k in range(3):
        places = ((share[k] > 0).nonzero().float() + 0.5) / 4 - 1
        there = places @ turn[k].T
        low, high = there.amin(0), there.amax(0)
        assert torch.allclose(middle[k], (low + high) / 2, atol=1e-5)
        assert torch.allclose(half[k], (high - low).max() / 2 + 1 / 8, atol=1e-5)


def test_an_empty_grid_stays_empty() -> None:
    assert float(transform_voxels(torch.zeros(2, 16, 16, 16), torch.eye(3).expand(2, 3, 3)).sum()) == 0


def test_gradients_reach_the_pose() -> None:
    columns = torch.tensor([[0.1, 0.0, 1, 1, 0, 0]], requires_grad=True)
    (
        transform_voxels(downsample(ell(), 32), rotation_from_6d(columns)) * torch.rand(32, 32, 32)
    ).sum().backward()
    assert columns.grad is not None and float(columns.grad.abs().sum()) > 0


def test_frames_are_those_of_a_turned_thing() -> None:
    torch.manual_seed(4)
    turn = rotation_from_6d(torch.randn(6, 6))
    boxes = transform_voxels(downsample(ell().expand(6, -1, -1, -1), 32), turn)
    for frames in (rectilinear_frames(boxes), principal_axis_frames(boxes)):
        assert torch.allclose(frames @ frames.transpose(1, 2), torch.eye(3).expand(6, 3, 3), atol=1e-4)
        assert torch.allclose(torch.linalg.det(frames), torch.ones(6), atol=1e-4)
    along = (rectilinear_frames(boxes) @ turn).abs().amax(2)
    assert torch.rad2deg(torch.acos(along.clamp(max=1))).max() < 4, (
        "its axes are rows of the frame, in some order"
    )
    rod = torch.zeros(1, 64, 64, 64)
    rod[0, 2:62, 24:40, 28:36] = 1
    turned = transform_voxels(downsample(rod, 32).expand(6, -1, -1, -1), turn)
    cosine = (principal_axis_frames(turned)[:, 0] * turn[:, :, 0]).sum(1).abs()
    assert torch.rad2deg(torch.acos(cosine.clamp(max=1))).max() < 3


def test_the_quick_search_finds_what_a_slow_one_finds() -> None:
    """Against 20,000 random rotations tried one by one."""
    torch.manual_seed(5)
    share = transform_voxels(downsample(ell(), 32), rotation_from_6d(torch.randn(1, 6)))
    weight, normal = _normals(share)
    cost = [
        float(((r @ normal[0].T).abs().sum(0) * weight[0]).sum())
        for r in rotation_from_6d(torch.randn(20_000, 6))
    ]
    found = rectilinear_frames(share)[0]
    assert float(((found @ normal[0].T).abs().sum(0) * weight[0]).sum()) <= min(cost) * 1.001


def test_one_of_the_poses_is_upright_however_it_lies() -> None:
    torch.manual_seed(6)
    turn = rotation_from_6d(torch.randn(5, 6))
    poses = candidate_poses(transform_voxels(downsample(ell().expand(5, -1, -1, -1), 32), turn))
    assert poses.shape == (5, POSES, 6)
    ups = rotation_from_6d(poses.flatten(0, 1)).view(5, POSES, 3, 3)[:, :, 2]
    best = (ups * turn[:, None, :, 2]).sum(2).amax(1)
    assert torch.rad2deg(torch.acos(best.clamp(max=1))).max() < 4


def test_how_upright_it_looks_is_learned() -> None:
    torch.manual_seed(7)
    net, x = UprightEstimator(4), downsample(ell(), 32)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    seen = torch.cat([x, x.flip(2, 3), torch.rot90(x, 1, (1, 3)), torch.rot90(x, 1, (2, 3))])
    right = torch.tensor([[True, False, False, False]])
    for _ in range(30):
        loss = upright_loss(net.upright(seen)[None], right)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1 < float(upright_loss(torch.zeros(1, 4), right))
    with torch.no_grad():
        poses, scores = net.eval()(x)
    assert poses.shape == (1, POSES, 6) and scores.shape == (1, POSES)


def test_probabilities_are_such_and_do_not_change_when_the_thing_is_laid_otherwise() -> None:
    torch.manual_seed(3)
    net = VoxelClassifier(5, 8, transformer=False).eval()
    x = torch.cat([ell(), ell().flip(3)])
    with torch.no_grad():
        for plan in (TestTimeAugmentation(), TestTimeAugmentation(symmetries=True)):
            p = net.probabilities(x, plan)
            assert p.shape == (2, 5) and torch.allclose(p.sum(1), torch.ones(2), atol=1e-5)
        laid = torch.rot90(x, 1, (1, 2)).flip(1)
        assert torch.allclose(net.probabilities(laid, TestTimeAugmentation(symmetries=True)), p, atol=1e-4)


@pytest.mark.parametrize(
    "plan", [TestTimeAugmentation(), TestTimeAugmentation(3), TestTimeAugmentation(2, True)]
)
def test_every_plan_is_answered_by_every_network(plan: TestTimeAugmentation) -> None:
    x = ell()
    for change in ({}, {"transformer": False}, {"kind": "points"}):
        with torch.no_grad():
            p = create_classifier({**CONFIG, **change}, 3).eval().probabilities(x, plan)
        assert p.shape == (1, 3) and float(p.sum()) == pytest.approx(1, abs=1e-4)


def test_what_stays_is_left_as_it_stands() -> None:
    torch.manual_seed(7)
    net = VoxelClassifier(3, 8).eval()
    turned = transform_voxels(ell(), rotation_from_6d(torch.randn(1, 6)))
    with torch.no_grad():
        asked = net.score_poses(turned)
        own = rotation_from_6d(candidate_poses(downsample(turned, 32))[:, IDENTITY])
        assert torch.equal(own[:, 2], torch.tensor([[0.0, 0, 1]])), "up stays up"
        assert torch.allclose(net.upright_rotation(turned, 1e3), own)
        assert torch.equal(net.upright_rotation(turned, 0.5, asked), net.upright_rotation(turned, 0.5))
        still = net.probabilities(turned, TestTimeAugmentation(identity_bias=1e3))
        assert torch.allclose(still, net.upright_logits(net.rotate(turned, own)).softmax(1))


def test_one_question_is_the_forward_pass() -> None:
    net = VoxelClassifier(4, 8).eval()
    with torch.no_grad():
        assert torch.allclose(
            net.probabilities(ell(), TestTimeAugmentation()), net(ell()).softmax(1), atol=1e-5
        )


def test_sizes_are_those_of_the_box() -> None:
    x = torch.zeros(1, 32, 32, 32)
    x[0, :16, :8, :24] = 1
    assert torch.allclose(
        size_features(x)[0],
        torch.tensor([0.25, 0.5, 0.75, 1.0, np.sqrt(16 * 8 * 24 / 32**3)], dtype=torch.float32),
    )
    assert torch.equal(size_features(x), size_features(torch.rot90(x, 1, (1, 2))))


def test_points_lie_on_the_surface() -> None:
    x = torch.zeros(2, 16, 16, 16)
    x[0, 4:12, 4:12, 4:12] = 1
    x[1, 3, 5, 7] = 1
    p = surface_points(x, 100)
    inner = p[0].abs().amax(1)
    assert torch.allclose(inner, torch.full((100,), 0.4375)) and len(p[0].unique(dim=0)) == 100
    assert torch.allclose(p[1], torch.tensor([3.5, 5.5, 7.5]) / 8 - 1)
    assert PointNet(3, 8, 64).eval()(x).shape == (2, 3)


def test_the_shipped_network_is_small() -> None:
    net = VoxelClassifier(46)
    assert sum(p.numel() for p in net.parameters()) * 2 < 16e6


def test_what_is_hidden_is_not_seen() -> None:
    hidden = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    hidden[0, 2, 3, 4] = True
    other = ell()
    other[0, 16:24, 24:32, 32:40] = 1 - other[0, 16:24, 24:32, 32:40]
    net = MaskedVoxelAutoencoder(8).eval()
    with torch.no_grad():
        assert torch.equal(net(ell(), hidden), net(other, hidden))
        assert not torch.equal(net(ell(), ~hidden), net(other, ~hidden))
        assert net(ell(), hidden).shape == (1, 64, 64, 64)
    assert int(expand_mask(hidden, 64).sum()) == 8**3 and bool(expand_mask(hidden, 64)[0, 17, 25, 33])
    pictures, flat = torch.randn(1, 4, 128, 128), torch.ones(1, 8, 8, dtype=torch.bool)
    with torch.no_grad():
        assert MaskedImageAutoencoder(8).eval()(pictures, flat).shape == (1, 4, 128, 128)


def test_pre_trained_trunks_fit_by_name_and_shape() -> None:
    own = {k: v.shape for k, v in VoxelClassifier(4).state_dict().items()}
    held = {k: v.shape for k, v in MaskedVoxelAutoencoder().state_dict().items() if k.startswith("backbone.")}
    assert held and all(own[k] == shape for k, shape in held.items())
    from lift3d.nets.views_to_volume import ViewsToVolume

    views = {k: v.shape for k, v in ViewsToVolume(8, 1).state_dict().items()}
    seen = {k: v.shape for k, v in MaskedImageAutoencoder(8).state_dict().items() if k.startswith("encoder.")}
    assert seen and all(views[k] == shape for k, shape in seen.items())
