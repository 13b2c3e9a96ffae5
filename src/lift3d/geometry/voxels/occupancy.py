"""Which cells of a coarse grid a thing fills, so that what hangs together in the thing does so in its cells.

A part thinner than a cell holds a cell's centre only here and there. By centres alone a slanted sheet becomes stripes and a
leg crumbs; with all that the surface touches, everything grows by half a cell on each side, and what is near flows together.
So each part is told by what does it justice:

1. *thick* is what is made of blocks of 2 x 2 x 2 cells whose centres are all inside; there centres are enough, and touched
   cells beside it are its **skin**, which is left out;
2. elsewhere cells count that are inside or touched: a thin part is whole, and never thinner than a cell;
3. between the two the skin may hold the only way. A cell of it is a **joint**, and counts, where the full cells among its 26
   neighbours are in two pieces or more: what it would join is apart near it (a cell that is not simple, in the words of
   digital topology: Kong & Rosenfeld 1989, section 4). Joints are looked for first where most is full around.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.voxels.view_frame import U8

B1 = NDArray[np.bool_]
MOST_ROUNDS = 8


def connected_occupancy(inside: B1, crossed: B1) -> B1:
    """(X, Y, Z) bool of the cells whose centre is inside, and of those that the surface touches: which are full. All that are
    inside are."""
    inside, crossed = np.ascontiguousarray(inside, np.bool_), np.ascontiguousarray(crossed, np.bool_)
    if inside.shape != crossed.shape or inside.ndim != 3:
        raise ValueError("inside and crossed are grids of one shape (X, Y, Z)")
    near = dilate(block_opening(inside))
    full = inside | (crossed & ~near)
    _join(full, order_joints(full, crossed & near & ~inside))
    return full


def block_opening(inside: B1) -> B1:
    """Cells of 2 x 2 x 2 blocks that are all inside: the opening by such a block (Serra 1982)."""
    corner = inside[:-1] & inside[1:]
    corner = corner[:, :-1] & corner[:, 1:]
    corner = corner[:, :, :-1] & corner[:, :, 1:]
    out = np.zeros_like(inside)
    for x in (0, 1):
        for y in (0, 1):
            for z in (0, 1):
                a, b, c = corner.shape
                out[x : x + a, y : y + b, z : z + c] |= corner
    return out


def dilate(full: B1) -> B1:
    """Cells that are full or have one of their 26 neighbours full."""
    out = full
    for axis in range(3):
        wide = np.pad(out, [(1, 1) if k == axis else (0, 0) for k in range(3)])
        n = out.shape[axis]
        out = wide.take(range(n), axis) | out | wide.take(range(2, n + 2), axis)
    return out


def order_joints(full: B1, skin: B1) -> NDArray[np.int64]:
    """(N, 3) cells of the skin: those with most full neighbours over faces first, of as many those with most neighbours, of
    these the first in the grid."""
    count = np.zeros(full.shape, np.int64)
    wide = np.pad(full, 1)
    a, b, c = full.shape
    for x in range(3):
        for y in range(3):
            for z in range(3):
                weight = 27 if abs(x - 1) + abs(y - 1) + abs(z - 1) == 1 else 1
                count += weight * wide[x : x + a, y : y + b, z : z + c]
    at = np.argwhere(skin)
    return np.ascontiguousarray(at[np.argsort(-count[skin], kind="stable")])


@njit(cache=True, nogil=True)
def _join(full: Any, at: Any) -> None:
    """Fill, of the cells `at`, in their order and again until nothing more is joined, those beside two pieces or more."""
    near = np.zeros((3, 3, 3), np.bool_)
    todo = np.empty(27, np.int64)
    for _ in range(MOST_ROUNDS):
        joined = 0
        for n in range(len(at)):
            i, j, k = at[n, 0], at[n, 1], at[n, 2]
            if full[i, j, k]:
                continue
            for a in range(3):
                for b in range(3):
                    for c in range(3):
                        x, y, z = i + a - 1, j + b - 1, k + c - 1
                        near[a, b, c] = (
                            0 <= x < full.shape[0] and 0 <= y < full.shape[1] and 0 <= z < full.shape[2]
                            and full[x, y, z]
                        )  # fmt: skip
            if _pieces(near, todo) > 1:
                full[i, j, k] = True
                joined += 1
        if joined == 0:
            break


@njit(cache=True, nogil=True)
def _pieces(near: Any, todo: Any) -> int:
    """How many pieces, connected over faces, edges and corners, a (3, 3, 3) neighbourhood has; it is emptied."""
    count = 0
    for start in range(27):
        if not near[start // 9, start // 3 % 3, start % 3]:
            continue
        count += 1
        near[start // 9, start // 3 % 3, start % 3] = False
        todo[0], held = start, 1
        while held:
            held -= 1
            a, b, c = todo[held] // 9, todo[held] // 3 % 3, todo[held] % 3
            for x in range(max(a - 1, 0), min(a + 2, 3)):
                for y in range(max(b - 1, 0), min(b + 2, 3)):
                    for z in range(max(c - 1, 0), min(c + 2, 3)):
                        if near[x, y, z]:
                            near[x, y, z] = False
                            todo[held] = 9 * x + 3 * y + z
                            held += 1
    return count


FULL, EDGE = 255, 100
"""Level of a cell inside, and of one that the surface crosses beyond the inside: half-way between is the surface."""


@numba.njit(cache=True, nogil=True)
def occupancy_levels(inside: NDArray[np.bool_], crossed: NDArray[np.bool_]) -> U8:
    """(X, Y, Z) levels whose half is the surface. A crossed cell with its centre outside is a part: on a plane that lies
    anywhere in its cells the surface is then right in the mean. Where nothing near is inside the thing is a sheet
    thinner than a cell, and its cells are whole, or it would be lost."""
    a, b, c = inside.shape
    out = np.zeros((a, b, c), np.uint8)
    for i in range(a):
        for j in range(b):
            for k in range(c):
                if inside[i, j, k]:
                    out[i, j, k] = FULL
                elif crossed[i, j, k]:
                    near = False
                    for x in range(max(i - 1, 0), min(i + 2, a)):
                        for y in range(max(j - 1, 0), min(j + 2, b)):
                            for z in range(max(k - 1, 0), min(k + 2, c)):
                                near = near or inside[x, y, z]
                    out[i, j, k] = EDGE if near else FULL
    return out
