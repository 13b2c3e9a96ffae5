"""What the cameras alone tell about a capture: the point they look at, object or scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.types import F64, Camera, Views

ONE_SIDE, LEAST_CLOSED, MOST_PLACED = 150.0, 0.5, 0.8
"""Degrees around, measured fraction of the surface, and fraction of the photos that were placed, see `shows_one_side`."""


@dataclass(frozen=True)
class AxisIntersection:
    """The point nearest to all optical axes, in the world.

    distance: median distance of the cameras from it; spread: median distance of the axes from it over `distance`; angle: largest
    angle in degrees between two viewing directions; in_front: fraction of the cameras that have it in front of them.
    """

    point: F64
    distance: float
    spread: float
    angle: float
    in_front: float


def intersect_optical_axes(cameras: Sequence[Camera]) -> AxisIntersection:
    """Least-squares intersection of the optical axes.

    Eight rounds of reweighting by the inverse distance of each axis from the point discount cameras that look elsewhere.
    """
    centres = np.array([c.centre for c in cameras])
    axes = np.array([c.direction for c in cameras])
    weight = np.ones(len(cameras))
    point = centres.mean(0)
    for _ in range(8):
        projectors = np.eye(3) - axes[:, :, None] * axes[:, None, :]
        A = (weight[:, None, None] * projectors).sum(0) + 1e-9 * np.eye(3)
        b = (weight[:, None, None] * projectors @ centres[:, :, None]).sum(0)[:, 0]
        point = np.linalg.solve(A, b)
        axis_distance = np.linalg.norm(np.cross(point - centres, axes), axis=1)
        weight = 1.0 / np.maximum(axis_distance, 0.2 * np.median(axis_distance) + 1e-9)
    distance = np.linalg.norm(point - centres, axis=1)
    axis_distance = np.linalg.norm(np.cross(point - centres, axes), axis=1)
    in_front = ((point - centres) * axes).sum(1) > 0
    cosine = np.clip(axes @ axes.T, -1, 1)
    return AxisIntersection(
        point,
        float(np.median(distance)),
        float(np.median(axis_distance) / max(float(np.median(distance)), 1e-12)),
        float(np.degrees(np.arccos(cosine.min()))),
        float(in_front.mean()),
    )


def classify_capture(cameras: Sequence[Camera], axes: AxisIntersection) -> tuple[str, str]:
    """("object" or "scene", the reason in words), from how the optical axes meet."""
    if axes.in_front < 0.8:
        return (
            "scene",
            f"the cameras look outwards or past each other (only {axes.in_front:.0%} face their common point)",
        )
    if axes.spread > 0.35:
        return (
            "scene",
            f"the viewing axes pass a common point at {axes.spread:.0%} of their distance: there is no single object",
        )
    if axes.angle < 75:
        return (
            "scene",
            f"the photos show the object from one side only (viewing directions within {axes.angle:.0f} degrees)",
        )
    return "object", (
        f"the viewing axes meet ({axes.spread:.0%} of the distance) "
        f"and the two most different viewing directions are {axes.angle:.0f} degrees apart"
    )


def seen_around(cameras: Sequence[Camera], model_from_world: F64 | None = None) -> float:
    """Degrees around the vertical of a model that cameras around its origin cover: 360 less the largest gap between neighbours,
    where a gap of 90 degrees or less leaves nothing unseen. model_from_world: (4, 4) upright frame, z up, that of the cameras if
    None."""
    frame = np.eye(4) if model_from_world is None else model_from_world
    centres = np.array([camera.centre for camera in cameras]) @ frame[:3, :3].T + frame[:3, 3]
    azimuth = np.sort(np.degrees(np.arctan2(centres[:, 1], centres[:, 0])))
    gap = float(np.diff(np.append(azimuth, azimuth[0] + 360)).max()) if len(azimuth) > 1 else 360.0
    return 360.0 if gap <= 90 else 360.0 - gap


def shows_one_side(views: Views, measured: float | None, degrees: float) -> bool:
    """Whether what was taken for an object is rather a facade or a picture: most photos were placed, they show less than ONE_SIDE
    degrees around it, and measured less than LEAST_CLOSED of its closed surface."""
    placed = [status.placed for status in views.photos]
    most = not placed or np.mean(placed) >= MOST_PLACED
    return bool(measured is not None and measured < LEAST_CLOSED and degrees < ONE_SIDE and most)
