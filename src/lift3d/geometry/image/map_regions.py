"""Where a map over a picture is concentrated: shares on a mask and along its edge, and the strongest connected regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32

STRONGEST = 0.1
"""Fraction of the pixels that regions consist of: those with the largest absolute values."""
EDGE = 0.03
"""Half the width of the band along a silhouette, by the longer side of the map."""


@dataclass(frozen=True)
class MapRegion:
    """box: (x0, y0, x1, y1) in pixels of the map, half open; share: of the sum of absolute values over the whole map; value: the
    sum of the values, with their sign."""

    box: tuple[int, int, int, int]
    share: float
    value: float


def strongest_regions(values: F32, most: int = 5) -> list[MapRegion]:
    """The connected regions (8 neighbours) of the strongest tenth of a map (H, W), by their shares; fewer than `most` where there
    are fewer. Empty for a map of zeros."""
    size = np.abs(values)
    total = float(size.sum(dtype=np.float64))
    if not total > 0:
        return []
    labels, count = ndimage.label(
        size >= max(float(np.quantile(size, 1 - STRONGEST)), 1e-30), np.ones((3, 3))
    )
    index = np.arange(1, count + 1)
    shares = ndimage.sum(size, labels, index) / total
    sums = ndimage.sum(values, labels, index)
    boxes = ndimage.find_objects(labels)
    out = [
        MapRegion((b[1].start, b[0].start, b[1].stop, b[0].stop), float(s), float(v))
        for b, s, v in zip(boxes, shares, sums)
    ]
    return sorted(out, key=lambda region: -region.share)[:most]


def share_on(values: F32, mask: NDArray[np.bool_]) -> float:
    """The share of the sum of absolute values (H, W) that lies on a mask (H, W); 0 for a map of zeros."""
    size = np.abs(values).astype(np.float64)
    return float(size[mask].sum() / max(size.sum(), 1e-300))


def edge_band(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) bool: pixels near the silhouette of a mask, on both sides of it."""
    reach = max(round(EDGE * max(mask.shape)), 1)
    wide = ndimage.binary_dilation(mask, iterations=reach)
    narrow = ndimage.binary_erosion(mask, iterations=reach, border_value=1)
    return np.asarray(wide & ~narrow)
