"""Visibility discontinuities: the points at which silhouettes cross the centre lines of pixels, and the faces on both sides.

The value at a pixel centre has no derivative with respect to a silhouette that passes by; the mean over the pixel has one. An
edge that moves by d over a length l exchanges colours on an area l d (Li et al., "Differentiable Monte Carlo ray tracing through
edge sampling", 2018, eq. 5: the boundary term is the jump of colours times the edge's speed along its normal). Steep edges are
cut with the rows of pixel centres, flat edges with the columns: one sample per pixel of length, as in Laine et al., "Modular
primitives for high-performance differentiable rendering", 2020, section 3.6. There the two neighbouring pixels give the faces on
both sides; here all faces are tested exactly just before and just after the crossing, so that the silhouettes of thin objects and
of faces smaller than a pixel count as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

_OFFSET = 1e-4
"""Pixels between a crossing and the two points at which the faces beside it are determined."""

I32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """The edges of a mesh.

    ends: (E, 2) int32 vertices; opposite: (E, 2) int32 third corners of the two faces, -1 where there is none; always: (E,)
    bool, the edge may be a discontinuity from any viewpoint (a boundary, more than two faces, a seam).
    """

    ends: I32
    opposite: I32
    always: NDArray[np.bool_]


class Crossings(NamedTuple):
    """N points at which the visible face changes.

    edge: (N,) int32; axis: (N,) int8, 0 if the edge crosses the centre row of a pixel, 1 if its centre column; pixel: (N, 2)
    int32 column and row; after_centre: (N,) bool, the crossing lies after the pixel's centre in reading direction; faces: (N,
    2) int32 seen before and after it, -1 for the background.
    """

    edge: I32
    axis: NDArray[np.int8]
    pixel: I32
    after_centre: NDArray[np.bool_]
    faces: I32


def edge_table(f: NDArray[np.integer], seams: tuple[NDArray[np.integer], ...] = ()) -> EdgeTable:
    """The edges of the faces f (F, 3).

    seams: further corner indices (F, 3), of normals, colours or texture; an edge on whose two sides they differ is a seam.
    """
    faces = np.asarray(f, np.int64).reshape(-1, 3)
    a, b, third = faces.ravel(), np.roll(faces, -1, 1).ravel(), np.roll(faces, -2, 1).ravel()
    reversed_, valid = a > b, a != b
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((np.arange(len(a)), high, low))
    order = order[valid[order]]
    if len(order) == 0:
        return EdgeTable(np.zeros((0, 2), np.int32), np.zeros((0, 2), np.int32), np.zeros(0, np.bool_))
    new = np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)]
    edge_index, start = np.cumsum(new) - 1, np.flatnonzero(new)
    count = np.diff(np.r_[start, len(order)])
    opposite = np.full((len(start), 2), -1, np.int32)
    opposite[:, 0] = third[order[start]]
    two_faced = count == 2
    opposite[two_faced, 1] = third[order[start[two_faced] + 1]]
    always = ~two_faced
    for index in seams:
        i = np.asarray(index, np.int64).reshape(-1, 3)
        first, second = i.ravel(), np.roll(i, -1, 1).ravel()
        corner_pairs = np.stack([np.where(reversed_, second, first), np.where(reversed_, first, second)], 1)[
            order
        ]
        differs = (corner_pairs != corner_pairs[start[edge_index]]).any(1)
        always = always | (np.bincount(edge_index, differs, len(start)) > 0)
    ends = np.stack([low, high], 1)[order[start]].astype(np.int32)
    return EdgeTable(ends, opposite, always)


def crossings(
    p: F64, f: NDArray[np.integer], edges: EdgeTable, grid: tuple[float, ...], ids: I32
) -> Crossings:
    """The crossings in an image.

    p: (V, 3) vertices in the camera frame; grid: fx, fy, cx, cy; ids: (H, W) faces seen by the pixel centres. An edge counts
    if both its faces lie on one side of it as seen from the camera, or if it is marked `always`, and if the faces seen before
    and after the crossing differ. A hidden edge has the same face on both sides.
    """
    p, faces = np.ascontiguousarray(p, np.float64), np.ascontiguousarray(f, np.int32)
    fx, fy, cx, cy = (float(g) for g in grid)
    height, width = ids.shape
    size = (width, height)
    capacity = 8 * (width + height) + 256
    while True:
        where, position = np.empty((capacity, 4), np.int32), np.empty(capacity)
        table = (edges.ends, edges.opposite, edges.always)
        n = _cut(p, table, (fx, fy, cx, cy), size, where, position)
        if n <= capacity:
            break
        capacity = n
    where, position = where[:n], position[:n]
    seen, head, chain = (
        np.full((n, 2), -1, np.int32),
        np.full((height, width), -1, np.int32),
        np.empty(n, np.int32),
    )
    if n:
        _find_faces(p, faces, (fx, fy, cx, cy), where, position, head, chain, seen)
    keep = np.flatnonzero(seen[:, 0] != seen[:, 1])
    keep = keep[_deduplicate(where[keep], position[keep], edges.always)]
    where, position, seen = where[keep], position[keep], seen[keep]
    offset = position - np.where(where[:, 1] == 0, where[:, 2], where[:, 3]) - 0.5
    # At the centre itself the rasteriser decides, so that rounding cannot contradict it.
    after_centre = np.where(np.abs(offset) < 1e-6, ids[where[:, 3], where[:, 2]] == seen[:, 0], offset > 0)
    return Crossings(where[:, 0], where[:, 1].astype(np.int8), where[:, 2:], after_centre, seen)


def _deduplicate(where: I32, position: F64, always: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of the crossings to keep, ascending, so that each discontinuity counts once.

    Where edges coincide or a vertex lies on the centre line, all of them see the same faces. Folds have priority, then the lowest
    edge.
    """
    edge, axis, column, row = where.T
    order = np.lexsort((position, axis, column, row))
    w, x = where[order, 1:], position[order]
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(np.r_[True, (np.diff(w, axis=0) != 0).any(1) | (np.diff(x) > 2 * _OFFSET)])[
        : len(x)
    ]
    order = np.lexsort((edge, always[edge], group))
    return np.sort(order[np.r_[True, np.diff(group[order]) != 0][: len(x)]])


