"""The shape autoencoder: shapes, gradients, the KL divergence, and refinement of latents."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, same_under_a_seed, without_gradient  # noqa: E402
from shapes_for_nets import l_shape  # noqa: E402

from lift3d.nets.shape_autoencoder import (  # noqa: E402
    INITIAL_LOG_VARIANCE,
    ShapeAutoencoder,
    kl_divergence,
    refine_latent,
)


@pytest.mark.parametrize("size", [4, 8])
def test_latents_and_logits_have_their_shapes_and_every_weight_is_used(size: int) -> None:
    net = randomised(ShapeAutoencoder(4, 3, size))
    mean, log_variance = net.posterior(l_shape())
    assert mean.shape == log_variance.shape == (1, *net.shape) == (1, 3, size, size, size)
    logits = net.decode(mean)
    assert logits.shape == (1, 64, 64, 64) and logits.dtype == torch.float32
    assert torch.equal(net(l_shape()), logits)
    loss = logits.square().mean() + kl_divergence(mean, log_variance).mean()
    assert not without_gradient(net, loss)


def test_a_new_posterior_is_narrow_and_the_batch_does_not_matter() -> None:
    net = ShapeAutoencoder(4, 2, 8).eval()
    with torch.no_grad():
        log_variance = net.posterior(l_shape())[1]
    assert torch.equal(log_variance, torch.full_like(log_variance, INITIAL_LOG_VARIANCE))
    assert independent_in_the_batch(net.encode, torch.cat([l_shape(), l_shape().flip(1)]))
    assert same_under_a_seed(lambda: ShapeAutoencoder(4, 2))


def test_the_divergence_is_torchs() -> None:
    mean, log_variance = torch.randn(20), torch.randn(20)
    own = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(kl_divergence(mean, log_variance), expected, atol=1e-5)
    assert float(kl_divergence(torch.zeros(1), torch.zeros(1))) == 0


def test_refinement_lowers_the_loss_and_leaves_the_network_alone() -> None:
    net, x = randomised(ShapeAutoencoder(4, 2, 8)), l_shape()
    net.decoder.head.weight.requires_grad_(False)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with torch.no_grad():
        start = net.encode(x)
    moved = refine_latent(net, x, start, 4)

    def loss(latent: torch.Tensor) -> float:
        with torch.no_grad():
            return float(torch.nn.functional.binary_cross_entropy_with_logits(net.decode(latent), x))

    assert loss(moved) < loss(start) and refine_latent(net, x, start, 0) is start
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.decoder.head.weight.requires_grad and net.decoder.up.weight.requires_grad
