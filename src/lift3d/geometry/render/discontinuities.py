"""Where a picture jumps: the points at which mesh edges cross the middle lines of pixels, and what is seen beside them.

The value of a pixel centre has no derivative with respect to an outline that passes by; the mean over the pixel has:
an edge that moves by d over a length l exchanges colours on an area l d (Li et al., "Differentiable Monte Carlo ray
tracing through edge sampling", 2018, eq. 5: the boundary term is the jump of colours times the edge's speed along its
normal). Steep edges are cut with the rows of pixel centres, flat ones with the columns: one sample per pixel of
length, as in Laine et al., "Modular primitives for high-performance differentiable rendering", 2020, section 3.6.
There the neighbouring pixels say what lies on the two sides; here all faces are asked exactly, a hair before and a
hair after the crossing, so that outlines of thin things and of faces smaller than a pixel count as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

_HAIR = 1e-4
"""Pixels between a crossing and the two places where it is looked what lies beside it."""

I32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """ends (E, 2) int32 vertices of every edge; opposite (E, 2) int32 third corners of its two faces, -1 where there
    is none; always (E,) bool: may be seen from anywhere as a line (a boundary, more than two faces, a seam)."""

    ends: I32
    opposite: I32
    always: NDArray[np.bool_]


class Crossings(NamedTuple):
    """N points where what is seen jumps. edge (N,) int32; axis (N,) int8: 0 when the edge crosses the middle row of a
    pixel, 1 when its middle column; pixel (N, 2) int32 column and row; late (N,) bool: the crossing comes after the
    pixel's centre in reading direction; faces (N, 2) int32 seen before and after it, -1 for none."""

    edge: I32
    axis: NDArray[np.int8]
    pixel: I32
    late: NDArray[np.bool_]
    faces: I32


def edge_table(f: NDArray[np.integer], seams: tuple[NDArray[np.integer], ...] = ()) -> EdgeTable:
    """Edges of the faces f (F, 3). seams: further indices (F, 3) of the corners (of normals, colours, texture); an
    edge on whose two sides they differ is a seam."""
    faces = np.asarray(f, np.int64).reshape(-1, 3)
    a, b, third = faces.ravel(), np.roll(faces, -1, 1).ravel(), np.roll(faces, -2, 1).ravel()
    turned, real = a > b, a != b
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((np.arange(len(a)), high, low))
    order = order[real[order]]
    if len(order) == 0:
        return EdgeTable(np.zeros((0, 2), np.int32), np.zeros((0, 2), np.int32), np.zeros(0, np.bool_))
    new = np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)]
    number, start = np.cumsum(new) - 1, np.flatnonzero(new)
    count = np.diff(np.r_[start, len(order)])
    opposite = np.full((len(start), 2), -1, np.int32)
    opposite[:, 0] = third[order[start]]
    pair = count == 2
    opposite[pair, 1] = third[order[start[pair] + 1]]
    always = ~pair
    for index in seams:
        i = np.asarray(index, np.int64).reshape(-1, 3)
        first, second = i.ravel(), np.roll(i, -1, 1).ravel()
        at = np.stack([np.where(turned, second, first), np.where(turned, first, second)], 1)[order]
        differs = (at != at[start[number]]).any(1)
        always = always | (np.bincount(number, differs, len(start)) > 0)
    ends = np.stack([low, high], 1)[order[start]].astype(np.int32)
    return EdgeTable(ends, opposite, always)


