"""Checks that every network's tests share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in evaluation mode, its parameters random: also those that are initialised to zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(
                0.1 * torch.randn(p.shape, generator=generator)
                + (1.0 if p.ndim == 1 and p.numel() > 1 else 0.0)
            )
    return module.eval()


def without_gradient(module: nn.Module, loss: torch.Tensor) -> set[str]:
    """Names of the parameters that the loss does not depend on. Every gradient must be finite."""
    module.zero_grad()
    loss.backward()
    out = set()
    for name, p in module.named_parameters():
        if p.grad is None or not bool(p.grad.any()):
            out.add(name)
        else:
            assert torch.isfinite(p.grad).all(), name
    return out


def same_under_a_seed(build: Callable[[], nn.Module]) -> bool:
    """Whether two networks that are built under the same seed are equal."""
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(build().state_dict())
    return all(torch.equal(t, states[1][name]) for name, t in states[0].items())


def independent_in_the_batch(of: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> bool:
    """Whether the output of each sample is the same alone and in the batch."""
    with torch.no_grad():
        together = of(x)
        alone = torch.cat([of(part) for part in x.split(1)])
    return torch.allclose(together, alone, atol=1e-4, rtol=1e-4)
