"""Dice and surface distance of masks of one structure, in which a missing structure counts as the worst."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.metrics.segmentation import compare_masks
from lift3d.types.volumes import Grid

Mask = NDArray[np.bool_]


def dice(found: Mask, truth: Mask) -> float:
    """Dice of two masks; nan where both are empty."""
    sizes = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / sizes if sizes else float("nan")


def dice_and_hd95(found: Mask, truth: Mask, grid: Grid) -> tuple[float, float]:
    """(Dice, HD95 in millimetres) as of `compare_masks`; nan where both masks are empty."""
    if not found.any() and not truth.any():
        return float("nan"), float("nan")
    scores = compare_masks(found, truth, grid)
    return scores.dice, scores.hd95
