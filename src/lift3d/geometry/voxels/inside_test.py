"""The inside of a mesh that need not be closed: votes of lines through every point of a grid.

Meshes made for games have holes, doubled or flipped faces, and intersecting parts. A line that meets a closed surface
has an even number of crossings. A line with an even number is *clean*: on it a point is inside where the number of
crossings before it is odd, or where all signs sum to zero and those before it do not (the winding number of a
consistent orientation, Jacobson et al. 2013). Lines through holes are seldom clean and do not vote. A point is inside
if most of its clean lines vote so, or if none of its rays escapes and no wide passage connects it to the outside, as
into a deep cup (Nooruddin & Turk 2003 vote by parity and by ray stabbing). Cavities are filled.

Lines along the axes of the grid pass through its points, up to a small offset; lines along directions spread over the
hemisphere pass within a third of a voxel.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

from lift3d.types import F64

CLEAN = 0.08
"""Least fraction of clean lines for their majority to count."""
NARROW = 2
"""Half the width, in voxels, of the widest passage that counts as damage instead of an opening."""
SAME = 1e-4
"""Crossings closer than this fraction of a voxel belong to one doubled face."""
FINER = 2.0
"""Lines per voxel in the oblique directions."""
ASIDE = np.array([2.3e-5, 1.7e-5])
"""Offset of the lines along the axes, in voxels: off the edges that modellers place at round coordinates."""


def line_directions(oblique: int = 13) -> F64:
    """(3 + oblique, 3) unit vectors: the axes, then a Fibonacci lattice on the upper hemisphere."""
    k = np.arange(oblique) + 0.5
    z = 1 - k / oblique
    azimuth = np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - z * z)
    return np.concatenate([np.eye(3), np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], 1)])


def inside_mask(
    v: F64, f: NDArray[np.int32], origin: F64, step: float, shape: tuple[int, int, int], oblique: int = 13
) -> NDArray[np.bool_]:
    """(X, Y, Z) bool: whether the point origin + step * (i, j, k) is inside the mesh.

    v (V, 3) finite, f (F, 3): any mesh, open or self-intersecting. oblique: number of directions besides the axes.
    Deterministic.
    """
    index_coordinates = (np.asarray(v, np.float64) - origin) / step
    ends = np.array(list(product(*((0, n - 1) for n in shape))))
    lines = line_directions(oblique)
    votes_inside, clean, free = (np.zeros(shape, np.uint8) for _ in range(3))
    cut = np.zeros(shape, np.bool_)
    for d, line in enumerate(lines):
        exact = d < 3
        u = np.roll(np.eye(3), -1 - d, axis=0)[0] if exact else _across(line)
        frame = np.stack([u, np.cross(line, u), line]) * (1.0 if exact else FINER)
        frame[2] = line
        p = index_coordinates @ frame.T
        corners = (ends @ frame.T)[:, :2]
        low = corners.min(0) if exact else np.floor(corners.min(0))
        size = np.ceil(corners.max(0) - low).astype(np.int64) + 1
        p[:, :2] -= low
        if exact:
            p[:, :2] += ASIDE
        first = np.zeros(size[0] * size[1] + 1, np.int64)
        _count(p, f, size[0], size[1], first)
        np.cumsum(first, out=first)
        depth, sign = np.empty(first[-1], np.float32), np.empty(first[-1], np.int8)
        _fill(p, f, size[0], size[1], first.copy(), depth, sign)
        _sort(first, depth, sign)
        if exact:
            _mark(first, depth, size[1], np.transpose(cut, (d, (d + 1) % 3, (d + 2) % 3)))
        _vote((first, depth, sign), frame, low, size[1], SAME, (votes_inside, clean, free))
    decided = clean >= CLEAN * len(lines)
    votes = np.where(decided, 2 * votes_inside.astype(np.int32) > clean, False)
    return votes | ((free == 0) & ~_wide_open(cut))


def _wide_open(cut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(X, Y, Z) nodes that the outside reaches through passages wider than 2 NARROW voxels; cut: nodes beside a
    surface."""
    away = ~binary_dilation(cut, iterations=NARROW)
    part, count = label(np.pad(away, 1, constant_values=True))
    reached = (part == part[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return np.asarray(binary_dilation(reached, iterations=NARROW + 2, mask=~cut))


def _across(line: F64) -> F64:
    """A unit vector perpendicular to a unit vector."""
    u = np.cross(line, np.eye(3)[np.argmin(np.abs(line))])
    return np.asarray(u / np.linalg.norm(u))


@njit(cache=True)
def _point(p: Any, i: int) -> tuple[float, float, float]:
    """Row i of p as scalars, which the compiler keeps in registers (a row view would be reference-counted)."""
    return p[i, 0], p[i, 1], p[i, 2]


@njit(cache=True)
def _nodes(a: float, b: float, c: float, size: int) -> tuple[int, int]:
    """(first, last) integer of [0, size) between the least and the largest of a, b and c."""
    return max(int(np.ceil(min(a, b, c))), 0), min(int(np.floor(max(a, b, c))), size - 1)


@njit(cache=True)
def _count(p: Any, f: Any, width: int, height: int, first: Any) -> None:
    """Increment first[1 + column] for each triangle that contains the line of the column."""
    for t in range(len(f)):
        a, b, c = _point(p, f[t, 0]), _point(p, f[t, 1]), _point(p, f[t, 2])
        twice = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if twice == 0.0:
            continue
        x0, x1 = _nodes(a[0], b[0], c[0], width)
        y0, y1 = _nodes(a[1], b[1], c[1], height)
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                if _holds(a, b, c, twice, float(x), float(y)):
                    first[1 + x * height + y] += 1


@njit(cache=True)
def _holds(a: Any, b: Any, c: Any, twice: float, x: float, y: float) -> bool:
    """True if (x, y) lies in the projected triangle. Each edge is tested in a fixed order of its ends, so that a line
    through a shared edge crosses exactly one of its two faces."""
    s = 1.0 if twice > 0 else -1.0
    return _left(a, b, x, y, s) and _left(b, c, x, y, s) and _left(c, a, x, y, s)


@njit(cache=True)
def _left(a: Any, b: Any, x: float, y: float, s: float) -> bool:
    """True if (x, y) lies on the inner side of edge ab of a triangle with orientation s."""
    (ax, ay, _), (bx, by, _) = a, b
    if ax < bx or (ax == bx and ay < by):
        side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        up = 1.0
    else:
        side = (ax - bx) * (y - by) - (ay - by) * (x - bx)
        up = -1.0
    return side * up * s > 0 or (side == 0 and up * s > 0)


@njit(cache=True)
def _fill(p: Any, f: Any, width: int, height: int, at: Any, depth: Any, sign: Any) -> None:
    """Write depth and sign of the crossings: whether the line enters (+1) or leaves (-1). at: next entry per
    column."""
    for t in range(len(f)):
        a, b, c = _point(p, f[t, 0]), _point(p, f[t, 1]), _point(p, f[t, 2])
        twice = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if twice == 0.0:
            continue
        x0, x1 = _nodes(a[0], b[0], c[0], width)
        y0, y1 = _nodes(a[1], b[1], c[1], height)
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                if _holds(a, b, c, twice, float(x), float(y)):
                    s = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / twice
                    r = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / twice
                    k = at[x * height + y]
                    depth[k] = a[2] + s * (b[2] - a[2]) + r * (c[2] - a[2])
                    sign[k] = -1 if twice > 0 else 1
                    at[x * height + y] = k + 1


@njit(cache=True)
def _sort(first: Any, depth: Any, sign: Any) -> None:
    """Sort the crossings of each column by depth, then sign (insertion sort, since they are few)."""
    for column in range(len(first) - 1):
        for i in range(first[column] + 1, first[column + 1]):
            d, s, j = depth[i], sign[i], i
            while j > first[column] and (depth[j - 1] > d or (depth[j - 1] == d and sign[j - 1] > s)):
                depth[j], sign[j] = depth[j - 1], sign[j - 1]
                j -= 1
            depth[j], sign[j] = d, s


@njit(cache=True)
def _mark(first: Any, depth: Any, height: int, cut: Any) -> None:
    """Mark both nodes beside every crossing in cut, whose first axis is that of the lines."""
    for column in range(len(first) - 1):
        a, b = column // height, column % height
        for n in range(first[column], first[column + 1]):
            k = int(np.floor(depth[n]))
            if a < cut.shape[1] and b < cut.shape[2]:
                if 0 <= k < cut.shape[0]:
                    cut[k, a, b] = True
                if 0 <= k + 1 < cut.shape[0]:
                    cut[k + 1, a, b] = True


@njit(cache=True)
def _vote(crossings: Any, frame: Any, low: Any, height: int, same: float, votes: Any) -> None:
    """Add the votes of the line through every point. crossings: first, depth, sign; votes: yes, clean, free."""
    first, depth, sign = crossings
    votes_inside, clean, free = votes
    for i in range(votes_inside.shape[0]):
        for j in range(votes_inside.shape[1]):
            for k in range(votes_inside.shape[2]):
                x = int(frame[0, 0] * i + frame[0, 1] * j + frame[0, 2] * k - low[0] + 0.5)
                y = int(frame[1, 0] * i + frame[1, 1] * j + frame[1, 2] * k - low[1] + 0.5)
                z = frame[2, 0] * i + frame[2, 1] * j + frame[2, 2] * k
                column = x * height + y
                before, after, total, signed, here = 0, 0, 0, 0, 0
                last = -1e30
                for n in range(first[column], first[column + 1]):
                    if depth[n] - last < same:  # second face of a doubled one
                        continue
                    last = depth[n]
                    total += 1
                    signed += sign[n]
                    if depth[n] < z:
                        before += 1
                        here += sign[n]
                    else:
                        after += 1
                free[i, j, k] += (before == 0) + (after == 0)
                if total % 2 == 0:
                    clean[i, j, k] += 1
                    if before % 2 == 1 or (signed == 0 and here != 0):
                        votes_inside[i, j, k] += 1
