"""The critic's losses: gradients go to the right network, and a critic whose gradient has norm 1 pays no penalty."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, without_gradient  # noqa: E402

from lift3d.nets.wgan import PENALTY, Critic, critic_losses  # noqa: E402


class Linear(torch.nn.Module):
    """f(x) = w . x"""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ self.weight


def test_scores_of_the_critic() -> None:
    net = randomised(Critic(2))
    x = torch.rand(2, 64, 64, 64)
    assert net(x).shape == (2,) and independent_in_the_batch(net, x)
    assert not without_gradient(net, net(x).sum())
    pooled = torch.nn.functional.avg_pool3d(x[:, None], 2)[:, 0]
    assert torch.allclose(net(x), net(pooled), atol=1e-6), "it sees half of the resolution"


def test_each_loss_has_gradients_for_its_own_network_alone() -> None:
    critic, made = Linear(torch.randn(8)), torch.randn(3, 8, requires_grad=True)
    real = torch.randn(3, 8)
    generator_loss, critic_loss = critic_losses(critic, made, real)
    generator_loss.backward(retain_graph=True)
    assert made.grad is not None and critic.weight.grad is None
    assert torch.allclose(made.grad, (-critic.weight / 3).expand(3, -1))
    made.grad = None
    critic_loss.backward()
    assert made.grad is None and critic.weight.grad is not None


@pytest.mark.parametrize("norm", [1.0, 3.0])
def test_the_penalty_of_a_linear_critic_is_known(norm: float) -> None:
    weight = torch.zeros(4)
    weight[1] = norm
    made, real = torch.randn(5, 4), torch.randn(5, 4)
    generator_loss, critic_loss = critic_losses(Linear(weight), made, real)
    assert float(generator_loss) == pytest.approx(-norm * float(made[:, 1].mean()), abs=1e-5)
    distance = norm * float(made[:, 1].mean() - real[:, 1].mean())
    assert float(critic_loss) == pytest.approx(distance + PENALTY * (norm - 1) ** 2, abs=1e-4)


def test_conditions_reach_the_critic() -> None:
    class Conditional(Linear):
        def forward(self, x: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * category

    critic = Conditional(torch.ones(2))
    made, real = torch.ones(2, 2), torch.zeros(2, 2)
    loss = critic_losses(critic, made, real, torch.tensor([0.0, 2.0]))[0]
    assert float(loss) == -2.0
