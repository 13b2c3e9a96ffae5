"""PointNet and its surface points."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, same_under_a_seed, without_gradient  # noqa: E402
from shapes_for_nets import l_shape  # noqa: E402

from lift3d.nets.point_net import PointNet, surface_points  # noqa: E402
from lift3d.nets.shape_classifier import TestTimeAugmentation  # noqa: E402


def test_points_lie_on_the_surface() -> None:
    x = torch.zeros(2, 16, 16, 16)
    x[0, 4:12, 4:12, 4:12] = 1
    x[1, 3, 5, 7] = 1
    p = surface_points(x, 100)
    inner = p[0].abs().amax(1)
    assert torch.allclose(inner, torch.full((100,), 0.4375)) and len(p[0].unique(dim=0)) == 100
    assert torch.allclose(p[1], torch.tensor([3.5, 5.5, 7.5]) / 8 - 1)
    assert PointNet(3, 8, 64).eval()(x).shape == (2, 3)


def test_point_net_uses_every_weight_and_ignores_the_rest_of_the_batch() -> None:
    net = randomised(PointNet(3, 2, 64))
    x = torch.cat([l_shape(), l_shape().flip(1)])
    assert not without_gradient(net, net(x).square().sum())
    assert independent_in_the_batch(net, x)
    assert same_under_a_seed(lambda: PointNet(3, 2))


def test_point_net_does_not_change_the_pose() -> None:
    net = PointNet(3, 2, 64).eval()
    poses, scores = net.score_poses(l_shape())
    assert poses.shape == (1, 1, 6) and scores.tolist() == [[0.0]]
    assert torch.equal(net.upright_rotation(l_shape()), torch.eye(3)[None])
    with torch.no_grad():
        p = net.probabilities(l_shape(), TestTimeAugmentation(symmetries=True))
    assert float(p.sum()) == pytest.approx(1, abs=1e-5)


def test_surface_points_are_voxel_centres_and_deterministic() -> None:
    x = l_shape()
    a, b = surface_points(x, 50), surface_points(x.clone(), 50)
    assert torch.equal(a, b)
    voxel = ((a + 1) / 2 * 64 - 0.5)[0]
    assert torch.allclose(voxel, voxel.round(), atol=1e-4)
    assert bool(x[0][tuple(voxel.round().long().T)].all()), "every point is in a full voxel"


def test_an_empty_grid_gives_one_point_many_times() -> None:
    assert len(surface_points(torch.zeros(1, 8, 8, 8), 20)[0].unique(dim=0)) == 1
