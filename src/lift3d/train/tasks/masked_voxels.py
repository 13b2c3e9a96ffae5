"""Pre-training without labels: random blocks of a shape are hidden, and the network predicts their occupancy
(nets/masked_autoencoder.py).

`lift3d train classifier --init-from runs/masked-voxels` continues with its backbone. Loss: cross-entropy and soft Dice of the
hidden voxels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.nets.masked_autoencoder import BLOCKS, MaskedVoxelAutoencoder, expand_mask
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.labelled_shapes import centre_in_grid
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.shape_set import ORIENTATIONS, ShapeSet, orient
from lift3d.train.losses import soft_dice_loss
from lift3d.train.task import Batch, Task


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task. With the classifier's width, the backbone can initialise the classifier's."""

    steps: int = option(1_200, "optimiser steps of the whole run")
    batch: int = option(32, "shapes in a step, over all processes")
    rate: float = option(2e-3, "largest learning rate", tune=Range(2e-4, 1e-2, log=True))
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    validate: int = option(400, "steps between two validations")
    width: int = option(64, "channels of the backbone at 16 voxels a side")
    hidden: float = option(
        0.6, "fraction of the blocks of 8 voxels a side that are hidden", tune=Range(0.3, 0.9)
    )
    dice: float = option(0.5, "weight of the soft Dice loss", tune=Range(0.0, 1.0))
    held: int = option(240, "shapes of the validation set that are used")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 4 or not 0 < self.hidden < 1 or self.held < 1:
            raise InputError(
                "width must be at least 4, hidden between 0 and 1, and held at least 1",
                "omit the options for their defaults",
            )


class MaskedVoxelsTask(Task):
    """The training task."""

    config: Config
    name = "masked_voxels"
    better = "iou"

    def __init__(self, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        self.train, self.val = ShapeSet(dataset, "train", "levels"), ShapeSet(dataset, "val", "levels")

    def module(self) -> nn.Module:
        return MaskedVoxelAutoencoder(self.config.width)

    def data(self) -> dict[str, Any]:
        return {"train": self.train.digest(), "val": self.val.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        cells, hidden = [], []
        indices = sample_indices(len(self.train), step, c.batch, c.seed)
        for k, i in list(enumerate(indices.tolist()))[rank::world]:
            rng = np.random.default_rng([c.seed, step, k])
            cells.append(orient(centre_in_grid(self.train.full(i)), int(rng.integers(ORIENTATIONS))))
            hidden.append(random_blocks(rng, c.hidden, 3))
        return {"cells": torch.from_numpy(np.stack(cells)), "hidden": torch.from_numpy(np.stack(hidden))}

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        truth = batch["cells"].float()
        predicted = module(truth, batch["hidden"])
        with torch.autocast(truth.device.type, enabled=False):
            hidden_voxels = expand_mask(batch["hidden"], truth.shape[-1]).float()
            each = nn.functional.binary_cross_entropy_with_logits(predicted, truth, reduction="none")
            entropy = (each * hidden_voxels).sum() / hidden_voxels.sum()
            probability, target = torch.sigmoid(predicted) * hidden_voxels, truth * hidden_voxels
            dice = soft_dice_loss(probability, target)
        return {"loss": entropy + self.config.dice * dice, "entropy": entropy, "dice": dice}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """IoU of the prediction in the hidden blocks, and of the trivial prediction that all hidden voxels are full."""
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        device = next(module.parameters()).device
        predicted_ious: list[torch.Tensor] = []
        all_full: list[torch.Tensor] = []
        for first in range(0, count, 32):
            some = [int(i) for i in indices[first : first + 32]]
            hidden = np.stack(
                [random_blocks(np.random.default_rng([3, i]), self.config.hidden, 3) for i in some]
            )
            hidden_voxels = expand_mask(torch.from_numpy(hidden), 64)
            truth = torch.from_numpy(np.stack([centre_in_grid(self.val.full(i)) for i in some]))
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                predicted = module(truth.to(device).float(), torch.from_numpy(hidden).to(device)).cpu() > 0
            for full, out in ((predicted, predicted_ious), (torch.ones_like(predicted), all_full)):
                both = (full & truth & hidden_voxels).sum((1, 2, 3))
                either = ((full | truth) & hidden_voxels).sum((1, 2, 3))
                out.append(both / either.clamp(min=1))
        return {"iou": float(torch.cat(predicted_ious).mean()), "all_full": float(torch.cat(all_full).mean())}


def random_blocks(rng: np.random.Generator, probability: float, axes: int) -> NDArray[np.bool_]:
    """A mask (8, ...) bool with `axes` axes, true for random blocks: a fraction `probability` of them, but at least one."""
    count = max(1, round(probability * BLOCKS**axes))
    out = np.zeros(BLOCKS**axes, bool)
    out[rng.permutation(len(out))[:count]] = True
    return out.reshape((BLOCKS,) * axes)
