"""Cells of one thing that fell into pieces, joined again: what a photo shows as one is printed as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32, F64

RADIUS = 1.6
"""Of a bridge, in cells."""
FIRM = 1.3
"""Share of a bridge's cells, in levels."""
BESIDE = 6
"""Cells around a piece in which what it is bridged to is looked for first."""
FOOT, STEEP = 12, 1.5
"""Cells of what may be a foot, at least; how far above it the thing must be, for each cell that it is aside."""


def main_components(full: NDArray[np.bool_], least: float = 0.02) -> NDArray[np.bool_]:
    """Without pieces of less than `least` of the largest."""
    labels, count = ndimage.label(full, np.ones((3, 3, 3)))
    if count < 2:
        return full
    sizes = np.bincount(labels.reshape(-1))
    sizes[0] = 0
    return np.asarray((sizes >= least * sizes.max())[labels])


def add_feet(full: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is kept of cells whose last axis is up, and the pieces as well on which it stands: those that reach the floor below
    what is kept. A leg that fell off its table is small, and no crumb."""
    levels = np.flatnonzero(full.any((0, 1)))
    if not kept.any() or kept[:, :, levels[0] : levels[0] + 2].any():
        return kept
    labels, _ = ndimage.label(full & ~kept, np.ones((3, 3, 3)))
    away, nearest = ndimage.distance_transform_edt(~kept, return_indices=True)
    out = kept.copy()
    for number in np.setdiff1d(labels[:, :, levels[0] : levels[0] + 2], 0):
        foot = np.argwhere(labels == number)
        top = foot[int(away[tuple(foot.T)].argmin())]
        aside, up = np.split(nearest[(slice(None), *top)] - top, [2])
        if len(foot) >= FOOT and up[0] >= STEEP * np.linalg.norm(aside):
            out |= labels == number
    return out


def vertical_extent(full: NDArray[np.bool_]) -> tuple[int, int]:
    """The lowest and the highest layer that the main pieces reach, along the last axis; its length and -1 of nothing."""
    levels = np.flatnonzero(main_components(full).any((0, 1)))
    return (int(levels[0]), int(levels[-1])) if len(levels) else (full.shape[2], -1)


def bridge_components(share: F32, level: float, feet: bool = False) -> F32:
    """(D, H, W) shares without crumbs, where every piece above the level is bridged to the larger ones before it at the
    place where they are nearest; the same array where it is one piece. feet: the last axis is up, and what the thing stands on
    is no crumb."""
    full = share > level
    kept = main_components(full)
    if feet:
        kept = add_feet(full, kept)
    labels, count = ndimage.label(kept)  # joined by faces: what touches at an edge alone is no solid joint
    if count < 2:
        return share
    out = np.where(full & ~kept, level * 0.999, share).astype(np.float32)
    order = np.argsort(-np.bincount(labels.reshape(-1))[1:]) + 1
    held = labels == order[0]
    boxes = ndimage.find_objects(labels)
    for number in order[1:]:
        around = boxes[number - 1]
        piece = np.argwhere(labels[around] == number) + [side.start for side in around]
        start, end = nearest_voxels(held, piece)
        low = np.maximum(np.minimum(start, end) - RADIUS, 0).astype(int)
        high = np.minimum(np.maximum(start, end) + RADIUS + 1, share.shape).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high))
        far = distances_to_segment(start, end, low, high)
        bridge = np.clip(level * (1 + (FIRM - 1) * (RADIUS - far)), 0, level * FIRM)
        out[box] = np.maximum(out[box], np.where(far < RADIUS, bridge, 0))
        held[tuple(piece.T)] = True
        held[box] |= far < RADIUS
    return out


def nearest_voxels(held: NDArray[np.bool_], piece: NDArray[np.int64]) -> tuple[F64, F64]:
    """The cell of a piece (N, 3) that is nearest to one that is held, and that one. Nearly always it is near, and is looked for
    there: of noise there are hundreds of pieces."""
    for margin in (BESIDE, max(held.shape)):
        low = np.maximum(piece.min(0) - margin, 0)
        around = held[tuple(slice(a, b) for a, b in zip(low, piece.max(0) + margin + 1))]
        if not around.any():
            continue
        away, where = ndimage.distance_transform_edt(~around, return_indices=True)
        far = away[tuple((piece - low).T)]
        first = int(far.argmin())
        if far[first] <= margin:
            break
    start = piece[first] - low
    return (start + low).astype(np.float64), (where[(slice(None), *start)] + low).astype(np.float64)


def distances_to_segment(start: F64, end: F64, low: NDArray[np.int64], high: NDArray[np.int64]) -> F64:
    """Distances of the cells from `low` up to `high` to the straight way from start to end."""
    cells = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high)), indexing="ij"), -1) - start
    span = end - start
    along = (cells @ span / max(float(span @ span), 1e-9)).clip(0, 1)
    return np.asarray(np.linalg.norm(cells - along[..., None] * span, axis=-1))
