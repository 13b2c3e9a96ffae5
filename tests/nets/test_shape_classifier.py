"""The classifier of occupancy grids: probabilities, poses, size features."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from network_checks import same_under_a_seed, without_gradient  # noqa: E402
from shapes_for_nets import l_shape  # noqa: E402

from lift3d.nets.factory import create_classifier  # noqa: E402
from lift3d.nets.rotation6d import rotation_from_6d  # noqa: E402
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier, size_features  # noqa: E402
from lift3d.nets.sizes import IDENTITY, POSES  # noqa: E402
from lift3d.nets.spatial_transformer import (  # noqa: E402
    candidate_poses,
    downsample,
    transform_voxels,
)

CONFIG = {"kind": "voxels", "width": 8, "transformer": True, "dropout": 0.3, "hidden": 32}


def test_probabilities_sum_to_one_and_are_invariant_to_symmetries() -> None:
    torch.manual_seed(3)
    net = VoxelClassifier(5, 8, transformer=False).eval()
    x = torch.cat([l_shape(), l_shape().flip(3)])
    with torch.no_grad():
        for plan in (TestTimeAugmentation(), TestTimeAugmentation(symmetries=True)):
            p = net.probabilities(x, plan)
            assert p.shape == (2, 5) and torch.allclose(p.sum(1), torch.ones(2), atol=1e-5)
        reoriented = torch.rot90(x, 1, (1, 2)).flip(1)
        assert torch.allclose(
            net.probabilities(reoriented, TestTimeAugmentation(symmetries=True)), p, atol=1e-4
        )


@pytest.mark.parametrize(
    "plan", [TestTimeAugmentation(), TestTimeAugmentation(3), TestTimeAugmentation(2, True)]
)
@pytest.mark.slow
def test_every_network_supports_test_time_augmentation(plan: TestTimeAugmentation) -> None:
    x = l_shape()
    for change in ({}, {"transformer": False}, {"kind": "points"}):
        with torch.no_grad():
            p = create_classifier({**CONFIG, **change}, 3).eval().probabilities(x, plan)
        assert p.shape == (1, 3) and float(p.sum()) == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_a_large_identity_bias_keeps_the_pose() -> None:
    torch.manual_seed(7)
    net = VoxelClassifier(3, 8).eval()
    rotated = transform_voxels(l_shape(), rotation_from_6d(torch.randn(1, 6)))
    with torch.no_grad():
        scored = net.score_poses(rotated)
        own = rotation_from_6d(candidate_poses(downsample(rotated, 32))[:, IDENTITY])
        assert torch.equal(own[:, 2], torch.tensor([[0.0, 0, 1]])), "up stays up"
        assert torch.allclose(net.upright_rotation(rotated, 1e3), own)
        assert torch.equal(net.upright_rotation(rotated, 0.5, scored), net.upright_rotation(rotated, 0.5))
        still = net.probabilities(rotated, TestTimeAugmentation(identity_bias=1e3))
        assert torch.allclose(still, net.upright_logits(net.rotate(rotated, own)).softmax(1))


@pytest.mark.slow
def test_without_augmentation_probabilities_are_those_of_the_forward_pass() -> None:
    net = VoxelClassifier(4, 8).eval()
    with torch.no_grad():
        assert torch.allclose(
            net.probabilities(l_shape(), TestTimeAugmentation()), net(l_shape()).softmax(1), atol=1e-5
        )


def test_size_features_are_those_of_the_box() -> None:
    x = torch.zeros(1, 32, 32, 32)
    x[0, :16, :8, :24] = 1
    assert torch.allclose(
        size_features(x)[0],
        torch.tensor([0.25, 0.5, 0.75, 1.0, np.sqrt(16 * 8 * 24 / 32**3)], dtype=torch.float32),
    )
    assert torch.equal(size_features(x), size_features(torch.rot90(x, 1, (1, 2))))


def test_the_shipped_network_is_small() -> None:
    net = VoxelClassifier(46)
    assert sum(p.numel() for p in net.parameters()) * 2 < 16e6


def test_every_weight_learns_through_the_head_or_the_upright_estimator() -> None:
    net = VoxelClassifier(3, 4, hidden=8).eval()
    loss = net.upright_logits(torch.rand(2, 64, 64, 64)).square().sum()
    loss = loss + net.upright_estimator.upright(torch.rand(2, 32, 32, 32)).square().sum()
    assert not without_gradient(net, loss)
    assert same_under_a_seed(lambda: VoxelClassifier(3, 4, hidden=8))


@pytest.mark.slow
def test_the_average_over_poses_is_weighted_by_their_scores() -> None:
    """A slow twin of `probabilities` with three poses."""
    torch.manual_seed(1)
    net, x = VoxelClassifier(3, 4, hidden=8).eval(), l_shape()
    with torch.no_grad():
        poses, scores = net.score_poses(x)
        weight, index = scores.softmax(1)[0].topk(3)
        parts = [
            w * net.upright_logits(net.rotate(x, rotation_from_6d(poses[:, int(i)]))).softmax(1)
            for w, i in zip(weight / weight.sum(), index)
        ]
        assert torch.allclose(net.probabilities(x, TestTimeAugmentation(3)), sum(parts), atol=1e-6)


def test_the_identity_bias_is_added_to_the_pose_as_given() -> None:
    from lift3d.nets.shape_classifier import favour_identity

    scores = torch.zeros(2, POSES)
    assert favour_identity(scores, 0) is scores
    biased = favour_identity(scores, 2.5)
    assert biased[:, IDENTITY].tolist() == [2.5, 2.5] and float(biased.sum()) == 5.0
    assert float(scores.sum()) == 0, "the input is not changed"
