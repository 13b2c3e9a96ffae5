"""Polygons cut into triangles, for every reader of a format whose faces may have more than three corners.

A fan around the first corner is kept where all its triangles are turned the same way. Other quadrilaterals get the other
diagonal where that one is right. What remains (concave polygons, collinear corners) is triangulated by manifold3d in the
plane of the polygon's Newell normal; it returns n - 2 triangles with all corners, so neighbouring faces stay joined.
"""

from __future__ import annotations

from dataclasses import dataclass

import manifold3d
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

I64 = NDArray[np.int64]
SLIVER = 1e-6
"""A triangle lower than this fraction of its longest edge counts as having no area."""
BUDGET = 400_000_000
"""Sum of n^2 over the polygons of a file that are triangulated in their plane; the rest become fans."""


@dataclass(frozen=True)
class Triangles:
    """corners (F, 3): positions in the list of all corners; polygon (F,): the polygon of each triangle, ascending.

    short: polygons with fewer than three corners; repeated: those that lost a triangle, because a corner is named twice in
    succession; fans: polygons too large to be triangulated in their plane.
    """

    corners: I64
    polygon: I64
    short: int = 0
    repeated: int = 0
    fans: int = 0

    def notes(self) -> list[str]:
        """Warnings for people."""
        found = []
        if self.short:
            found.append(f"faces with fewer than three corners are left out ({self.short})")
        if self.repeated:
            found.append(f"faces that name a vertex twice lose the triangle without area ({self.repeated})")
        if self.fans:
            found.append(f"polygons with too many corners are cut without a test for concavity ({self.fans})")
        return found


def fan_triangles(counts: NDArray[np.integer]) -> I64:
    """(F, 3) triangles of polygons with `counts` corners each, as positions in the list of all corners.

    Each polygon becomes a fan around its first corner, whatever its shape; one with fewer than three corners gives no
    triangle.
    """
    starts = np.cumsum(counts) - counts
    triangles = np.maximum(counts - 2, 0)
    first = np.repeat(starts, triangles)
    step = np.arange(triangles.sum()) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.column_stack([first, first + step + 1, first + step + 2])


def triangulate(counts: I64, index: I64, points: F64) -> Triangles:
    """Triangles of polygons of any shape with `counts` corners each; corner k is the vertex index[k] of points (V, 3).

    Triangles that name a vertex twice are left out. Raises ValueError where an index or a count is out of range.
    """
    if (counts < 0).any() or counts.sum() != len(index):
        raise ValueError("the counts of corners do not match the corners")
    if len(index) and (index.min() < 0 or index.max() >= len(points)):
        raise ValueError(f"a face refers to vertices out of range (there are {len(points)} vertices)")
    keep, left = _without_repeats(counts, index)
    place = np.flatnonzero(keep)
    triangles = fan_triangles(left)
    owner = np.repeat(np.arange(len(left)), np.maximum(left - 2, 0))
    fans = _bend(triangles, owner, left, points, index[place])
    corners = place[triangles]
    vertex = index[corners]
    flat = (vertex[:, 0] == vertex[:, 1]) | (vertex[:, 1] == vertex[:, 2]) | (vertex[:, 2] == vertex[:, 0])
    lost = (left < counts) & (counts >= 3)
    lost[owner[flat]] = True
    return Triangles(corners[~flat], owner[~flat], int((counts < 3).sum()), int(lost.sum()), fans)


def _without_repeats(counts: I64, index: I64) -> tuple[NDArray[np.bool_], I64]:
    """(corners to keep, how many of each polygon): of equal successive corners one is kept."""
    keep = np.ones(len(index), bool)
    full = counts[counts > 0]
    starts = np.cumsum(full) - full
    if not len(starts):
        return keep, counts
    following = np.arange(1, len(index) + 1)
    following[starts + full - 1] = starts
    keep = index != index[following]
    left = counts.copy()
    left[counts > 0] = np.add.reduceat(keep, starts, dtype=np.int64)
    return keep, left


def _bend(triangles: I64, owner: I64, counts: I64, points: F64, index: I64) -> int:
    """Replace in place the rows of polygons that a fan does not fit; returns how many were too large for that."""
    many = counts[owner] > 3
    if not many.any():
        return 0
    rows = np.flatnonzero(many)
    numbers = np.flatnonzero(counts > 3)
    starts = (np.cumsum(counts) - counts)[numbers]
    rank = np.searchsorted(numbers, owner[rows])
    corner = points[index[triangles[rows]]]
    with np.errstate(all="ignore"):
        doubled, longest = _doubled_areas(corner)
        first = np.searchsorted(rank, np.arange(len(numbers)))
        normal = np.add.reduceat(doubled, first, axis=0)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        normal = np.where(length > 0, normal / np.where(length > 0, length, 1), 0.0)
        valid = (doubled * normal[rank]).sum(1) > SLIVER * longest
        good = np.logical_and.reduceat(valid, first)
        wrong = np.flatnonzero(~good & (length[:, 0] > 0))
        quads = wrong[counts[numbers[wrong]] == 4]
        if len(quads):  # 0 1 2, 0 2 3 becomes 1 2 3, 1 3 0
            other = starts[quads, None, None] + np.array([[1, 2, 3], [1, 3, 0]])
            area, edge = _doubled_areas(points[index[other]])
            fits = ((area * normal[quads, None]).sum(2) > SLIVER * edge).all(1)
            triangles[rows[first[quads[fits]]]] = other[fits, 0]
            triangles[rows[first[quads[fits]]] + 1] = other[fits, 1]
            wrong = np.setdiff1d(wrong, quads[fits])
    budget, fans = BUDGET, 0
    for k in wrong[np.argsort(counts[numbers[wrong]], kind="stable")].tolist():
        n, start = int(counts[numbers[k]]), int(starts[k])
        budget -= n * n
        if budget < 0:
            fans += 1
            continue
        flat = _in_plane(points[index[start : start + n]], normal[k])
        found = manifold3d.triangulate([flat], -1, False) if np.isfinite(flat).all() else []
        if len(found) == n - 2:
            triangles[rows[first[k]] : rows[first[k]] + n - 2] = start + np.asarray(found, np.int64)
    return fans


def _doubled_areas(corner: F64) -> tuple[F64, NDArray[np.float64]]:
    """(normals of triangles (..., 3, 3) with twice their area as length, squared length of their longest edge)."""
    a, b = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
    longest = np.maximum(np.maximum((a * a).sum(-1), (b * b).sum(-1)), ((b - a) ** 2).sum(-1))
    return np.cross(a, b), longest


def _in_plane(points: F64, normal: F64) -> F64:
    """(n, 2) coordinates in the plane with this unit normal, counter-clockwise, scaled to size 1."""
    axis = np.zeros(3)
    axis[int(np.argmin(np.abs(normal)))] = 1.0
    u = np.cross(normal, axis)
    u /= np.linalg.norm(u)
    v = np.cross(normal, u)
    flat = (points - points.mean(0)) @ np.column_stack([u, v])
    return np.ascontiguousarray(flat / max(float(np.abs(flat).max()), 1e-300))
