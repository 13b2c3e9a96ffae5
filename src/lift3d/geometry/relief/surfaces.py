"""Solids of given thickness over a rectangle or a part of a cylinder, and the proof that they do not intersect themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.relief.grid_solid import closed_grid
from lift3d.geometry.relief.masked_grid import cells_of, masked_grid
from lift3d.types import F64

BLOCK = 16
"""Cells along each side of the blocks that cover the back."""
LARGEST_STEP = np.radians(15.0)
"""Largest angle between neighbouring columns on a cylinder."""
PRECISION = 2.0**-22
"""Bound on the movement of a coordinate relative to the largest one, when it is rounded to single precision."""


@dataclass(frozen=True, eq=False)
class GridSolid:
    """A closed mesh that is a graph over a grid.

    vertices (V, 3) float64, z up; faces (F, 3), the first `front_faces` of them on the front. radius: of the back about the z
    axis, 0 for a flat back. spacing: smallest distance between neighbouring grid lines; thinnest: smallest thickness.
    step: largest angle between neighbouring columns, radians.
    """

    vertices: F64
    faces: NDArray[np.int64]
    front_faces: int
    radius: float
    spacing: float
    thinnest: float
    step: float


def flat_solid(thickness: F64, x: F64, y: F64, pose: Literal["standing", "lying"]) -> GridSolid:
    """A plate of the given thickness.

    thickness: (R, C) > 0. x: (C,) increasing, columns from left to right; y: (R,) decreasing, rows from top to bottom. lying: the
    back lies on z = 0 and the front faces +z. standing: rows are heights above z = 0 and the front faces -y.
    """
    grid_x, grid_y = np.meshgrid(x, y)
    zero = np.zeros_like(thickness)
    if pose == "lying":
        front, back = np.stack([grid_x, grid_y, thickness], -1), np.stack([grid_x, grid_y, zero], -1)
    else:
        front, back = np.stack([grid_x, -thickness, grid_y], -1), np.stack([grid_x, zero, grid_y], -1)
    vertices, faces, count = closed_grid(front, back, thickness, False, (BLOCK, BLOCK))
    spacing = float(min(np.diff(x).min(), -np.diff(y).max()))
    return GridSolid(vertices, faces, count, 0.0, spacing, float(thickness.min()), 0.0)


def cut_out_solid(thickness: F64, x: F64, y: F64, known: NDArray[np.bool_]) -> GridSolid | None:
    """As `flat_solid`, lying, over the largest component of the known nodes (R, C) only; None without a cell of known nodes."""
    cells = cells_of(known)
    if not cells.any():
        return None
    grid_x, grid_y = np.meshgrid(x, y)
    front = np.stack([grid_x, grid_y, thickness], -1)
    back = np.stack([grid_x, grid_y, np.zeros_like(thickness)], -1)
    vertices, faces, count = masked_grid(front, back, thickness, cells)
    spacing = float(min(np.diff(x).min(), -np.diff(y).max()))
    return GridSolid(vertices, faces, count, 0.0, spacing, float(thickness.min()), 0.0)


def curved_solid(thickness: F64, angle: F64, y: F64, radius: float, closed: bool) -> GridSolid:
    """A part of a cylinder whose back is smooth, of the given radius about the z axis, and whose front is outside, facing -y.

    thickness: (R, C) > 0, radial. angle: (C,) radians, increasing from left to right as seen from the front, 0 in front. y: (R,)
    decreasing heights of the rows. closed: the last column joins the first.
    """
    direction = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], -1)
    up = y[:, None, None] * np.array([0.0, 0, 1])
    front = (radius + thickness)[..., None] * direction + up
    back = np.broadcast_to(radius * direction, front.shape) + up
    vertices, faces, count = closed_grid(front, back, thickness, closed, (BLOCK, 1))
    steps = np.diff(np.append(angle, angle[0] + 2 * np.pi)) if closed else np.diff(angle)
    spacing = float(min(radius * steps.min(), -np.diff(y).max()))
    return GridSolid(vertices, faces, count, radius, spacing, float(thickness.min()), float(steps.max()))


def fault(solid: GridSolid, corners: F64 | None = None) -> str | None:
    """None if the solid is free of self-intersection, else what is wrong, as a phrase.

    Between two neighbouring columns, at the angles a and a + s, a point of the front is a weighted mean of its corners; its
    distance from the axis along the bisector is at least (radius + thinnest) cos(s / 2), that of the back radius cos(s / 2). On
    both surfaces a horizontal ray from the axis meets each strip of triangles once, for every positive distance of the corners.
    Both are therefore graphs over angle and height, the front outside, as long as s is small. On a plate the same holds for
    parallel rays. Rounding moves a coordinate by less than PRECISION of the largest one; the distances between neighbouring
    grid lines and between front and back must be ten times as large.

    corners: (F, 3, 3) the corners of the faces as a file holds them, in the unit and order of the solid: they may differ from
    the solid's by rounding only.
    """
    largest = float(np.abs(solid.vertices).max())
    if not np.isfinite(largest):
        return "a coordinate is not finite"
    slack = PRECISION * largest
    if corners is not None:
        own = solid.vertices[solid.faces]
        if corners.shape != own.shape or not float(np.abs(corners - own).max()) <= slack:
            return "the triangles of the file are not those of the model"
    if solid.step > LARGEST_STEP:
        return f"columns are {np.degrees(solid.step):.0f} degrees apart"
    if min(solid.spacing, solid.thinnest) < 10 * slack:
        return "the steps of the grid are too small for single precision"
    return None
