"""Where the object is: the cluster of measured points that most cameras look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.camera.projection import project
from lift3d.geometry.fusion.capture_layout import AxisIntersection
from lift3d.types import F64, Camera

MIN_PART, PAD, GAP = 0.03, 0.15, 0.3
"""Least score of a part relative to the main one, padding of the bounding box, and largest gap above it, relative to its size."""


def visible_fraction(cameras: Sequence[Camera], xyz: F64) -> F64:
    """(N,) fraction of the cameras in whose image each world point xyz (N, 3) falls; occlusion is ignored."""
    count = np.zeros(len(xyz))
    for camera in cameras:
        uv, z = project(camera, xyz)
        count += (
            (z > 0)
            & (uv[:, 0] >= 0)
            & (uv[:, 1] >= 0)
            & (uv[:, 0] < camera.width)
            & (uv[:, 1] < camera.height)
        )
    return count / len(cameras)


def common_points(cameras: Sequence[Camera], xyz: F64, axes: AxisIntersection) -> NDArray[np.bool_]:
    """(N,) True for the points of xyz (N, 3, world) within 1.2 camera distances of the intersection of the optical axes that at
    least 30 % as many cameras see as the best-seen ones: all of an object whose surroundings were masked, thin parts included."""
    visibility = visible_fraction(cameras, xyz)
    near = np.linalg.norm(xyz - axes.point, axis=1) < 1.2 * axes.distance
    return near & (visibility >= 0.3 * np.quantile(visibility[near], 0.95)) if near.any() else near


def object_points(
    cameras: Sequence[Camera], xyz: F64, axes: AxisIntersection, up: F64, resolution: int = 72
) -> NDArray[np.bool_]:
    """(N,) True for the points of xyz (N, 3, world) that belong to the object.

    Candidates are seen by at least 60 % as many cameras as the best-seen points and lie within 1.2 camera distances of the
    intersection of the optical axes. They are binned on a grid of at most `resolution` cells a side. Of its 26-connected
    clusters the one with the highest score is taken: its number of points, weighted by visibility and by nearness to the
    intersection. Smaller clusters inside its bounding box are added, and clusters above it in the direction `up` (3,), which
    only a part that no photo measured separates from it.
    """
    visibility = visible_fraction(cameras, xyz)
    near = np.linalg.norm(xyz - axes.point, axis=1) < 1.2 * axes.distance
    common = near & (visibility >= 0.6 * np.quantile(visibility[near], 0.95)) if near.any() else near
    if common.sum() < 50:
        return common
    p = xyz[common]
    resolution = int(
        np.clip(np.sqrt(len(p) / 12), 8, resolution)
    )  # a few points in each cell that the surface crosses
    low, high = np.quantile(p, [0.005, 0.995], axis=0)
    size = float((high - low).max()) or 1.0
    cell = size / resolution
    index = np.clip(((p - low) / cell).astype(np.int64) + 2, 0, resolution + 4)
    count = np.zeros((resolution + 5,) * 3, np.int32)
    np.add.at(count, tuple(index.T), 1)
    occupied = count >= max(1, int(0.02 * np.median(count[count > 0])))
    labels, clusters = ndimage.label(occupied, structure=np.ones((3, 3, 3)))
    weight = visibility[common] ** 2 * np.exp(
        -((np.linalg.norm(p - axes.point, axis=1) / (0.35 * axes.distance)) ** 2)
    )
    cluster = labels[tuple(index.T)]
    score = np.bincount(cluster, weight, minlength=clusters + 1)
    score[0] = 0
    best = int(score.argmax())
    members = _parts(p, cluster, score.astype(np.float64), best, up)
    out = np.zeros(len(xyz), bool)
    out[np.nonzero(common)[0][np.isin(cluster, members)]] = True
    return out


def _parts(p: F64, cluster: NDArray[Any], score: F64, best: int, up: F64) -> list[int]:
    """The main cluster `best` of points p (N, 3) and the other parts of its object, largest first: those inside the bounding box
    of what was found so far, padded by PAD of its size, or above it within GAP of its height."""
    side = np.linalg.svd(up[None])[2][1:]
    local = p @ np.vstack([side, up]).T
    found = [best]
    others = [int(k) for k in np.argsort(-score) if k != best and score[k] > MIN_PART * score[best]]
    for _ in range(len(others)):
        low, high = np.quantile(local[np.isin(cluster, found)], [0.01, 0.99], axis=0)
        pad = PAD * (high - low)
        low, high = low - pad, high + pad
        reach = high[2] + GAP * pad[2] / PAD
        high[2] = np.inf
        for k in others:
            part = local[cluster == k]
            within = ((part > low) & (part < high)).all(1).mean() > 0.9
            if within and np.quantile(part[:, 2], 0.05) < reach:
                found.append(k)
                others.remove(k)
                break
        else:
            break
    return found
