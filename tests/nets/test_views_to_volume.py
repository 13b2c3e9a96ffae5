"""ViewsToVolume: any number of pictures in any order, proper rotations, and separate losses of network and critic."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lift3d.nets.rotation6d import rotation_from_6d  # noqa: E402
from lift3d.nets.views_to_volume import GRID_SIZE, EncoderDecoder, ViewsToVolume, resample_upright  # noqa: E402
from lift3d.nets.wgan import Critic, critic_losses  # noqa: E402


@pytest.fixture(scope="module")
def net() -> ViewsToVolume:
    torch.manual_seed(0)
    return ViewsToVolume(8, 2).eval()


def test_the_output_depends_on_the_first_picture_but_not_on_the_order_of_the_others(
    net: ViewsToVolume,
) -> None:
    x = torch.randn(2, 4, 4, 128, 128)
    with torch.no_grad():
        for count in (1, 2, 4):
            said = net(x[:, :count])
            assert said.volume.shape == (2, GRID_SIZE, GRID_SIZE, GRID_SIZE) and said.pose.shape == (2, 10)
            assert said.depth.shape == (2,) and torch.isfinite(said.volume).all()
        one, other = net(x).volume, net(x[:, [0, 3, 1, 2]]).volume
        assert torch.allclose(one, other, atol=1e-4)
        assert not torch.allclose(one, net(x[:, [1, 0, 2, 3]]).volume, atol=1e-2)  # the first is the frame
        assert torch.allclose(net.code(x), net(x).code, atol=1e-5)


def test_weights_are_small_enough_for_the_package() -> None:
    assert sum(p.numel() for p in ViewsToVolume().parameters()) * 2 < 16e6
    with torch.no_grad():
        assert EncoderDecoder(8, 64).eval()(torch.randn(2, 3, 4, 128, 128)).volume.shape == (2, 32, 32, 32)


def test_rotations_are_orthogonal() -> None:
    r = rotation_from_6d(torch.randn(50, 6))
    eye = torch.eye(3).expand(50, 3, 3)
    assert torch.allclose(r @ r.transpose(1, 2), eye, atol=1e-5)
    assert torch.allclose(torch.linalg.det(r), torch.ones(50), atol=1e-5)
    up, front = torch.tensor([[0.0, -2, 0]]), torch.tensor([[3.0, 1, 0]])
    r = rotation_from_6d(torch.cat([up, front], 1))[0]
    assert torch.allclose(r[2], torch.tensor([0.0, -1, 0])) and torch.allclose(
        r[0], torch.tensor([1.0, 0, 0])
    )


def test_the_spatial_transformer_has_gradients_for_voxels_and_pose() -> None:
    share = torch.zeros(1, 32, 32, 32)
    share[:, 8:24, 10:20, 12:22] = 1
    share.requires_grad_()
    pose = torch.tensor([[0.0, -1, 0, 1, 0, 0, 0, 0, 0, 0.3]], requires_grad=True)
    far, reach = torch.tensor([3.0]), torch.tensor([1.0])
    seen = resample_upright(share, pose, torch.diag(torch.tensor([3.0, 3, 1]))[None], far, reach, 16)
    assert seen.shape == (1, 1, 16, 16, 16) and float(seen.detach().max()) == pytest.approx(1, abs=1e-3)
    (seen * torch.randn_like(seen)).sum().backward()
    assert share.grad is not None and share.grad.abs().sum() > 0
    assert pose.grad is not None and (pose.grad[0, [0, 2, 5, 6, 7, 8, 9]].abs() > 0).all()


def test_critic_and_generator_get_their_own_gradients() -> None:
    torch.manual_seed(1)
    critic = Critic(4)
    made = torch.rand(3, 64, 64, 64, requires_grad=True)
    fooled, judged = critic_losses(critic, made, (torch.rand(3, 64, 64, 64) > 0.8).float())
    fooled.backward(retain_graph=True)
    assert all(p.grad is None for p in critic.parameters()) and made.grad is not None
    before = made.grad.clone()
    judged.backward()
    assert torch.equal(made.grad, before) and all(
        p.grad is not None for p in critic.parameters() if p.ndim > 1
    )
