"""Building blocks: shuffles are inverse and agree with torch's, residual blocks and transformers keep their contracts."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, without_gradient  # noqa: E402

from lift3d.nets.blocks import (  # noqa: E402
    ImageEncoder,
    ResBlock2d,
    ResBlock3d,
    TransformerBlock,
    voxel_shuffle,
    voxel_unshuffle,
)


@pytest.mark.parametrize(("channels", "by", "side"), [(1, 4, 8), (3, 2, 4), (2, 3, 6)])
def test_voxel_shuffle_inverts_voxel_unshuffle(channels: int, by: int, side: int) -> None:
    x = torch.arange(2 * channels * side**3).view(2, channels, side, side, side).float()
    y = voxel_unshuffle(x, by)
    assert y.shape == (2, channels * by**3, *(side // by,) * 3)
    assert torch.equal(voxel_shuffle(y, by), x)


def test_voxel_unshuffle_is_pixel_unshuffle_with_another_axis() -> None:
    """A slow twin: every output channel is a strided slice, in the order of torch's pixel_unshuffle."""
    x = torch.rand(1, 2, 4, 4, 4)
    y = voxel_unshuffle(x, 2)
    for c, i, j, k in np.ndindex(2, 2, 2, 2):
        assert torch.equal(y[:, ((c * 2 + i) * 2 + j) * 2 + k], x[:, c, i::2, j::2, k::2])
    flat = torch.rand(1, 3, 4, 6)
    own = voxel_unshuffle(flat[:, :, None].expand(-1, -1, 2, -1, -1), 2)[:, :, 0]
    assert torch.equal(own.view(1, 3, 2, 4, 2, 3)[:, :, 0].flatten(1, 2), torch.pixel_unshuffle(flat, 2))


@pytest.mark.parametrize(
    ("block", "x", "shape"),
    [
        (lambda: ResBlock2d(3, 3), (2, 3, 8, 8), (2, 3, 8, 8)),
        (lambda: ResBlock2d(3, 5), (2, 3, 8, 8), (2, 5, 8, 8)),
        (lambda: ResBlock3d(4), (2, 4, 5, 6, 7), (2, 4, 5, 6, 7)),
    ],
)
def test_residual_blocks(block, x: tuple[int, ...], shape: tuple[int, ...]) -> None:
    net = randomised(block())
    x = torch.randn(x)
    y = net(x)
    assert y.shape == shape and float(y.min()) >= 0
    assert not without_gradient(net, y.square().sum())
    assert independent_in_the_batch(net, x)


def test_a_residual_block_without_weights_is_its_shortcut() -> None:
    net = ResBlock3d(2).eval()
    for p in (net.second.weight, net.second_norm.bias):
        torch.nn.init.zeros_(p)
    x = torch.randn(1, 2, 4, 4, 4)
    assert torch.equal(net(x), torch.relu(x))


def test_the_image_encoder_halves_the_size_and_uses_every_weight() -> None:
    net = randomised(ImageEncoder((4, 6, 8, 10)))
    maps = net(torch.rand(1, 4, 128, 128))
    assert [m.shape[1:] for m in maps] == [(4, 64, 64), (6, 32, 32), (8, 16, 16), (10, 8, 8)]
    assert not without_gradient(net, maps[3].sum())


def test_a_transformer_block_is_equivariant_to_the_order_of_tokens() -> None:
    net = randomised(TransformerBlock(16, 4))
    x = torch.randn(2, 5, 16)
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        assert torch.allclose(net(x)[:, order], net(x[:, order]), atol=1e-5)
    assert independent_in_the_batch(net, x)
    assert not without_gradient(net, net(x).square().sum())


def test_attention_agrees_with_its_definition() -> None:
    """softmax(Q K^T / sqrt(d)) V, written out for one head."""
    net = randomised(TransformerBlock(8, 1))
    x = torch.randn(1, 3, 8)
    with torch.no_grad():
        q, k, v = net.qkv(net.norm1(x)).split(8, 2)
        y = x + net.proj((q @ k.transpose(1, 2) / 8**0.5).softmax(-1) @ v)
        expected = y + net.fc2(torch.nn.functional.gelu(net.fc1(net.norm2(y))))
        assert torch.allclose(net(x), expected, atol=1e-5)
