"""Bridges between the components of an occupancy grid, so that one object is printed as one piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32, F64

RADIUS = 1.6
"""Radius of a bridge, in voxels."""
BRIDGE_OCCUPANCY = 1.3
"""Largest occupancy of a bridge, in iso-levels."""
SEARCH_MARGIN = 6
"""Voxels around a component in which the nearest larger component is searched for first."""
MIN_FOOT_VOXELS, MIN_FOOT_SLOPE = 12, 1.5
"""Least size of a foot; least rise of the gap between a foot and the object above it, per voxel of horizontal
offset."""


def main_components(full: NDArray[np.bool_], fraction: float = 0.02) -> NDArray[np.bool_]:
    """The mask (X, Y, Z) without components, connected over 26 neighbours, below `fraction` of the size of the
    largest."""
    labels, count = ndimage.label(full, np.ones((3, 3, 3)))
    if count < 2:
        return full
    sizes = np.bincount(labels.reshape(-1))
    sizes[0] = 0
    return np.asarray((sizes >= fraction * sizes.max())[labels])


def add_feet(full: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask `kept`, with the components of `full` that support it: those that reach the floor below it.

    The last axis is up. A table leg that is detached from its table is small but no debris.
    """
    layers = np.flatnonzero(full.any((0, 1)))
    if not kept.any() or kept[:, :, layers[0] : layers[0] + 2].any():
        return kept
    labels, _ = ndimage.label(full & ~kept, np.ones((3, 3, 3)))
    distance_to_kept, nearest = ndimage.distance_transform_edt(~kept, return_indices=True)
    out = kept.copy()
    for label in np.setdiff1d(labels[:, :, layers[0] : layers[0] + 2], 0):
        foot = np.argwhere(labels == label)
        top = foot[int(distance_to_kept[tuple(foot.T)].argmin())]
        aside, up = np.split(nearest[(slice(None), *top)] - top, [2])
        if len(foot) >= MIN_FOOT_VOXELS and up[0] >= MIN_FOOT_SLOPE * np.linalg.norm(aside):
            out |= labels == label
    return out


def vertical_extent(full: NDArray[np.bool_]) -> tuple[int, int]:
    """(lowest, highest) layer of the main components along the last axis; (number of layers, -1) for an empty
    mask."""
    layers = np.flatnonzero(main_components(full).any((0, 1)))
    return (int(layers[0]), int(layers[-1])) if len(layers) else (full.shape[2], -1)


def bridge_components(occupancy: F32, iso_level: float, feet: bool = False) -> F32:
    """(X, Y, Z) occupancy without debris, where a bridge connects every component above iso_level to the nearest
    larger one.

    Returns the array itself if it has one component. feet: keep small components that support the object; the last
    axis is up.
    """
    full = occupancy > iso_level
    kept = main_components(full)
    if feet:
        kept = add_feet(full, kept)
    labels, count = ndimage.label(kept)  # connected over faces: contact at an edge alone is no solid joint
    if count < 2:
        return occupancy
    out = np.where(full & ~kept, iso_level * 0.999, occupancy).astype(np.float32)
    order = np.argsort(-np.bincount(labels.reshape(-1))[1:]) + 1
    connected = labels == order[0]
    boxes = ndimage.find_objects(labels)
    for label in order[1:]:
        around = boxes[label - 1]
        component = np.argwhere(labels[around] == label) + [side.start for side in around]
        start, end = nearest_voxels(connected, component)
        low = np.maximum(np.minimum(start, end) - RADIUS, 0).astype(int)
        high = np.minimum(np.maximum(start, end) + RADIUS + 1, occupancy.shape).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high))
        distances = distances_to_segment(start, end, low, high)
        bridge = np.clip(
            iso_level * (1 + (BRIDGE_OCCUPANCY - 1) * (RADIUS - distances)), 0, iso_level * BRIDGE_OCCUPANCY
        )
        out[box] = np.maximum(out[box], np.where(distances < RADIUS, bridge, 0))
        connected[tuple(component.T)] = True
        connected[box] |= distances < RADIUS
    return out


def nearest_voxels(connected: NDArray[np.bool_], component: NDArray[np.int64]) -> tuple[F64, F64]:
    """(index of the voxel of a component (N, 3) that is nearest to the mask `connected`, index of the nearest voxel
    there).

    The neighbourhood is searched first, since noise has hundreds of components.
    """
    for margin in (SEARCH_MARGIN, max(connected.shape)):
        low = np.maximum(component.min(0) - margin, 0)
        around = connected[tuple(slice(a, b) for a, b in zip(low, component.max(0) + margin + 1))]
        if not around.any():
            continue
        distance_to_kept, nearest_index = ndimage.distance_transform_edt(~around, return_indices=True)
        distances = distance_to_kept[tuple((component - low).T)]
        first = int(distances.argmin())
        if distances[first] <= margin:
            break
    start = component[first] - low
    return (start + low).astype(np.float64), (nearest_index[(slice(None), *start)] + low).astype(np.float64)


def distances_to_segment(start: F64, end: F64, low: NDArray[np.int64], high: NDArray[np.int64]) -> F64:
    """Distances, in voxels, of the voxels with indices in [low, high) from the segment between start and end (3,)."""
    voxels = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high)), indexing="ij"), -1) - start
    direction = end - start
    position = (voxels @ direction / max(float(direction @ direction), 1e-9)).clip(0, 1)
    return np.asarray(np.linalg.norm(voxels - position[..., None] * direction, axis=-1))
