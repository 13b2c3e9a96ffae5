"""What the cameras say about a capture: which way is up, what they look at, object or scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.types import F64, Camera


@dataclass(frozen=True)
class AxisIntersection:
    """The point nearest to all optical axes. spread: median distance of the axes from it over the median camera
    distance; turn: largest angle in degrees between two viewing directions; ahead: share of cameras it lies before."""

    point: F64
    distance: float
    spread: float
    turn: float
    ahead: float


def intersect_optical_axes(cameras: Sequence[Camera]) -> AxisIntersection:
    """Least-squares intersection of the optical axes, re-weighted for cameras that look elsewhere."""
    centres = np.array([c.centre for c in cameras])
    axes = np.array([c.direction for c in cameras])
    weight = np.ones(len(cameras))
    point = centres.mean(0)
    for _ in range(8):
        projectors = np.eye(3) - axes[:, :, None] * axes[:, None, :]
        A = (weight[:, None, None] * projectors).sum(0) + 1e-9 * np.eye(3)
        b = (weight[:, None, None] * projectors @ centres[:, :, None]).sum(0)[:, 0]
        point = np.linalg.solve(A, b)
        off = np.linalg.norm(np.cross(point - centres, axes), axis=1)
        weight = 1.0 / np.maximum(off, 0.2 * np.median(off) + 1e-9)
    distance = np.linalg.norm(point - centres, axis=1)
    off = np.linalg.norm(np.cross(point - centres, axes), axis=1)
    ahead = ((point - centres) * axes).sum(1) > 0
    cosine = np.clip(axes @ axes.T, -1, 1)
    return AxisIntersection(
        point,
        float(np.median(distance)),
        float(np.median(off) / max(float(np.median(distance)), 1e-12)),
        float(np.degrees(np.arccos(cosine.min()))),
        float(ahead.mean()),
    )


def estimate_up(cameras: Sequence[Camera]) -> F64:
    """Unit vector: the mean of the photos' up directions, or, where photos are turned so that it cancels,
    the direction least seen along the cameras' horizontal axes."""
    ups = np.array([-c.R[1] for c in cameras])
    mean = ups.mean(0)
    if np.linalg.norm(mean) > 0.5:
        return mean / np.linalg.norm(mean)
    # photos held in portrait and landscape: cameras look down on things more often than up
    down = np.array([c.direction for c in cameras]).mean(0)
    return -down / max(float(np.linalg.norm(down)), 1e-12)


def classify_capture(cameras: Sequence[Camera], spot: AxisIntersection) -> tuple[str, str]:
    """("object" | "scene", why)."""
    if spot.ahead < 0.8:
        return (
            "scene",
            f"the cameras look outwards or past each other (only {spot.ahead:.0%} face their common point)",
        )
    if spot.spread > 0.35:
        return (
            "scene",
            f"the viewing axes pass a common point at {spot.spread:.0%} of their distance: there is no single thing",
        )
    if spot.turn < 75:
        return (
            "scene",
            f"the photos see it from one side only (viewing directions within {spot.turn:.0f} degrees)",
        )
    return "object", (
        f"the viewing axes meet ({spot.spread:.0%} of the distance) and turn by {spot.turn:.0f} degrees around one thing"
    )
