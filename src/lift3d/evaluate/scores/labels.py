"""Dice and the 95th percentile of surface distances of label maps, in which a missing structure counts as the worst."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from lift3d.types.volumes import Grid

Mask = NDArray[np.bool_]


def dice(found: Mask, truth: Mask) -> float:
    """Dice of two masks; nan where both are empty."""
    sizes = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / sizes if sizes else float("nan")


def hausdorff95(found: Mask, truth: Mask, grid: Grid) -> float:
    """Larger of the 95th percentiles of the distances in millimetres of boundary voxels of each mask from those of the other; the
    diagonal of the grid where one mask is empty, nan where both are."""
    if not found.any() and not truth.any():
        return float("nan")
    if not found.any() or not truth.any():
        return float(np.linalg.norm(grid.affine[:3, :3] @ np.array(grid.shape, float)))
    a, b = (_boundary(mask, grid) for mask in (found, truth))
    there, back = cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _boundary(mask: Mask, grid: Grid) -> NDArray[np.float64]:
    """(N, 3) places in millimetres of the voxels with a neighbour outside the mask."""
    inner = ndimage.binary_erosion(mask, border_value=0)
    return np.argwhere(mask & ~inner) @ grid.affine[:3, :3].T
