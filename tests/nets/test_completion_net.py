"""The completion network: shapes, initialisation by the autoencoder, and the influence of the known part."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lift3d.nets.completion_net import CompletionNet  # noqa: E402
from lift3d.nets.shape_autoencoder import ShapeAutoencoder  # noqa: E402
from lift3d.train.engine import load_initial_weights  # noqa: E402


def test_weights_of_the_autoencoder_initialise_it() -> None:
    net, said = CompletionNet(8, 1), []
    held = ShapeAutoencoder(8, 4).state_dict()
    load_initial_weights(net, held, said.append)
    own = net.state_dict()
    taken = [k for k in own if k in held and torch.equal(own[k], held[k])]
    for part in (
        "encoder.fine.",
        "encoder.down.",
        "encoder.coarse.",
        "decoder.coarse.",
        "decoder.up.",
        "decoder.fine.",
    ):
        assert any(k.startswith(part) for k in taken), part
    assert said and "are loaded" in said[0]


def test_every_voxel_depends_on_near_and_on_far_input() -> None:
    torch.manual_seed(0)
    net = CompletionNet(8, 1).eval()
    cells = torch.zeros(1, 5, 64, 64, 64)
    cells[:, 0, 4:60, 4:60, 30] = 1
    cells.requires_grad_()
    said = net(cells)
    assert said.shape == (1, 64, 64, 64)
    (grad,) = torch.autograd.grad(said[0, 2:6, 2:6, 2:6].sum(), cells)
    assert grad[0, :, 2:6, 2:6, 2:6].abs().sum() > 0  # through the shortcut
    assert grad[0, :, 58:62, 58:62, 58:62].abs().sum() > 0  # by attention
