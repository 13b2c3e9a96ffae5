"""The surface net of a label map written for reading: dictionaries of named vertices, one cell and one voxel pair at a time."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.ndimage import label as components

Point = tuple[float, ...]


def regular(corners: np.ndarray) -> bool:
    """Whether every label of a (2, 2, 2) cell, except 0, has one fan of faces around its vertex."""
    for one in set(corners.ravel().tolist()) - {0}:
        inside = corners == one
        if components(inside)[1] != 1 or components(~inside)[1] > 1:
            return False
        for axis, side in product(range(3), range(2)):
            if pinched(np.take(corners, side, axis)):
                return False
    return True


def pinched(face: np.ndarray) -> bool:
    """Whether a label except 0 has two opposite corners of a (2, 2) face and no other."""
    (a, b), (d, c) = face.tolist()
    return (a == c != 0 and a not in (b, d)) or (b == d != 0 and b not in (a, c))


def winner(corners: np.ndarray) -> int:
    """The label in the middle of a cell."""
    labels = sorted(set(corners.ravel().tolist()) - {0})

    def single(one: int) -> bool:
        return regular(np.where(corners == one, 1, 0))

    return max(labels, key=lambda one: (not single(one), (corners == one).sum(), -one))


def net_polygons(
    ids: np.ndarray, octahedron: float = 0.3, square: float = 0.2
) -> list[tuple[int, int, tuple[Point, ...]]]:
    """(label, other label, corner positions) of every polygon; counter-clockwise seen from the side of the other label."""
    padded = np.pad(ids, 2).astype(int)
    shape = [n - 1 for n in padded.shape]
    cells = {c: padded[tuple(slice(m, m + 2) for m in c)] for c in product(*map(range, shape))}
    cells = {c: corners for c, corners in cells.items() if len(set(corners.ravel().tolist())) > 1}
    simple = {c: regular(corners) for c, corners in cells.items()}

    def centre(c: tuple[int, ...]) -> np.ndarray:
        return np.array(c) - 2 + 0.5

    def port(c: tuple[int, ...], axis: int, side: int, edge: int, end: int) -> Point:
        at = centre(c)
        if pinched(np.take(cells[c], side, axis)):
            at[axis] += side - 0.5
            at[edge] += square * (2 * end - 1)
        else:
            at[axis] += octahedron * (2 * side - 1)
        return tuple(np.round(at, 9).tolist())

    out = []
    for a in product(*map(range, padded.shape)):
        for axis in range(3):
            b = tuple(n + (k == axis) for k, n in enumerate(a))
            if b[axis] >= padded.shape[axis] or padded[a] == padded[b]:
                continue
            u, w = (axis + 1) % 3, (axis + 2) % 3
            corners: list[Point] = []
            for su, sw in ((0, 0), (1, 0), (1, 1), (0, 1)):  # counter-clockwise
                c = tuple(n - (k == u) * (1 - su) - (k == w) * (1 - sw) for k, n in enumerate(a))
                if simple[c]:
                    corners.append(tuple(centre(c).tolist()))
                else:
                    by_u, by_w = port(c, u, 1 - su, w, 1 - sw), port(c, w, 1 - sw, u, 1 - su)
                    corners += [by_w, by_u] if su == sw else [by_u, by_w]
            out.append((int(padded[a]), int(padded[b]), _without_repeats(corners)))
    for c, labels in cells.items():
        if simple[c]:
            continue
        own = winner(labels)
        for corner in product(range(2), repeat=3):
            if labels[corner] != own:
                points = []
                for axis in range(3):
                    before, after = (axis + 2) % 3, (axis + 1) % 3
                    points += [port(c, axis, corner[axis], e, corner[e]) for e in (before, after)]
                points = list(_without_repeats(points))
                out.append((own, int(labels[corner]), tuple(points if sum(corner) % 2 else points[::-1])))
        for axis in range(3):
            if pinched(np.take(labels, 0, axis)):
                lower = tuple(n - (k == axis) for k, n in enumerate(c))
                other = winner(cells[lower])
                if other != own:
                    u, w = (axis + 1) % 3, (axis + 2) % 3
                    square_points = [port(c, axis, 0, e, s) for e, s in ((u, 1), (w, 1), (u, 0), (w, 0))]
                    out.append((other, own, tuple(square_points)))
    return out


def _without_repeats(corners: list[Point]) -> tuple[Point, ...]:
    """A closed polygon without corners that repeat the one before."""
    return tuple(p for m, p in enumerate(corners) if p != corners[m - 1])


def from_least(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """The polygon, beginning with its least corner."""
    m = corners.index(min(corners))
    return corners[m:] + corners[:m]
