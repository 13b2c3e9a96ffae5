"""The depth U-Net: sizes, unit normals, what is frozen, independence in the batch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import randomised, without_gradient  # noqa: E402

from lift3d.nets.dense.depth_unet import FROZEN_BLOCKS, DepthUNet  # noqa: E402


@pytest.fixture(scope="module")
def net() -> DepthUNet:
    torch.manual_seed(0)
    return randomised(DepthUNet(8)).eval()


@pytest.mark.parametrize("size", [(64, 64), (64, 96), (96, 32)])
def test_outputs_have_half_the_size_and_normals_are_unit_vectors(
    net: DepthUNet, size: tuple[int, int]
) -> None:
    with torch.no_grad():
        y = net(torch.randn(2, 3, *size))
    half = (size[0] // 2, size[1] // 2)
    assert y.inverse.shape == (2, 1, *half) and y.normals.shape == (2, 3, *half) and y.camera.shape == (2, 2)
    assert torch.allclose(y.normals.norm(dim=1), torch.ones(2, *half), atol=1e-4)


def test_pictures_of_a_batch_are_independent(net: DepthUNet) -> None:
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        together, alone = net(x), net(x[1:])
    for a, b in zip(together, alone):
        assert torch.allclose(a[1:], b, atol=1e-4)


def test_every_weight_is_used() -> None:
    net = randomised(DepthUNet(8))
    y = net(torch.randn(1, 3, 64, 64))
    assert not without_gradient(net, sum(part.square().sum() for part in y))


def test_the_first_blocks_and_the_depthwise_kernels_are_frozen() -> None:
    net = DepthUNet(8)
    net.freeze_early()
    net(torch.randn(1, 3, 64, 64)).inverse.sum().backward()
    trained = {name for name, p in net.named_parameters() if p.grad is not None and p.requires_grad}
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    early = ("backbone.stem.", *(f"backbone.blocks.{k}." for k in range(FROZEN_BLOCKS)))
    assert frozen == {
        name for name, _ in net.named_parameters() if name.startswith(early) or (".depthwise." in name)
    }
    assert {name.split(".")[0] for name in trained} >= {"backbone", "decoder", "head"}
