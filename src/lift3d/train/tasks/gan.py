"""Training of `label_to_latent` as a Wasserstein GAN with gradient penalty on latents (nets/latent_gan.py).

Each validation measures the distance between samples of the validation set's categories, relative to real latents, and the
fraction of real latents that are the nearest of some sample. A run whose samples are all alike is stopped with a diagnosis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lift3d.errors import InputError, Lift3dError
from lift3d.geometry.metrics.diversity import diversity_scores
from lift3d.nets.latent_gan import NOISE_SIZE, LatentCritic, LatentGenerator
from lift3d.nets.wgan import critic_losses
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.task import Batch
from lift3d.train.tasks.flow import Config as FlowConfig
from lift3d.train.tasks.flow import FlowTask

COLLAPSED = 0.25
"""Distance between samples, relative to real latents, below which the generator has collapsed."""
BEGUN = 100
"""First step at which a collapse is diagnosed, because the samples of an untrained generator are all alike."""


class ModeCollapse(Lift3dError):
    """The generator's samples are all alike."""


@dataclass(frozen=True)
class Config(FlowConfig):
    """Options that differ from the flow's."""

    steps: int = option(2_000, "optimiser steps of the whole run")
    batch: int = option(32, "latents in a step, over all processes")
    rate: float = option(2e-4, "largest learning rate", tune=Range(2e-5, 1e-3, log=True))
    decay: float = option(0.0, "weight decay of matrices and kernels")
    precision: str = option("float32", "float32, or bfloat16 for matrix products")
    clip: float = option(10.0, "largest norm of the gradient")
    width: int = option(64, "channels of generator and critic")
    judged: int = option(2, "critic steps per generator step", tune=Choice((1, 2, 4)))

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        if self.width % 8 or self.width < 8 or self.judged < 1:
            raise InputError(
                "width must be a multiple of 8, and judged at least 1", "omit the options for their defaults"
            )
        self.check_stretches()


class GanTask(FlowTask):
    """The training task. The best weights are those with the largest coverage of real latents."""

    name = "gan"
    better = "coverage"
    config: Config
    begun = False

    def module(self) -> nn.Module:
        size = (self.channels, len(self.names), self.config.width, self.places)
        net = LatentGenerator(*size)
        mean, std = self.train.statistics()
        net.mean.copy_(torch.from_numpy(mean))
        net.std.copy_(torch.from_numpy(std))
        return nn.ModuleDict({"net": net, "critic": LatentCritic(*size)})

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, nn.ModuleDict)
        self.begun = step + 1 >= BEGUN
        net, kind = module["net"], batch["kind"]
        real = net.normalise(batch["code"])  # type: ignore[operator]
        generated = net(torch.randn(len(kind), NOISE_SIZE, device=kind.device), kind)
        train_generator = step % self.config.judged == 0
        fooled, judged = critic_losses(module["critic"], generated, real, kind)
        total = judged + fooled if train_generator else judged + 0 * fooled
        deviation = (generated.float().std() - real.std()).abs()
        return {"loss": total, "fooled": fooled, "judged": judged, "watched": 1 + deviation}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """The diversity and coverage of samples. Raises ModeCollapse where all samples are alike."""
        assert isinstance(module, nn.ModuleDict)
        net, device = module["net"], next(module.parameters()).device
        count = min(self.config.held, len(self.val))
        some = np.linspace(0, len(self.val) - 1, count).astype(int)
        kind = torch.from_numpy(self.val.kinds[some]).to(device)
        noise = torch.randn(count, NOISE_SIZE, generator=torch.Generator().manual_seed(1)).to(device)
        real = net.normalise(torch.from_numpy(self.val.values[some].astype(np.float32)).to(device))  # type: ignore[operator]
        metrics = diversity_scores(net(noise, kind).flatten(1).float(), real.flatten(1))
        if self.begun and metrics["apart"] < COLLAPSED:
            raise ModeCollapse(
                "the generator has collapsed: the distance between its samples is "
                f"{100 * metrics['apart']:.0f} % of that between real shapes",
                "start again with a smaller rate, a larger batch, or more steps of the critic (judged=4)",
            )
        return metrics
