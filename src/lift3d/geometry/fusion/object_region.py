"""Where the object is: the cluster of measured points that most cameras look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.camera.projection import project
from lift3d.geometry.fusion.capture_layout import AxisIntersection
from lift3d.types import F64, Camera


def visible_fraction(cameras: Sequence[Camera], xyz: F64) -> F64:
    """(N,) share of the cameras in whose picture each point falls (occlusion is not asked)."""
    seen = np.zeros(len(xyz))
    for camera in cameras:
        uv, z = project(camera, xyz)
        seen += (
            (z > 0)
            & (uv[:, 0] >= 0)
            & (uv[:, 1] >= 0)
            & (uv[:, 0] < camera.width)
            & (uv[:, 1] < camera.height)
        )
    return seen / len(cameras)


def object_points(
    cameras: Sequence[Camera], xyz: F64, spot: AxisIntersection, cells: int = 72
) -> NDArray[np.bool_]:
    """(N,) True for the points of the object.

    Points seen by at least 60 % as many cameras as the best-seen ones, within 1.2 camera distances of the focus,
    are put on a coarse grid; of its 26-connected clusters the one is taken that holds most points, weighted
    by how well they are seen and how near the focus they lie.
    """
    share = visible_fraction(cameras, xyz)
    near = np.linalg.norm(xyz - spot.point, axis=1) < 1.2 * spot.distance
    common = near & (share >= 0.6 * np.quantile(share[near], 0.95)) if near.any() else near
    if common.sum() < 50:
        return common
    p = xyz[common]
    cells = int(np.clip(np.sqrt(len(p) / 12), 8, cells))  # a few points in each cell that the surface crosses
    low, high = np.quantile(p, [0.005, 0.995], axis=0)
    size = float((high - low).max()) or 1.0
    cell = size / cells
    index = np.clip(((p - low) / cell).astype(np.int64) + 2, 0, cells + 4)
    count = np.zeros((cells + 5,) * 3, np.int32)
    np.add.at(count, tuple(index.T), 1)
    filled = count >= max(1, int(0.02 * np.median(count[count > 0])))
    label, number = ndimage.label(filled, structure=np.ones((3, 3, 3)))
    weight = share[common] ** 2 * np.exp(
        -((np.linalg.norm(p - spot.point, axis=1) / (0.35 * spot.distance)) ** 2)
    )
    mine = label[tuple(index.T)]
    score = np.bincount(mine, weight, minlength=number + 1)
    score[0] = 0
    best = int(score.argmax())
    # other parts of the same thing: well seen, and no farther from the main part than its own size
    main = p[mine == best]
    box_low, box_high = np.quantile(main, [0.01, 0.99], axis=0)
    pad = 0.15 * (box_high - box_low)
    keep = {best}
    for c in range(1, number + 1):
        part = p[mine == c]
        if c != best and score[c] > 0.03 * score[best]:
            inside = ((part > box_low - pad) & (part < box_high + pad)).all(1).mean()
            if inside > 0.9:
                keep.add(c)
    out = np.zeros(len(xyz), bool)
    out[np.nonzero(common)[0][np.isin(mine, list(keep))]] = True
    return out
