"""Training of `points_to_voxels`: the occupancy of a shape from a partial scan of its surface. Each step has new random scans
(train/data/partial_scans.py).

Loss: binary cross-entropy against fractional occupancy, whose iso-surface 0.5 gives the surface with sub-voxel accuracy, plus the
soft Dice loss.
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
from lift3d.geometry.completion.partial_frame import (
    EXTENSION,
    FRAME_RESOLUTION,
    fit_partial_frame,
    partial_voxels,
    resample_rotated,
)
from lift3d.geometry.metrics.iou import batch_iou_torch
from lift3d.geometry.voxels.canonical_frame import RESOLUTION, canonical_grid
from lift3d.geometry.voxels.occupancy import occupancy_levels
from lift3d.nets.completion_net import CompletionNet
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.data.partial_scans import break_samples, open_samples
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.shape_set import ORIENTATIONS, ShapeSet
from lift3d.train.losses import soft_dice_loss
from lift3d.train.task import Batch, Task
from lift3d.types import F32, F64

LEVELS = np.round(np.arange(0.3, 0.71, 0.05), 2)
ASKEW = 0.25
"""Fraction of shapes rotated about z by any angle instead of a multiple of 90 degrees."""
REACHES = (0.5, 1.4)
"""Range of the frame's extent in training."""
SHIFT = 0.03
"""Largest shift of the frame, as a fraction of its side."""
MODES = ("cut", "view")


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(1_250, "optimiser steps of the whole run")
    batch: int = option(16, "shapes in a step, over all processes")
    rate: float = option(2e-3, "largest learning rate", tune=Range(2e-4, 1e-2, log=True))
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    width: int = option(64, "channels at 16 voxels a side; twice as many at 8")
    layers: int = option(2, "transformer layers at 8^3 voxels", tune=Choice((1, 2, 3, 4)))
    dice: float = option(0.5, "weight of the soft Dice loss", tune=Range(0.0, 1.0))
    held: int = option(
        160, "shapes of the validation set that are used, alternately cut and seen from one side"
    )
    validate: int = option(350, "steps between two validations")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 8 or self.width % 2 or self.layers < 0:
            raise InputError(
                "width must be even and at least 8, and layers at least 0",
                "omit the options for their defaults",
            )


class CompletionTask(Task):
    """The training task."""

    config: Config
    name, better = "points_to_voxels", "iou"

    def __init__(self, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        self.train, self.val = ShapeSet(dataset, "train", "levels"), ShapeSet(dataset, "val", "levels")

    def module(self) -> nn.Module:
        return CompletionNet(self.config.width, self.config.layers)

    def data(self) -> dict[str, Any]:
        return {"train": self.train.digest(), "val": self.val.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(len(self.train), step, c.batch, c.seed)
        pairs = [
            training_pair(self.train, int(i), np.random.default_rng([c.seed, step, k]))
            for k, i in list(enumerate(indices))[rank::world]
        ]
        return collate(pairs)

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        logits, truth = module(batch["known"]), batch["full"].float() / 255
        with torch.autocast(truth.device.type, enabled=False):
            entropy = nn.functional.binary_cross_entropy_with_logits(logits, truth)
            probability = torch.sigmoid(logits)
            dice = soft_dice_loss(probability, truth)
        return {"loss": entropy + self.config.dice * dice, "entropy": entropy, "dice": dice}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """IoU at the best threshold, over all scans and over the scans of each type."""
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        device, hits, entropy = next(module.parameters()).device, [], 0.0
        for first in range(0, count, 16):
            which = range(first, min(first + 16, count))
            batch = collate(
                [
                    training_pair(
                        self.val, int(indices[k]), np.random.default_rng([1, k]), MODES[k % 2], False
                    )
                    for k in which
                ]
            )
            truth = batch["full"].float().div(255).to(device)
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                logits = module(batch["known"].to(device))
            entropy += float(nn.functional.binary_cross_entropy_with_logits(logits, truth)) * len(truth)
            probability = torch.sigmoid(logits)
            hits.append(
                torch.stack([batch_iou_torch(probability > float(t), truth > 0.5) for t in LEVELS], 1).cpu()
            )
        table = torch.cat(hits)
        best = int(table.mean(0).argmax())
        out = {
            "iou": float(table[:, best].mean()),
            "threshold": float(LEVELS[best]),
            "entropy": entropy / count,
        }
        for k, kind in enumerate(MODES[: min(2, count)]):
            out[f"iou_{kind}"] = float(table[k::2, best].mean())
        return out


def training_pair(
    shapes: ShapeSet, i: int, rng: np.random.Generator, kind: str | None = None, moved: bool = True
) -> tuple[F32, NDArray[np.uint8]]:
    """A partial scan (5, 64, 64, 64) of shape i and the occupancy levels (64, 64, 64) of the whole shape, in its frame.

    kind: type of the scan as in `break_samples`; moved: whether to rotate the shape and vary the frame."""
    number = int(shapes.numbers[i])
    points, normals = open_samples(shapes.corpus, number)
    inside, crossed = shapes.corpus.inside(number), shapes.corpus.surface_voxels(number)
    points, normals = break_samples(points, normals, inside | crossed, rng, kind)
    turn = _turn(rng) if moved else np.eye(2)
    points, normals = (np.column_stack([x[:, :2] @ turn.T, x[:, 2]]) for x in (points, normals))
    frame = fit_partial_frame(points, normals, rng.uniform(*REACHES) if moved else EXTENSION)
    low = frame.low + (rng.uniform(-SHIFT, SHIFT, 3) * frame.side if moved else 0)
    frame = type(frame)(low, frame.side)
    first, step = canonical_grid(RESOLUTION)
    centre = frame.low + frame.step / 2
    start = np.append((centre[:2] - turn @ first[:2]) / step, (centre[2] - first[2]) / step)
    levels = occupancy_levels(inside, crossed)
    return partial_voxels(points, normals, frame), resample_rotated(
        levels, turn.T, start, frame.step / step, FRAME_RESOLUTION
    )


def _turn(rng: np.random.Generator) -> F64:
    """A random rotation (2, 2), mostly by a multiple of 90 degrees, with a reflection in half of the cases."""
    move = int(rng.integers(ORIENTATIONS))
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < ASKEW else move % 4 * np.pi / 2
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    return turn * [-1.0, 1] if move >= 4 else turn


def collate(pairs: list[tuple[F32, NDArray[np.uint8]]]) -> Batch:
    """The batch of pairs of a scan and a shape: known (B, 5, 64, 64, 64) and full (B, 64, 64, 64)."""
    return {
        "known": torch.from_numpy(np.stack([a for a, _ in pairs])),
        "full": torch.from_numpy(np.stack([b for _, b in pairs])),
    }
