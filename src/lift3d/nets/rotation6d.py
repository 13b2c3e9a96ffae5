"""Rotations from six numbers (Zhou et al. 2019, On the Continuity of Rotation Representations)."""

from __future__ import annotations

import torch
from torch import nn


def rotation_from_6d(columns: torch.Tensor) -> torch.Tensor:
    """(B, 6) to (B, 3, 3) rotations by Gram and Schmidt; continuous, unlike angles (Zhou et al. 2019, arXiv:1812.07035).
    The last row is the first that is made, as it matters most: the upright frame's up."""
    up = nn.functional.normalize(columns[:, :3], dim=1)
    front = columns[:, 3:] - (columns[:, 3:] * up).sum(1, keepdim=True) * up
    front = nn.functional.normalize(front, dim=1)
    return torch.stack([front, torch.linalg.cross(up, front), up], 1)
