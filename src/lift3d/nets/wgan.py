"""A critic of occupancy grids and its losses: Wasserstein GAN with gradient penalty.

Gulrajani et al. 2017, arXiv:1704.00028: the critic f maximises E f(real) - E f(generated) while its gradient keeps norm 1
between the two; the generator maximises E f(generated).
"""

from __future__ import annotations

import torch
from torch import nn

PENALTY = 10.0
"""Weight of the gradient penalty (their lambda)."""


class Critic(nn.Module):
    """Occupancy (B, D, H, W) in [0, 1] to a score (B,). The grid is averaged to 32 voxels a side first."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w = (1, width, 2 * width, 4 * width)
        self.down = nn.ModuleList(nn.Conv3d(a, b, 4, 2, 1) for a, b in zip(w, w[1:]))
        self.last = nn.Linear(w[-1] * 4**3, 1)

    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        """Scores (B,): larger for grids that look more real."""
        x = nn.functional.adaptive_avg_pool3d(occupancy[:, None], 32)
        for down in self.down:
            x = nn.functional.leaky_relu(down(x), 0.2)
        return torch.as_tensor(self.last(x.flatten(1))[:, 0])


def critic_losses(
    critic: nn.Module, generated: torch.Tensor, real: torch.Tensor, *condition: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(generator's loss, critic's loss), scalars. Each has gradients for the weights of its own network alone, so that one
    optimiser step can minimise both. condition: further inputs of the critic, such as categories (B,)."""
    fixed = {name: p.detach() for name, p in critic.named_parameters()}
    generator_loss = -torch.func.functional_call(critic, fixed, (generated, *condition)).mean()
    detached = generated.detach()
    t = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    between = (t * real + (1 - t) * detached).requires_grad_()
    gradient = torch.autograd.grad(critic(between, *condition).sum(), between, create_graph=True)[0]
    norm = gradient.flatten(1).norm(dim=1)
    distance = critic(detached, *condition).mean() - critic(real, *condition).mean()
    return generator_loss, distance + PENALTY * ((norm - 1) ** 2).mean()
