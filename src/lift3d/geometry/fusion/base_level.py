"""How far an object reaches below its lowest measured points, by its silhouettes.

Depth is not measured at the very edge of a mask, so that the lowest points lie above the table on which the object stands. From
there downwards the cross-section of the visual hull (Laurentini 1994) stays that of the foot to its base; below, where cameras
look under the object, it shrinks to nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.camera.projection import project
from lift3d.types import F64, Camera

FOOT = 0.04
"""Height of the foot from which the points are taken, as a fraction of the object's height."""
BLIND = 6.0
"""Pixels of a depth map beside the outline of a mask in which nothing is measured."""
LEVELS, SIDE, MARGIN = 25, 48, 0.2
"""Cross-sections, points on a side of each, and the margin around the foot as a fraction of its extent."""
MISSES = 1
"""Silhouettes that a point of the hull may miss."""
SHRUNK = 0.8
"""The base is above the level at which the area of the cross-section falls below this fraction of the largest one above."""
FULL = 0.8
"""Fraction of a cross-section above which the masks show a plate around the foot, which itself fills about half of it."""
Silhouette = tuple[Camera, NDArray[np.bool_]]
"""A camera and the mask (H, W) of the object in its photo."""


def silhouette_drop(xyz: F64, up: F64, low: float, silhouettes: Sequence[Silhouette], pixel: float) -> float:
    """Distance from `low` down to the object's base, in the unit of the world; 0 where the silhouettes are few or show more than
    the object, such as its plate.

    xyz (N, 3): measured points of the object; up (3,): unit; low: height along up of the lowest of them; pixel: size of a pixel
    of the depth maps on the object."""
    height = xyz @ up
    foot = xyz[(height >= low) & (height < low + FOOT * (float(np.quantile(height, 0.997)) - low))]
    if len(foot) < 20 or len(silhouettes) < 3:
        return 0.0
    section, most = _grid(foot, up, low), 0
    for fall in np.linspace(0, 2 * BLIND * pixel, LEVELS):
        misses = np.zeros(len(section), int)
        for camera, mask in silhouettes:
            misses += ~_sample(mask, *project(camera, section - fall * up))
        area = int((misses <= MISSES).sum())
        if area > FULL * len(section):
            return 0.0
        most = max(most, area)
        if area < SHRUNK * most:
            return float(min(fall, BLIND * pixel))
    return BLIND * pixel


def _grid(foot: F64, up: F64, low: float) -> F64:
    """Points (SIDE^2, 3) of the level plane at height `low`, around a foot (N, 3)."""
    across = np.linalg.svd(up[None])[2][1:]
    plan = foot @ across.T
    first, last = plan.min(0), plan.max(0)
    margin = MARGIN * (last - first).max()
    x, y = (np.linspace(a - margin, b + margin, SIDE) for a, b in zip(first, last))
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2) @ across + low * up


def _sample(mask: NDArray[np.bool_], uv: F64, z: F64) -> NDArray[np.bool_]:
    """The mask at pixels (N, 2) with depths (N,); False outside the picture."""
    h, w = mask.shape
    there = (z > 0) & (uv >= 0).all(1) & (uv[:, 0] < w) & (uv[:, 1] < h)
    x, y = np.where(there[:, None], uv, 0).astype(int).T
    return there & mask[y, x]
