"""A predicted visible surface with its thickness and a coarse predicted solid, fused to one occupancy in cell space
(geometry/voxels/view_frame.py).

Two experts judge each point of a ray (product of experts, Hinton 2002, "Training products of experts by minimizing contrastive
divergence", eq. 1): the coarse network gives its log odds of being inside, the layers add evidence by the signed distances s to
the visible surface and t to the far side behind it:

    log odds = logit(coarse) + bias
             + front.gain clip(s / front.scale, -front.limit, 1) + back.gain clip(t / back.scale, -back.limit, 1)

Where the layers are sure, within some cells of the visible surface, they decide; far behind, where they say little, the coarse
solid does. Each ray inside the silhouette meets the object: where both would lose it, as on thin legs on whose depth they
disagree, the odds of the ray are raised until its most probable point is full. Before that the coarse solid is shifted in depth
until its visible side agrees, since a photo does not tell the depth of an object's centre. Across the rays the silhouette bounds
the solid. The iso-surface is located to a fraction of a cell.

Depth is measured in half widths of the crop from the plane w = 0, positive away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.image.guided_upsampling import resize_map
from lift3d.types import F32

RAMP = 1.5
"""Cells across the rays over which the bound of the silhouette falls to its smallest log odds."""
EDGE_ODDS = 3.0
"""Log odds inside the silhouette, one RAMP from its border, above which nothing is raised by the border."""
LEAST_ODDS = 1.5
"""Log odds of the most probable point of each ray inside the silhouette: rays on which the two disagree are raised to it."""
INSIDE = 0.5
"""Coverage from which a pixel belongs to the silhouette."""
DEPTH_MARGIN = 1.06
"""Depth extent of the grid by that of the object."""
MIN_RAYS = 8
"""Rays on which both surfaces must be known before one is shifted to the other."""
CLIP = 1e-4
"""Least distance of an occupancy from 0 and 1."""


@dataclass(frozen=True)
class Evidence:
    """gain: log odds at `scale` half widths inside; limit: multiple of it that a point outside can lose."""

    gain: float
    scale: float
    limit: float


FRONT, BACK, BIAS = Evidence(3.0, 0.04, 5.0), Evidence(1.7, 0.13, 3.0), -1.0
"""Evidence of the visible surface and of the thickness, and what all points lose. Chosen on the validation set."""


def fuse_layers(
    occupancy: F32, extent: float, level: float, nearness: F32, thickness: F32, coverage: F32, n: int, most: float,
    front: Evidence = FRONT, back: Evidence = BACK, bias: float = BIAS,
) -> tuple[F32, float]:  # fmt: skip
    """(occupancy (n, n, n), axes w v u, whose iso-surface at `level` is the fused one; half its depth extent in half widths).

    occupancy (D, H, W), extent: the coarse solid and half its depth extent in half widths; nearness (m, m), thickness (m, m) in
    half widths: the visible surface, in front of w = 0, and the depth to the far side; coverage (S, S): of the pixels of the crop
    by the silhouette; most: largest half depth extent. front, back, bias: see above. The coarse solid is returned as it is where
    the silhouette is empty.
    """
    silhouette = coverage > INSIDE
    inside = resize_map(coverage, *nearness.shape) > INSIDE
    if not inside.any() or not (occupancy > level).any():
        return occupancy, extent
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    cell, limit = 2 / n, most / DEPTH_MARGIN
    surface = resize_map(np.ascontiguousarray(-nearness[tuple(nearest)]), n, n)
    thick = resize_map(np.ascontiguousarray(thickness[tuple(nearest)]), n, n)
    border = resize_map(signed_distance(silhouette), n, n)
    first, last = first_run(occupancy > level)
    full = (first >= 0) & (resize_map(coverage, *first.shape) > INSIDE)
    shift = depth_shift(first, extent, resize_map(surface, *first.shape), full)
    surface = (surface - np.float32(shift)).clip(
        -limit, limit - cell
    )  # the frame of the coarse solid is kept
    far = surface + thick.clip(cell, None)
    seen = border > 0
    reach = max(float(-surface[seen].min()), float(far[seen].max()), extent / DEPTH_MARGIN)
    half = min(reach * DEPTH_MARGIN, most)
    rules = np.array([front.gain, front.scale, front.limit, back.gain, back.scale, back.limit, bias])
    return _fuse(
        np.ascontiguousarray(occupancy, np.float32),
        extent,
        level,
        surface,
        far,
        border,
        half,
        RAMP * cell,
        rules,
    ), half


def signed_distance(mask: NDArray[np.bool_]) -> F32:
    """(S, S) distance to the border of the mask in half sides of the square, positive inside; beyond the square is outside."""
    padded = np.pad(mask, 1)
    inner = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
    outer = ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, float(len(mask)))
    return ((np.where(mask, inner - 0.5, 0.5 - outer)) * 2 / len(mask)).astype(np.float32)


def first_run(full: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first, last) (H, W): indices of the first full voxel of each ray of full (D, H, W), and of the last before the first gap
    behind it; -1 where there is none."""
    any_full = full.any(0)
    first = np.where(any_full, full.argmax(0), -1)
    depth = np.arange(len(full))[:, None, None]
    gap = ~full & (depth > first)
    end = np.where(gap.any(0), gap.argmax(0), len(full)) - 1
    return first, np.where(any_full, end, -1)


