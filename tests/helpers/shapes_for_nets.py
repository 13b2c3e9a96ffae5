"""Occupancy grids for the tests of networks."""

from __future__ import annotations

import torch

from lift3d.nets.spatial_transformer import transform_voxels


def l_shape() -> torch.Tensor:
    """(1, 64, 64, 64): an L with a foot; no rotation maps it onto itself."""
    x = torch.zeros(1, 64, 64, 64)
    x[0, 2:62, 20:44, 20:44] = 1
    x[0, 2:26, 20:44, 20:60] = 1
    x[0, 40:62, 4:44, 20:30] = 1
    return transform_voxels(x, torch.eye(3)[None])


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    """Intersection over union of two occupancy grids at 0.5."""
    return float(((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum())
