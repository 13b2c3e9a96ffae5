"""Intersection over union (Jaccard index) of boolean masks and voxel grids: of one pair, and of batches in NumPy and
torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """|a and b| / |a or b| of two boolean arrays of one shape; 1 where both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def batch_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(B,) IoU of the entries of two batches (B, ...); 1 where both entries are empty."""
    axes = tuple(range(1, a.ndim))
    intersection, union = (a & b).sum(axes), (a | b).sum(axes)
    return np.where(union > 0, intersection / np.maximum(union, 1), 1.0)


def batch_iou_torch(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(B,) float32 IoU of the entries of two boolean batches (B, ...) on their device; 0 where both entries are
    empty."""
    axes = tuple(range(1, a.ndim))
    intersection, union = (a & b).sum(axes), (a | b).sum(axes)
    return intersection / union.clamp(min=1)
