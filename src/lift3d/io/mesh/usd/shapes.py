"""Implicit shapes of UsdGeom as polygons: cube, sphere, cylinder, cone, capsule and plane, outside turned outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

AROUND, ALONG = 48, 24
"""Segments around an axis, and of a half circle along it; multiples of 4, so that extents are exact."""
NAMES = ("Cube", "Sphere", "Cylinder", "Cylinder_1", "Cone", "Capsule", "Capsule_1", "Plane")
"""Types of prims that `polygons` takes."""
_TURN = {"X": (2, 0, 1), "Y": (1, 2, 0), "Z": (0, 1, 2)}
"""Columns of the coordinates of a shape along Z that turn it along another axis."""


@dataclass(frozen=True, eq=False)
class Polygons:
    """points (V, 3); counts (F,): corners of each face; index: vertices of all corners in sequence."""

    points: F64
    counts: NDArray[np.int64]
    index: NDArray[np.int64]


def polygons(kind: str, attribute: Any) -> Polygons:
    """The polygons of a shape. attribute(name, default): the value of one of its attributes."""
    axis = str(attribute("axis", "Z"))
    if kind == "Cube":
        return _cube(float(attribute("size", 2.0)))
    if kind == "Plane":
        return _plane(float(attribute("width", 2.0)), float(attribute("length", 2.0)), axis)
    radius = float(attribute("radius", {"Capsule": 0.5, "Capsule_1": 0.5}.get(kind, 1.0)))
    half = float(attribute("height", {"Capsule": 1.0, "Capsule_1": 1.0}.get(kind, 2.0))) / 2
    angle = np.linspace(-np.pi / 2, np.pi / 2, ALONG + 1)
    if kind == "Sphere":
        profile = np.column_stack([np.cos(angle), np.sin(angle)]) * radius
    elif kind.startswith("Cylinder"):
        bottom, top = float(attribute("radiusBottom", radius)), float(attribute("radiusTop", radius))
        profile = np.array([[0, -half], [bottom, -half], [top, half], [0, half]])
    elif kind == "Cone":
        profile = np.array([[0, -half], [radius, -half], [0, half]])
    else:
        bottom, top = float(attribute("radiusBottom", radius)), float(attribute("radiusTop", radius))
        quarter = angle[: ALONG // 2 + 1]
        lower = np.column_stack([np.cos(quarter), np.sin(quarter)]) * bottom - [0, half]
        upper = np.column_stack([np.cos(quarter), -np.sin(quarter)])[::-1] * top + [0, half]
        profile = np.concatenate([lower, upper])
    shape = _revolved(profile)
    return Polygons(shape.points[:, _TURN.get(axis, _TURN["Z"])], shape.counts, shape.index)


def _cube(size: float) -> Polygons:
    """A cube around the origin."""
    points = (np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) - 0.5) * size
    index = [0, 1, 3, 2, 4, 6, 7, 5, 0, 4, 5, 1, 2, 3, 7, 6, 0, 2, 6, 4, 1, 5, 7, 3]
    return Polygons(points, np.full(6, 4), np.array(index))


def _plane(width: float, length: float, axis: str) -> Polygons:
    """A rectangle whose normal is the axis."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2 * [width, length]
    across, along = {"X": (2, 1), "Y": (0, 2)}.get(axis, (0, 1))
    points = np.zeros((4, 3))
    points[:, across], points[:, along] = corners.T
    index = np.arange(4) if axis == "Z" else np.arange(4)[::-1]
    return Polygons(points, np.array([4]), index.copy())


def _revolved(profile: F64) -> Polygons:
    """The surface of revolution of a profile of (radius, z), z ascending, from pole to pole around Z."""
    apart = np.append(True, (np.abs(np.diff(profile, axis=0)) > 1e-12 * np.abs(profile).max()).any(1))
    profile = profile[apart]
    at_axis = profile[:, 0] <= 1e-12 * np.abs(profile).max()
    turn = np.arange(AROUND) * 2 * np.pi / AROUND
    ring = np.column_stack([np.cos(turn), np.sin(turn)])
    ring[np.abs(ring) < 1e-12] = 0
    points: list[F64] = []
    rows: list[NDArray[np.int64]] = []
    for (radius, z), pole in zip(profile, at_axis):
        start = sum(len(row) for row in points)
        points.append(np.array([[0, 0, z]]) if pole else np.column_stack([ring * radius, np.full(AROUND, z)]))
        rows.append(np.full(AROUND, start) if pole else start + np.arange(AROUND))
    faces: list[tuple[int, ...]] = []
    for low, high, low_pole, high_pole in zip(rows, rows[1:], at_axis, at_axis[1:]):
        for i in range(AROUND):
            j = (i + 1) % AROUND
            if low_pole and not high_pole:
                faces.append((low[0], high[j], high[i]))
            elif high_pole and not low_pole:
                faces.append((low[i], low[j], high[0]))
            elif not low_pole:
                faces.append((low[i], low[j], high[j], high[i]))
    counts = np.array([len(face) for face in faces], np.int64)
    return Polygons(np.concatenate(points), counts, np.array([c for face in faces for c in face], np.int64))
