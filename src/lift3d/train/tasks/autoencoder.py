"""Training of an autoencoder of shapes: the mappings `voxels_to_latent` and `latent_to_voxels`.

Loss per voxel: binary cross-entropy, plus the soft Dice loss, which gives thin parts more weight, plus `beta` times the KL
divergence from the prior. At beta = 1 without Dice the loss is the negative evidence lower bound (nets/shape_autoencoder.py).
Beta rises from zero (Bowman et al. 2016, arXiv:1511.06349); otherwise the posterior would collapse to the prior before the
decoder has learned to use the latent. The number of active channels is measured at each validation.

With `torn` the encoder's input has thin parts in pieces, as thresholded occupancy levels have them, and the decoder learns to
reconstruct them whole (a denoising autoencoder: Vincent et al. 2008). With `freeze` only the decoder is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.geometry.metrics.iou import batch_iou_torch
from lift3d.nets.blocks import LATENT_SIZES
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.shape_autoencoder import ShapeAutoencoder, kl_divergence
from lift3d.nets.sizes import GRID_SIZE
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.shape_set import ORIENTATIONS, ShapeSet, orient
from lift3d.train.losses import soft_dice_loss
from lift3d.train.task import Batch, Task

ACTIVE = 0.02
"""Minimum mean KL divergence of an active channel, in nats per latent voxel (Burda, Grosse & Salakhutdinov 2016)."""
LEVELS = np.round(np.arange(0.3, 0.76, 0.05), 2)


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(2_000, "optimiser steps of the whole run")
    batch: int = option(16, "shapes in a step, over all processes")
    rate: float = option(2e-3, "largest learning rate", tune=Range(2e-4, 1e-2, log=True))
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    width: int = option(64, "channels at 16 voxels a side; twice as many at 8")
    codes: int = option(16, "channels of the latent")
    places: int = option(4, "voxels of the latent along each side: 4 or 8")
    beta: float = option(
        0.0, "weight of the KL divergence from the prior: 0 plain autoencoder, 1 evidence lower bound"
    )
    rise: int = option(500, "steps over which beta rises from zero")
    dice: float = option(0.5, "weight of the soft Dice loss", tune=Range(0.0, 1.0))
    freeze: bool = option(
        False, "freeze the encoder: latents do not change, and networks trained on them remain usable"
    )
    torn: float = option(
        0.0,
        "fraction of shapes whose thin parts are in pieces in the encoder's input, but whole in the target",
    )
    held: int = option(240, "shapes of the validation set that are used")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 8 or not 1 <= self.codes <= 64 or self.places not in LATENT_SIZES:
            raise InputError(
                "width must be at least 8, codes 1 to 64, and places 4 or 8",
                "omit the options for their defaults",
            )
        if not self.beta >= 0 or self.rise < 1:
            raise InputError(
                "beta must be at least 0, and rise at least 1", "omit the options for their defaults"
            )
        if not 0 <= self.torn <= 1:
            raise InputError("torn must be a fraction from 0 to 1", "omit the option for 0")


@dataclass(frozen=True)
class VaeConfig(Config):
    """Options of the variational autoencoder: the same network with a prior."""

    beta: float = option(
        0.02, "weight of the KL divergence from the prior: 0 plain autoencoder, 1 evidence lower bound"
    )


class AutoencoderTask(Task):
    """The training task. name: "autoencoder" or "vae"."""

    config: Config
    better = "iou"

    def __init__(self, corpus: Path, config: Config, name: str = "autoencoder") -> None:
        self.config, self.name = config, name
        dataset = Corpus(corpus)
        self.train, self.val = ShapeSet(dataset, "train"), ShapeSet(dataset, "val")
        self.torn = ShapeSet(dataset, "train", "levels")

    def module(self) -> nn.Module:
        net = ShapeAutoencoder(self.config.width, self.config.codes, self.config.places)
        if self.config.freeze:
            net.encoder.requires_grad_(False)
        return net

    def data(self) -> dict[str, Any]:
        return {"train": self.train.digest(), "val": self.val.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(len(self.train), step, c.batch, c.seed)[rank::world]
        rng = np.random.default_rng([c.seed, step, rank])
        orientations = [int(rng.integers(ORIENTATIONS)) for _ in indices]
        cells = [
            orient(self.train.full(int(i)), orientation) for i, orientation in zip(indices, orientations)
        ]
        out = {"cells": torch.from_numpy(np.stack(cells))}
        if c.torn > 0:
            torn = rng.random(len(indices)) < c.torn
            inputs = [
                orient(self.torn.full(int(i)), orientation) if t else cell
                for i, orientation, t, cell in zip(indices, orientations, torn, cells)
            ]
            out["seen"] = torch.from_numpy(np.stack(inputs))
        return out

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, ShapeAutoencoder)
        c, truth = self.config, batch["cells"].float()
        if c.freeze:  # otherwise the encoder's normalisation statistics would change
            module.encoder.eval()
        mean, log_variance = module.posterior(batch.get("seen", batch["cells"]).float())
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp() if c.beta > 0 else mean
        logits = module.decode(code)
        with torch.autocast(truth.device.type, enabled=False):
            entropy = nn.functional.binary_cross_entropy_with_logits(logits, truth)
            probability = torch.sigmoid(logits)
            dice = soft_dice_loss(probability, truth)
            nats = kl_divergence(mean, log_variance).sum((1, 2, 3, 4)).mean()
            weight = c.beta * min(1.0, (step + 1) / c.rise)
            total = entropy + c.dice * dice + weight * nats / GRID_SIZE**3
        return {"loss": total, "entropy": entropy, "dice": dice, "nats": nats}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """IoU at the best threshold; with a prior also the lower bound in nats per voxel and the number of active channels."""
        assert isinstance(module, ShapeAutoencoder)
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        device = next(module.parameters()).device
        hits, entropy, nats, means = [], [], [], []
        for first in range(0, count, 16):
            truth = torch.from_numpy(np.stack([self.val.full(int(i)) for i in indices[first : first + 16]]))
            cells = truth.to(device).float()
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                mean, log_variance = module.posterior(cells)
                logits = module.decode(mean)
            entropy.append(float(nn.functional.binary_cross_entropy_with_logits(logits, cells)) * len(cells))
            nats.append(kl_divergence(mean, log_variance).sum((2, 3, 4)).cpu())
            means.append(mean.cpu())
            probability = torch.sigmoid(logits).cpu()
            hits.append(torch.stack([batch_iou_torch(probability > float(t), truth) for t in LEVELS], 1))
        table, channel_nats = torch.cat(hits).mean(0), torch.cat(nats).mean(0)
        best = int(table.argmax())
        out = {
            "iou": float(table[best]),
            "threshold": float(LEVELS[best]),
            "entropy": sum(entropy) / count,
            "code_spread": float(torch.cat(means).std()),
        }
        if self.config.beta > 0:
            places = means[0][0, 0].numel()
            out["lower_bound"] = -(out["entropy"] + float(channel_nats.sum()) / GRID_SIZE**3)
            out["active"] = float((channel_nats / places > ACTIVE).sum())
            out["nats"] = float(channel_nats.sum())
        return out
