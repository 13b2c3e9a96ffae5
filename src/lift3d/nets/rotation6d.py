"""Rotations from six numbers (Zhou et al. 2019, On the Continuity of Rotation Representations, arXiv:1812.07035)."""

from __future__ import annotations

import torch
from torch import nn


def rotation_from_6d(columns: torch.Tensor) -> torch.Tensor:
    """(B, 6) to rotations (B, 3, 3) by Gram-Schmidt; continuous, unlike angles.

    The first three numbers give the last row, the up direction of the upright frame, because Gram-Schmidt preserves the
    direction of the first vector; the others give the first row, the front."""
    up = nn.functional.normalize(columns[:, :3], dim=1)
    front = columns[:, 3:] - (columns[:, 3:] * up).sum(1, keepdim=True) * up
    front = nn.functional.normalize(front, dim=1)
    return torch.stack([front, torch.linalg.cross(up, front), up], 1)