def depth_shift(first: NDArray[np.int64], extent: float, front: F32, known: NDArray[np.bool_]) -> float:
    """The median difference, in half widths, between the visible surface `front` (H, W) and that of the coarse solid, whose first
    full voxels are `first` (H, W), over the rays `known` (H, W); 0 where these are too few."""
    if int(known.sum()) < MIN_RAYS:
        return 0.0
    surface = (first[known] / len(first) * 2 - 1) * extent
    return float(np.median(front[known] - surface))


@numba.njit(cache=True, nogil=True)
def _fuse(
    occupancy: F32, extent: float, level: float, front: F32, far: F32, border: F32, half: float, ramp: float,
    rules: NDArray[np.float64],
) -> F32:  # fmt: skip
    """The occupancy of `fuse_layers`; front, far and border (n, n); rules: gain, scale, limit of each evidence, and the bias."""
    n, size = len(front), len(occupancy)
    gain, scale, lowest, back_gain, back_scale, back_lowest, bias = rules
    threshold = np.log(level / (1 - level))
    out = np.zeros((n, n, n), np.float32)
    ray = np.zeros(n)
    for j in range(n):
        y = (j + 0.5) / n * size - 0.5
        j0 = min(max(int(np.floor(y)), 0), size - 2)
        fy = min(max(y - j0, 0.0), 1.0)
        for i in range(n):
            edge = border[j, i] / ramp
            if edge <= -1:
                continue
            x = (i + 0.5) / n * size - 0.5
            i0 = min(max(int(np.floor(x)), 0), size - 2)
            fx = min(max(x - i0, 0.0), 1.0)
            best = -np.inf
            for k in range(n):
                s = ((k + 0.5) / n * 2 - 1) * half
                z = (s / extent + 1) / 2 * size - 0.5
                p = 0.0
                if 0 <= z < size - 1:
                    k0 = int(np.floor(z))
                    fz = z - k0
                    for c in range(2):
                        a = occupancy[k0 + c]
                        line = (a[j0, i0] * (1 - fx) + a[j0, i0 + 1] * fx) * (1 - fy)
                        line += (a[j0 + 1, i0] * (1 - fx) + a[j0 + 1, i0 + 1] * fx) * fy
                        p += line * (fz if c == 1 else 1 - fz)
                p = min(max(p, CLIP), 1 - CLIP)
                odds = np.log(p / (1 - p)) - threshold + bias
                odds += gain * min(max((s - front[j, i]) / scale, -lowest), 1.0)
                odds += back_gain * min(max((far[j, i] - s) / back_scale, -back_lowest), 1.0)
                ray[k] = odds
                best = max(best, odds)
            more = max(LEAST_ODDS - best, 0.0) if edge > 0 else 0.0  # the object is somewhere on the ray
            for k in range(n):
                odds = ray[k] + more
                if edge < 1:
                    odds = min(odds, EDGE_ODDS * edge)
                out[k, j, i] = 1 / (1 + np.exp(-(odds + threshold)))
    return out
