"""Dice and cross-entropy of segmentation networks, with deep supervision."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.segmentation.plan import Sizes
from lift3d.train.segmentation.cases import UNLABELLED

SMOOTH = 1e-5


def dice_and_entropy(logits: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(1 - mean soft Dice of the labels, mean cross-entropy): scalars.

    logits (B, C, X, Y, Z); classes (B, X, Y, Z) int64, UNLABELLED for voxels that are left out. The Dice of a label is that of
    the whole batch; labels that neither occur nor are predicted have a Dice of 1 (Milletari et al. 2016, arXiv:1606.04797)."""
    logits = logits.float()
    used = (classes != UNLABELLED).float()[:, None]
    entropy = nn.functional.cross_entropy(logits, classes, ignore_index=UNLABELLED, reduction="sum")
    entropy = entropy / used.sum().clamp_min(1)
    probability = torch.softmax(logits, 1)
    truth = (
        torch.zeros_like(probability).scatter_(1, (classes * (classes != UNLABELLED))[:, None], 1.0) * used
    )
    probability = probability * used
    axes = (0, 2, 3, 4)
    both, sizes = (probability * truth).sum(axes), (probability + truth).sum(axes)
    dice = (2 * both + SMOOTH) / (sizes + SMOOTH)
    return 1 - dice[1:].mean(), entropy


def deep_loss(
    logits: list[torch.Tensor], classes: torch.Tensor, strides: tuple[Sizes, ...]
) -> dict[str, torch.Tensor]:
    """The loss of all decoder stages, the finest first, whose weights halve from stage to stage and sum to 1; and the Dice and
    cross-entropy of the finest."""
    weights = [0.5**k for k in range(len(logits))]
    step, total, out = [1, 1, 1], torch.zeros(()), {}
    for k, (weight, stage) in enumerate(zip(weights, logits)):
        if k:
            step = [s * t for s, t in zip(step, strides[k])]
        target = classes[:, :: step[0], :: step[1], :: step[2]]
        dice, entropy = dice_and_entropy(stage, target)
        if k == 0:
            out = {"dice": dice, "entropy": entropy}
        total = total.to(dice.device) + (dice + entropy) * (weight / sum(weights))
    return {"loss": total, **out}
