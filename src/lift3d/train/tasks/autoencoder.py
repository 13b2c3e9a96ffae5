"""Training of `voxels_to_latent` and `latent_to_voxels`: a code from which a solid can be made again.

Loss: binary cross-entropy of the cells, 1 - soft Dice (Milletari, Navab & Ahmadi 2016) so that thin things count, and `beta`
times the divergence from the prior, all per cell: at beta = 1 without Dice it is the evidence lower bound
(nets/shape_autoencoder.py). Beta rises from nothing (Bowman et al. 2016, arXiv:1511.06349), or the posterior falls to the prior
before the decoder has learned to listen; how many channels of the code still speak is told after each validation.

With `torn` the encoder sees thin parts as cells by levels have them, in stripes and crumbs, and the decoder learns to make them
whole (a denoising autoencoder: Vincent et al. 2008). With `freeze` only the decoder learns.
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
from lift3d.nets.blocks import GRID_SIZE, LATENT_SIZES
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.shape_autoencoder import ShapeAutoencoder, kl_divergence
from lift3d.train.config import Schedule, option
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.shape_set import ORIENTATIONS, ShapeSet, orient
from lift3d.train.losses import soft_dice_loss
from lift3d.train.task import Batch, Task

SPEAKS = 0.02
"""Nats that a channel tells in the mean place, at least, to count as active (Burda, Grosse & Salakhutdinov 2016)."""
LEVELS = np.round(np.arange(0.3, 0.76, 0.05), 2)


@dataclass(frozen=True)
class Config(Schedule):
    """What the task adds."""

    steps: int = option(2_000, "optimiser steps of the whole run")
    batch: int = option(16, "shapes in a step, over all processes")
    rate: float = option(2e-3, "largest learning rate")
    precision: str = option("bfloat16", "float32, or bfloat16 for the matrix products")
    warmup: int = option(
        100, "steps over which the rate rises from nothing; after them it falls along a cosine"
    )
    average: float = option(0.995, "how slowly the averaged weights follow; they are the ones that are kept")
    width: int = option(64, "channels at 16 cells a side; twice as many at 8")
    codes: int = option(16, "numbers at each place of the code")
    places: int = option(4, "places of the code along each side: 4 or 8")
    beta: float = option(0.0, "weight of the divergence from the prior: 0 autoencoder, 1 lower bound")
    rise: int = option(500, "steps over which beta rises from nothing")
    dice: float = option(0.5, "weight of the soft Dice loss")
    freeze: bool = option(
        False, "leave the encoder as it is: codes stay what they are, and what has learned them still fits"
    )
    torn: float = option(
        0.0, "share of shapes of which the encoder sees the thin parts torn, while the whole is asked for"
    )
    held: int = option(240, "shapes of the validation set that are looked at")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 8 or not 1 <= self.codes <= 64 or self.places not in LATENT_SIZES:
            raise InputError(
                "width is 8 or more, codes are 1 to 64 and places 4 or 8", "leave them out for the usual ones"
            )
        if not self.beta >= 0 or self.rise < 1:
            raise InputError("beta is 0 or more, rise 1 or more", "leave them out for the usual ones")
        if not 0 <= self.torn <= 1:
            raise InputError("torn is a share from 0 to 1", "leave it out for none")


@dataclass(frozen=True)
class VaeConfig(Config):
    """The same network with its prior."""

    beta: float = option(0.02, "weight of the divergence from the prior: 0 autoencoder, 1 lower bound")


class AutoencoderTask(Task):
    """The task."""

    config: Config
    better = "iou"

    def __init__(self, corpus: Path, config: Config, name: str = "autoencoder") -> None:
        self.config, self.name = config, name
        held = Corpus(corpus)
        self.train, self.val = ShapeSet(held, "train"), ShapeSet(held, "val")
        self.torn = ShapeSet(held, "train", "levels")

    def module(self) -> nn.Module:
        net = ShapeAutoencoder(self.config.width, self.config.codes, self.config.places)
        if self.config.freeze:
            net.encoder.requires_grad_(False)
        return net

    def data(self) -> dict[str, Any]:
        return {"train": self.train.digest(), "val": self.val.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        numbers = sample_indices(len(self.train), step, c.batch, c.seed)[rank::world]
        rng = np.random.default_rng([c.seed, step, rank])
        moves = [int(rng.integers(ORIENTATIONS)) for _ in numbers]
        cells = [orient(self.train.full(int(i)), move) for i, move in zip(numbers, moves)]
        out = {"cells": torch.from_numpy(np.stack(cells))}
        if c.torn > 0:
            torn = rng.random(len(numbers)) < c.torn
            seen = [
                orient(self.torn.full(int(i)), move) if t else cell
                for i, move, t, cell in zip(numbers, moves, torn, cells)
            ]
            out["seen"] = torch.from_numpy(np.stack(seen))
        return out

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, ShapeAutoencoder)
        c, truth = self.config, batch["cells"].float()
        if c.freeze:  # or its normalisation would follow the new cells
            module.encoder.eval()
        mean, spread = module.posterior(batch.get("seen", batch["cells"]).float())
        code = mean + torch.randn_like(mean) * (spread / 2).exp() if c.beta > 0 else mean
        said = module.decode(code)
        with torch.autocast(truth.device.type, enabled=False):
            entropy = nn.functional.binary_cross_entropy_with_logits(said, truth)
            share = torch.sigmoid(said)
            dice = soft_dice_loss(share, truth)
            nats = kl_divergence(mean, spread).sum((1, 2, 3, 4)).mean()
            weight = c.beta * min(1.0, (step + 1) / c.rise)
            total = entropy + c.dice * dice + weight * nats / GRID_SIZE**3
        return {"loss": total, "entropy": entropy, "dice": dice, "nats": nats}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """IoU at the best threshold; the lower bound in nats per cell; how many channels of the code tell anything."""
        assert isinstance(module, ShapeAutoencoder)
        count = min(self.config.held, len(self.val))
        numbers = np.linspace(0, len(self.val) - 1, count).astype(int)
        device = next(module.parameters()).device
        hits, entropy, nats, means = [], [], [], []
        for first in range(0, count, 16):
            truth = torch.from_numpy(np.stack([self.val.full(int(i)) for i in numbers[first : first + 16]]))
            cells = truth.to(device).float()
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                mean, spread = module.posterior(cells)
                said = module.decode(mean)
            entropy.append(float(nn.functional.binary_cross_entropy_with_logits(said, cells)) * len(cells))
            nats.append(kl_divergence(mean, spread).sum((2, 3, 4)).cpu())
            means.append(mean.cpu())
            share = torch.sigmoid(said).cpu()
            hits.append(torch.stack([batch_iou_torch(share > float(t), truth) for t in LEVELS], 1))
        table, told_by = torch.cat(hits).mean(0), torch.cat(nats).mean(0)
        best = int(table.argmax())
        out = {
            "iou": float(table[best]),
            "threshold": float(LEVELS[best]),
            "entropy": sum(entropy) / count,
            "code_spread": float(torch.cat(means).std()),
        }
        if self.config.beta > 0:
            places = means[0][0, 0].numel()
            out["lower_bound"] = -(out["entropy"] + float(told_by.sum()) / GRID_SIZE**3)
            out["active"] = float((told_by / places > SPEAKS).sum())
            out["nats"] = float(told_by.sum())
        return out
