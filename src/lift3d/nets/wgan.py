"""A critic of shapes: how far are the solids that a network makes from those that exist?

Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028): the critic f maximises
E f(real) - E f(made) while its gradient keeps length 1 between the two; the maker then raises f(made).
"""

from __future__ import annotations

import torch
from torch import nn

PENALTY = 10.0


class Critic(nn.Module):
    """(B, D, H, W) shares of full cells to (B,); seen at a quarter of 64 cells a side, where shapes are told apart."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = (1, width, 2 * width, 4 * width)
        self.down = nn.ModuleList(nn.Conv3d(a, b, 4, 2, 1) for a, b in zip(w, w[1:]))
        self.last = nn.Linear(w[-1] * 4**3, 1)

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        x = nn.functional.adaptive_avg_pool3d(cells[:, None], 32)
        for down in self.down:
            x = nn.functional.leaky_relu(down(x), 0.2)
        return torch.as_tensor(self.last(x.flatten(1))[:, 0])


def critic_losses(
    critic: nn.Module, made: torch.Tensor, real: torch.Tensor, *given: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(for the maker, for the critic): each has gradients for its own weights alone, so one step can take both.
    given: what the critic is told beside, as the kinds."""
    fixed = {name: p.detach() for name, p in critic.named_parameters()}
    fooled = -torch.func.functional_call(critic, fixed, (made, *given)).mean()
    still = made.detach()
    mix = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    between = (mix * real + (1 - mix) * still).requires_grad_()
    slope = torch.autograd.grad(critic(between, *given).sum(), between, create_graph=True)[0]
    steep = slope.flatten(1).norm(dim=1)
    judged = critic(still, *given).mean() - critic(real, *given).mean() + PENALTY * ((steep - 1) ** 2).mean()
    return fooled, judged
