"""Occupancy of a coarse grid that keeps connected parts connected.

A part thinner than a voxel contains a voxel centre only here and there. With centres alone a slanted sheet becomes
stripes and a leg falls apart; with all voxels that the surface touches, everything grows by half a voxel on each side
and nearby parts merge. So each part gets the rule that suits it:

1. *thick* parts consist of 2 x 2 x 2 blocks of voxels whose centres are all inside. There the centres decide, and
   touched voxels next to a block are its *skin*, which is left out;
2. elsewhere voxels that are inside or touched are full: a thin part is complete and never thinner than a voxel;
3. between the two the skin may hold the only connection. A voxel of the skin is a *joint*, and full, if the full
   voxels among its 26 neighbours form two components or more (a point that is not simple in digital topology: Kong &
   Rosenfeld 1989, section 4). Candidates with the most full neighbours come first.
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
"""Most passes over the candidates for joints."""


def connected_occupancy(inside: B1, touched: B1) -> B1:
    """(X, Y, Z) bool: the full voxels, from those whose centre is inside and those that the surface touches.

    Every voxel that is inside is full. Raises ValueError unless both are grids of one shape.
    """
    inside, touched = np.ascontiguousarray(inside, np.bool_), np.ascontiguousarray(touched, np.bool_)
    if inside.shape != touched.shape or inside.ndim != 3:
        raise ValueError("inside and crossed are grids of one shape (X, Y, Z)")
    near = dilate(block_opening(inside))
    full = inside | (touched & ~near)
    _fill_joints(full, order_joints(full, touched & near & ~inside))
    return full


def block_opening(inside: B1) -> B1:
    """(X, Y, Z) bool: morphological opening by a block of 2 x 2 x 2 voxels (Serra 1982)."""
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
    """(X, Y, Z) bool: dilation by the 26 neighbours."""
    out = full
    for axis in range(3):
        wide = np.pad(out, [(1, 1) if k == axis else (0, 0) for k in range(3)])
        n = out.shape[axis]
        out = wide.take(range(n), axis) | out | wide.take(range(2, n + 2), axis)
    return out


def order_joints(full: B1, skin: B1) -> NDArray[np.int64]:
    """(N, 3) voxels of the skin by number of full face neighbours, then of all full neighbours, both descending, then
    index."""
    count = np.zeros(full.shape, np.int64)
    wide = np.pad(full, 1)
    a, b, c = full.shape
    for x in range(3):
        for y in range(3):
            for z in range(3):
                weight = 27 if abs(x - 1) + abs(y - 1) + abs(z - 1) == 1 else 1
                count += weight * wide[x : x + a, y : y + b, z : z + c]
    candidates = np.argwhere(skin)
    return np.ascontiguousarray(candidates[np.argsort(-count[skin], kind="stable")])


@njit(cache=True, nogil=True)
def _fill_joints(full: Any, candidates: Any) -> None:
    """Fill the candidates (N, 3) that touch two components or more, in order, in passes until nothing changes."""
    near = np.zeros((3, 3, 3), np.bool_)
    stack = np.empty(27, np.int64)
    for _ in range(MOST_ROUNDS):
        filled = 0
        for n in range(len(candidates)):
            i, j, k = candidates[n, 0], candidates[n, 1], candidates[n, 2]
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
            if _count_components(near, stack) > 1:
                full[i, j, k] = True
                filled += 1
        if filled == 0:
            break


@njit(cache=True, nogil=True)
def _count_components(near: Any, stack: Any) -> int:
    """Number of 26-connected components of a (3, 3, 3) neighbourhood, which is cleared; stack: scratch of 27
    entries."""
    count = 0
    for start in range(27):
        if not near[start // 9, start // 3 % 3, start % 3]:
            continue
        count += 1
        near[start // 9, start // 3 % 3, start % 3] = False
        stack[0], size = start, 1
        while size:
            size -= 1
            a, b, c = stack[size] // 9, stack[size] // 3 % 3, stack[size] % 3
            for x in range(max(a - 1, 0), min(a + 2, 3)):
                for y in range(max(b - 1, 0), min(b + 2, 3)):
                    for z in range(max(c - 1, 0), min(c + 2, 3)):
                        if near[x, y, z]:
                            near[x, y, z] = False
                            stack[size] = 9 * x + 3 * y + z
                            size += 1
    return count


FULL, EDGE = 255, 100
"""Value of a voxel inside, and of a voxel that the surface touches beyond the inside, out of 255."""


@numba.njit(cache=True, nogil=True)
def occupancy_levels(inside: NDArray[np.bool_], touched: NDArray[np.bool_]) -> U8:
    """(X, Y, Z) uint8 occupancy, 255 for full, whose iso-surface at half is the surface in the mean.

    A touched voxel with its centre outside is partly full (EDGE). Where no neighbour is inside, the part is thinner
    than a voxel and its voxels are full, or it would vanish.
    """
    a, b, c = inside.shape
    out = np.zeros((a, b, c), np.uint8)
    for i in range(a):
        for j in range(b):
            for k in range(c):
                if inside[i, j, k]:
                    out[i, j, k] = FULL
                elif touched[i, j, k]:
                    near = False
                    for x in range(max(i - 1, 0), min(i + 2, a)):
                        for y in range(max(j - 1, 0), min(j + 2, b)):
                            for z in range(max(k - 1, 0), min(k + 2, c)):
                                near = near or inside[x, y, z]
                    out[i, j, k] = EDGE if near else FULL
    return out
