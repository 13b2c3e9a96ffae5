"""The latent generator and its critic: shapes, normalisation, and conditioning on the category."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, same_under_a_seed, without_gradient  # noqa: E402

from lift3d.nets.latent_gan import NOISE_SIZE, LatentCritic, LatentGenerator  # noqa: E402


@pytest.mark.parametrize("size", [4, 8])
def test_shapes_and_gradients(size: int) -> None:
    generator, critic = (randomised(c(2, 3, 8, size)) for c in (LatentGenerator, LatentCritic))
    category = torch.tensor([0, 3])
    latent = generator(torch.randn(2, NOISE_SIZE), category)
    assert latent.shape == (2, *generator.shape) == (2, 2, size, size, size)
    score = critic(latent, category)
    assert score.shape == (2,) and critic.features(latent).shape == (2, 256)
    loss = score.square().sum()
    assert not without_gradient(generator, loss)
    assert not without_gradient(critic, critic(latent.detach(), category).square().sum())


def test_normalise_inverts_denormalise() -> None:
    net = LatentGenerator(3, 2, 8)
    net.mean.normal_()
    net.std.uniform_(0.1, 3)
    x = torch.randn(2, *net.shape)
    assert torch.allclose(net.normalise(net.denormalise(x)), x, atol=1e-5)
    assert torch.allclose(net.denormalise(torch.zeros(1, *net.shape))[0], net.mean.expand(net.shape))


def test_the_category_matters_and_samples_are_independent() -> None:
    net = randomised(LatentGenerator(1, 2, 8))
    noise = torch.randn(3, NOISE_SIZE)
    with torch.no_grad():
        assert not torch.allclose(net(noise, torch.zeros(3).long()), net(noise, torch.ones(3).long()))
    assert independent_in_the_batch(lambda n: net(n, torch.full((len(n),), 2)), noise)
    assert same_under_a_seed(lambda: LatentGenerator(1, 2, 8))


def test_an_untrained_critic_ignores_the_category() -> None:
    """The embedding begins at zero: the projection adds nothing until it has learned."""
    critic = LatentCritic(1, 4, 8).eval()
    x = torch.randn(4, 1, 4, 4, 4)
    with torch.no_grad():
        scores = [critic(x, torch.full((4,), c)) for c in range(5)]
        assert all(torch.equal(s, scores[0]) for s in scores)
        critic.category.weight[2] = 1.0
        expected = scores[0] + critic.features(x).sum(1) / 16
        assert torch.allclose(critic(x, torch.full((4,), 2)), expected, atol=1e-5)