@numba.njit(cache=True, nogil=True)
def _cut(p: F64, table: Any, grid: Any, size: Any, where: I32, position: F64) -> int:
    """Number of crossings; writes rows (edge, axis, column, row) of `where` and the coordinate along the axis, as far as they
    fit.
    """
    ends, opposite, always = table
    n = 0
    for e in range(len(ends)):
        a, b = p[ends[e, 0]], p[ends[e, 1]]
        if not np.isfinite(a.sum() + b.sum()) or (a[2] <= 0 and b[2] <= 0):
            continue
        m0, m1, m2 = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
        if not always[e]:
            c, d = p[opposite[e, 0]], p[opposite[e, 1]]
            one, other = m0 * c[0] + m1 * c[1] + m2 * c[2], m0 * d[0] + m1 * d[1] + m2 * d[2]
            if (one > 0 and other < 0) or (one < 0 and other > 0):
                continue
        axis = 0 if abs(m0) / grid[0] >= abs(m1) / grid[1] else 1
        k = 1 - axis  # the coordinate that is constant along a centre line: y of a row, x of a column
        first, last = 0, size[k] - 1
        if a[2] > 0 and b[2] > 0:
            u, w = grid[k] * a[k] / a[2] + grid[2 + k], grid[k] * b[k] / b[2] + grid[2 + k]
            first = int(min(max(np.floor(min(u, w) - 0.5), 0.0), size[k]))
            last = int(max(min(np.ceil(max(u, w) - 0.5), size[k] - 1.0), -1.0))
        for line in range(first, last + 1):
            ray = (line + 0.5 - grid[2 + k]) / grid[k]
            qa, qb = a[k] - ray * a[2], b[k] - ray * b[2]
            if (qa < 0) == (qb < 0):
                continue
            s = qa / (qa - qb)
            z = a[2] + s * (b[2] - a[2])
            if not z > 0:
                continue
            x = grid[axis] * (a[axis] + s * (b[axis] - a[axis])) / z + grid[2 + axis]
            if not (x >= 0 and x < size[axis]):
                continue
            if n < len(position):
                where[n, 0], where[n, 1], position[n] = e, axis, x
                where[n, 2 + axis], where[n, 2 + k] = int(x), line
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _find_faces(
    p: F64, faces: I32, grid: Any, where: I32, position: F64, head: I32, chain: I32, seen: I32
) -> None:
    """Fill seen (N, 2): the nearest face just before and just after each crossing, the lowest index of equals.

    head (H, W) and chain (N,) become linked lists of the crossings in each pixel.
    """
    fx, fy, cx, cy = grid
    height, width = head.shape
    nearest = np.full((len(position), 2), np.inf)
    for i in range(len(position)):
        chain[i] = head[where[i, 3], where[i, 2]]
        head[where[i, 3], where[i, 2]] = i
    for t in range(len(faces)):
        a, b, c = p[faces[t, 0]], p[faces[t, 1]], p[faces[t, 2]]
        nearest_z, farthest_z = min(a[2], b[2], c[2]), max(a[2], b[2], c[2])
        if not np.isfinite(a.sum() + b.sum() + c.sum()) or farthest_z <= 0:
            continue
        x0, x1, y0, y1 = 0.0, width - 1.0, 0.0, height - 1.0
        if nearest_z > 1e-9 * farthest_z:
            u, v, w = a[0] / a[2], b[0] / b[2], c[0] / c[2]
            x0, x1 = max(x0, fx * min(u, v, w) + cx - 0.01), min(x1, fx * max(u, v, w) + cx + 0.01)
            u, v, w = a[1] / a[2], b[1] / b[2], c[1] / c[2]
            y0, y1 = max(y0, fy * min(u, v, w) + cy - 0.01), min(y1, fy * max(u, v, w) + cy + 0.01)
        if x0 > x1 + 1 or y0 > y1 + 1:
            continue
        ready = False
        a0, a1, a2, b0, b1, b2, c0, c1, c2, det = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for row in range(int(y0), int(y1) + 1):
            for column in range(int(x0), int(x1) + 1):
                i = head[row, column]
                while i >= 0:
                    if not ready:  # computed lazily: most faces have no crossing in their box
                        a0, a1, a2 = (
                            b[1] * c[2] - b[2] * c[1],
                            b[2] * c[0] - b[0] * c[2],
                            b[0] * c[1] - b[1] * c[0],
                        )
                        b0, b1, b2 = (
                            c[1] * a[2] - c[2] * a[1],
                            c[2] * a[0] - c[0] * a[2],
                            c[0] * a[1] - c[1] * a[0],
                        )
                        c0, c1, c2 = (
                            a[1] * b[2] - a[2] * b[1],
                            a[2] * b[0] - a[0] * b[2],
                            a[0] * b[1] - a[1] * b[0],
                        )
                        det = a[0] * a0 + a[1] * a1 + a[2] * a2
                        ready = True
                    for side in range(2):
                        x, y = where[i, 2] + 0.5, where[i, 3] + 0.5
                        step = _OFFSET if side == 1 else -_OFFSET
                        if where[i, 1] == 0:
                            x = position[i] + step
                        else:
                            y = position[i] + step
                        x, y = (x - cx) / fx, (y - cy) / fy
                        e0, e1, e2 = a0 * x + a1 * y + a2, b0 * x + b1 * y + b2, c0 * x + c1 * y + c2
                        if det < 0:
                            e0, e1, e2 = -e0, -e1, -e2
                        total = e0 + e1 + e2
                        if e0 >= 0 and e1 >= 0 and e2 >= 0 and total > 0:
                            z = abs(det) / total
                            if z > 0 and z < nearest[i, side]:
                                nearest[i, side] = z
                                seen[i, side] = t
                    i = chain[i]
