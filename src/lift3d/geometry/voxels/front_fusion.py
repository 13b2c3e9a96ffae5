"""A predicted visible surface and a coarse predicted solid fused to one field, in cell space (geometry/voxels/view_frame.py).

On every ray through the silhouette the solid begins at the visible surface and ends behind it by the predicted thickness; in
front of it is free space (as in the fusion of measured depth: Curless & Levoy 1996). The coarse solid, shifted in depth until its
visible side agrees, says what lies farther behind: the parts of a ray that it fills after its first gap. Across the rays the
silhouette bounds the solid. The three bounds are ramps of a few cells, whose minimum is the field, so that its iso-surface is
located to a fraction of a cell.

Depth is measured in half widths of the crop from the plane w = 0, positive away from the camera.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.image.guided_upsampling import resize_map
from lift3d.types import F32, F64

RAMP = 3.0
"""Cells across the rays over which a bound rises from the iso-level to its largest value."""
INSIDE = 0.5
"""Coverage from which a pixel belongs to the silhouette."""
MIN_THICKNESS = 2.0
"""Least thickness of a solid, in cells across the rays."""
MIN_STEPS = 2.0
"""Least thickness of a solid, in cells along the rays."""
DEPTH_MARGIN = 1.06
"""Depth extent of the grid by that of the object."""
MIN_RAYS = 8
"""Rays on which both surfaces must be known before one is shifted to the other."""
FRONT_TRUST, THICKNESS_TRUST = 0.6, 0.6
"""Weights of the visible surface's depth and of its thickness, beside those of the coarse solid, at the scale of SMOOTH voxels of
the latter and above; finer detail is that of the visible surface. Chosen on the validation set."""
SMOOTH = 2.0


def fuse_front(
    occupancy: F32, extent: float, level: float, nearness: F32, thickness: F32, coverage: F32, n: int, most: float,
    front_trust: float = FRONT_TRUST, thickness_trust: float = THICKNESS_TRUST,
) -> tuple[F32, float]:  # fmt: skip
    """(occupancy (n, n, n), axes w v u, whose iso-surface at `level` is the fused one; half its depth extent in half widths).

    occupancy (D, H, W), extent: the coarse solid and half its depth extent in half widths; nearness (m, m), thickness (m, m) in
    half widths: the visible surface, in front of w = 0, and the depth to the far side, weighed beside the coarse solid by
    front_trust and thickness_trust; coverage (S, S): of the pixels of the crop by the silhouette; most: largest half depth
    extent. The coarse solid is returned as it is where the silhouette is empty.
    """
    silhouette = coverage > INSIDE
    inside = resize_map(coverage, *nearness.shape) > INSIDE
    if not inside.any() or not (occupancy > level).any():
        return occupancy, extent
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    cell = 2 / n
    least, limit = MIN_THICKNESS * cell, most / DEPTH_MARGIN
    front = resize_map(np.ascontiguousarray(-nearness[tuple(nearest)]), n, n).clip(-limit, limit - least)
    thick = resize_map(np.ascontiguousarray(thickness[tuple(nearest)]), n, n).clip(least, limit - front)
    border = resize_map(signed_distance(silhouette), n, n)
    first, last = first_run(occupancy > level)
    full = (first >= 0) & (resize_map(coverage, *first.shape) > INSIDE)
    apart = depth_shift(first, extent, resize_map(front, *first.shape), full)
    front, shift = front - np.float32((1 - front_trust) * apart), front_trust * apart
    # the coarse solid corrects what the visible surface leaves uncertain at large scales
    start = (first / len(occupancy) * 2 - 1) * extent + shift
    front = front + (1 - front_trust) * correction(start - resize_map(front, *first.shape), full, n)
    depth = np.maximum((last + 1 - first) / len(occupancy) * 2 * extent, least)
    ratio = np.log(depth / resize_map(thick, *first.shape))
    thick = thick * np.exp((1 - thickness_trust) * correction(ratio, full, n))
    front, thick = front.clip(-limit, limit - least), thick.clip(least, None)
    thick = np.minimum(thick, limit - front)
    back = (last + 1) / len(occupancy) * 2 * extent - extent + shift
    far = np.where(last >= 0, back, -np.inf).max()
    seen = border > 0
    reach = max(float(-front[seen].min()), float((front + thick)[seen].max()), float(far))
    half = min(max(reach, cell) * DEPTH_MARGIN, most)
    step = 2 * half / n  # a part that is thinner would fall between the samples of its ray
    front, thick = np.minimum(front, half - 2 * step), np.maximum(thick, MIN_STEPS * step)
    run_end = np.where(last >= 0, back, -np.inf).astype(np.float32)
    columns = ((np.arange(n) + 0.5) / n * run_end.shape[1]).astype(int)
    rows = ((np.arange(n) + 0.5) / n * run_end.shape[0]).astype(int)
    out = _fill(
        np.ascontiguousarray(occupancy, np.float32), extent, shift, level, front, thick, border,
        np.ascontiguousarray(run_end[np.ix_(rows, columns)]), half, RAMP * cell,
    )  # fmt: skip
    return out, half


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


def correction(difference: F64, known: NDArray[np.bool_], n: int) -> F32:
    """(n, n) the difference (H, W), smoothed over the rays where it is known; it fades to 0 beyond them (normalised convolution,
    Knutsson & Westin 1993)."""
    weight = ndimage.gaussian_filter(known.astype(np.float64), SMOOTH)
    total = ndimage.gaussian_filter(np.where(known, difference, 0), SMOOTH)
    return resize_map((total / np.maximum(weight, 0.05)).astype(np.float32), n, n)


@numba.njit(cache=True, nogil=True)
def _fill(
    occupancy: F32, extent: float, shift: float, level: float, front: F32, thick: F32, border: F32, run_end: F32,
    half: float, ramp: float,
) -> F32:  # fmt: skip
    """The field of `fuse_front`; front, thick, border and run_end (n, n)."""
    n, size = len(front), len(occupancy)
    out = np.zeros((n, n, n), np.float32)
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
            gap = False  # the coarse solid counts from its first gap on
            for k in range(n):
                s = ((k + 0.5) / n * 2 - 1) * half
                bound = min(edge, (s - front[j, i]) / ramp)
                if bound <= -1:
                    continue
                behind = (front[j, i] + thick[j, i] - s) / ramp
                if s > run_end[j, i]:
                    z = ((s - shift) / extent + 1) / 2 * size - 0.5
                    if 0 <= z < size - 1:
                        k0 = int(np.floor(z))
                        fz = z - k0
                        p = 0.0
                        for c in range(2):
                            a = occupancy[k0 + c]
                            line = (a[j0, i0] * (1 - fx) + a[j0, i0 + 1] * fx) * (1 - fy)
                            line += (a[j0 + 1, i0] * (1 - fx) + a[j0 + 1, i0 + 1] * fx) * fy
                            p += line * (fz if c == 1 else 1 - fz)
                        gap = gap or p < level
                        if gap:
                            behind = max(behind, p / level - 1 if p < level else (p - level) / (1 - level))
                value = max(min(bound, behind, 1.0), -1.0)
                out[k, j, i] = level * (1 + value) if value < 0 else level + (1 - level) * value
    return out
