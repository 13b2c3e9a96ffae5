"""Losses that several tasks share."""

from __future__ import annotations

import torch


def soft_dice_loss(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - (2 |P T| + 1) / (|P| + |T| + 1), averaged over the batch (Milletari, Navab & Ahmadi 2016, arXiv:1606.04797): a scalar.

    probability, target: (B, D, H, W) or (B, C, H, W) in [0, 1]. Unlike cross-entropy, the loss weighs small and large objects
    equally."""
    both, sizes = (probability * target).sum((1, 2, 3)), (probability + target).sum((1, 2, 3))
    return (1 - (2 * both + 1) / (sizes + 1)).mean()
