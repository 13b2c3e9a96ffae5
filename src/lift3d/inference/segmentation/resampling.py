"""Separable linear resampling of arrays whose outer boundaries coincide; smaller shapes are low-pass filtered."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@functools.lru_cache(16)
def resampling_matrix(before: int, after: int) -> F32:
    """(after, before) weights, rows sum to 1: a triangle of half-width max(1, before / after) around each new voxel centre."""
    ratio = before / after
    centres = (np.arange(after) + 0.5) * ratio - 0.5
    if ratio <= 1:  # the outermost half voxels repeat the boundary value
        centres = np.clip(centres, 0, before - 1)
    distance = np.abs(np.arange(before)[None] - centres[:, None]) / max(1.0, ratio)
    weights = np.clip(1 - distance, 0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def resample(values: F32, shape: tuple[int, int, int]) -> F32:
    """The array (X, Y, Z) at another shape over the same extent."""
    out = values
    for axis in sorted(range(3), key=lambda k: shape[k] / values.shape[k]):  # shrink first
        if shape[axis] != out.shape[axis]:
            matrix = resampling_matrix(out.shape[axis], shape[axis])
            out = np.moveaxis(np.tensordot(matrix, out, (1, axis)), 0, axis)
    return np.ascontiguousarray(out, np.float32)


def resample_classes(
    classes: NDArray[np.uint8], count: int, shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Class indices (X, Y, Z) < count at another shape: the class of the largest resampled indicator in each voxel."""
    if classes.shape == shape:
        return np.ascontiguousarray(classes)
    best, found = resample(np.asarray(classes == 0, np.float32), shape), np.zeros(shape, np.uint8)
    for index in range(1, count):
        mask = classes == index
        if mask.any():
            part = resample(np.asarray(mask, np.float32), shape)
            larger = part > best
            found[larger], best = index, np.where(larger, part, best)
    return found


def resample_slab(values: F32, shape: tuple[int, int, int], first: int, last: int) -> F32:
    """Slices first <= z < last of `resample(values, shape)`, without computing the others."""
    before, after = values.shape[2], shape[2]
    if before == after:
        return resample(values[:, :, first:last], (shape[0], shape[1], last - first))
    rows = resampling_matrix(before, after)[first:last]
    used = np.flatnonzero(rows.any(0))
    part = values[:, :, used[0] : used[-1] + 1]
    along = np.tensordot(part, rows[:, used[0] : used[-1] + 1], (2, 1))
    return resample(np.asarray(along, np.float32), (shape[0], shape[1], last - first))
