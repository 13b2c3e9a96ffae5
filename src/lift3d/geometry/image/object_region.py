"""Regions of a photo that a mask consists of: the one that is meant, its opacity, and how certain it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.image.prompt_maps import Point, Prompts
from lift3d.types import F32

MIN_OTHER_FRACTION = 0.15
"""A region of at least this fraction of the largest one counts as another object."""


def choose_region(mask: NDArray[np.bool_], prompts: Prompts) -> tuple[NDArray[np.bool_], int]:
    """The connected regions with a click in or next to them, or else the largest one; and how many others are at least
    MIN_OTHER_FRACTION of its size."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask, 0
    sizes = np.bincount(labels.reshape(-1))[1:]
    chosen = {int(sizes.argmax()) + 1}
    if prompts.clicks:
        nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        chosen = set()
        for click in prompts.clicks:
            at = pixel_of(click, mask.shape)
            chosen.add(int(labels[nearest[0][at], nearest[1][at]]))
    largest = max(sizes[k - 1] for k in chosen)
    others = int((sizes >= MIN_OTHER_FRACTION * largest).sum()) - 1
    return np.isin(labels, sorted(chosen)), max(others, 0)


def expected_iou(probability: F32, mask: F32) -> float:
    """The IoU of a mask that is to be expected if each pixel belongs to the object with its probability: the expected
    intersection over the expected union. probability, mask (S, S) in [0, 1]; 0 for an empty mask."""
    inner = float((probability * mask).sum())
    union = float(mask.sum() + (probability * (1 - mask)).sum())
    return min(inner / union, 1.0) if union > 0 else 0.0


def opacity(alpha: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(H, W) opacity of a cut-out: `alpha` (H, W), at least 128 on the mask (H, W), and below 128 beside it within the reach of
    an edge, opaque farther inside; 0 elsewhere."""
    core = ndimage.binary_erosion(mask, iterations=max(2, max(mask.shape) // 100), border_value=1)
    near = ndimage.binary_dilation(mask, iterations=max(2, max(mask.shape) // 200))
    edge = np.where(mask, np.maximum(alpha, 128), np.where(near, np.minimum(alpha, 127), 0))
    return np.where(core, 255, edge).astype(np.uint8)


def pixel_of(point: Point, size: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of a position (x, y), within an image of a size (H, W)."""
    return min(max(int(point[1]), 0), size[0] - 1), min(max(int(point[0]), 0), size[1] - 1)


def has_small_holes(mask: NDArray[np.bool_]) -> bool:
    """Whether holes are so small that they are errors rather than, for example, the hole of a handle."""
    filled = ndimage.binary_fill_holes(mask)
    return bool((filled & ~mask).sum() < 0.01 * mask.sum())