def crossings(
    p: F64, f: NDArray[np.integer], edges: EdgeTable, grid: tuple[float, ...], ids: I32
) -> Crossings:
    """Crossings in a picture. p (V, 3) vertices in the camera frame; grid: fx, fy, cx, cy; ids (H, W): the faces seen
    by the pixels' centres.

    An edge counts when both its faces lie on one side of it as seen from the camera, or when it `always` does, and
    where the faces seen before and after it differ; a hidden edge shows the same face on both sides.
    """
    p, faces = np.ascontiguousarray(p, np.float64), np.ascontiguousarray(f, np.int32)
    fx, fy, cx, cy = (float(g) for g in grid)
    height, width = ids.shape
    size = (width, height)
    room = 8 * (width + height) + 256
    while True:
        where, place = np.empty((room, 4), np.int32), np.empty(room)
        table = (edges.ends, edges.opposite, edges.always)
        n = _cut(p, table, (fx, fy, cx, cy), size, where, place)
        if n <= room:
            break
        room = n
    where, place = where[:n], place[:n]
    seen, head, chain = (
        np.full((n, 2), -1, np.int32),
        np.full((height, width), -1, np.int32),
        np.empty(n, np.int32),
    )
    if n:
        _look(p, faces, (fx, fy, cx, cy), where, place, head, chain, seen)
    keep = np.flatnonzero(seen[:, 0] != seen[:, 1])
    keep = keep[_single(where[keep], place[keep], edges.always)]
    where, place, seen = where[keep], place[keep], seen[keep]
    off = place - np.where(where[:, 1] == 0, where[:, 2], where[:, 3]) - 0.5
    # At the very centre the faces tell: rounding there may not contradict the rasteriser's.
    late = np.where(np.abs(off) < 1e-6, ids[where[:, 3], where[:, 2]] == seen[:, 0], off > 0)
    return Crossings(where[:, 0], where[:, 1].astype(np.int8), where[:, 2:], late, seen)


def _single(where: I32, place: F64, always: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which crossings to keep, ascending, so that a jump counts once: where edges coincide or a vertex lies on the
    middle line, all of them see the same. Folds come first, then the lowest edge."""
    edge, axis, column, row = where.T
    order = np.lexsort((place, axis, column, row))
    w, x = where[order, 1:], place[order]
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(np.r_[True, (np.diff(w, axis=0) != 0).any(1) | (np.diff(x) > 2 * _HAIR)])[
        : len(x)
    ]
    order = np.lexsort((edge, always[edge], group))
    return np.sort(order[np.r_[True, np.diff(group[order]) != 0][: len(x)]])


@numba.njit(cache=True, nogil=True)
def _cut(p, table, grid, size, where, place):  # type: ignore[no-untyped-def]
    """Rows (edge, axis, column, row) of `where` and the coordinate along the axis; the number found is returned, and
    what there is no room for is not written."""
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
        k = 1 - axis  # the coordinate that is the same along a middle line: y of a row, x of a column
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
            if n < len(place):
                where[n, 0], where[n, 1], place[n] = e, axis, x
                where[n, 2 + axis], where[n, 2 + k] = int(x), line
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _look(p, faces, grid, where, place, head, chain, seen):  # type: ignore[no-untyped-def]
    """Fill `seen`: the nearest face a hair before and a hair after each crossing; among equals the lowest index.
    head (H, W) and chain (N,) list the crossings in each pixel."""
    fx, fy, cx, cy = grid
    height, width = head.shape
    nearest = np.full((len(place), 2), np.inf)
    for i in range(len(place)):
        chain[i] = head[where[i, 3], where[i, 2]]
        head[where[i, 3], where[i, 2]] = i
    for t in range(len(faces)):
        a, b, c = p[faces[t, 0]], p[faces[t, 1]], p[faces[t, 2]]
        low, high = min(a[2], b[2], c[2]), max(a[2], b[2], c[2])
        if not np.isfinite(a.sum() + b.sum() + c.sum()) or high <= 0:
            continue
        x0, x1, y0, y1 = 0.0, width - 1.0, 0.0, height - 1.0
        if low > 1e-9 * high:
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
                    if not ready:  # most faces meet no crossing
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
                        step = _HAIR if side == 1 else -_HAIR
                        if where[i, 1] == 0:
                            x = place[i] + step
                        else:
                            y = place[i] + step
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
