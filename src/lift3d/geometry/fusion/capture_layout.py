"""What the cameras alone tell about a capture: the point they look at, object or scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.types import F64, Camera


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
