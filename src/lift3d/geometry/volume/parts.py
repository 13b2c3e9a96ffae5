"""Connected parts of a label map and of its background, found from runs of equal voxels so that no second volume is needed.

Voxels of one label belong together if they share a corner, since the surface of `net` joins them; voxels of the background if
they share a face. Union-find over runs (He, Chao & Suzuki, "A run-based two-scan labeling algorithm", 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_kernel


@dataclass(frozen=True, eq=False)
class Parts:
    """Connected parts of a label map.

    row (I J + 1,): first run of each row of voxels along the last axis; begin, end (R,): voxels [begin, end) of the runs; part
    (R,): number of the part of each run. Per part: label (P,), voxels (P,) and marked (P,), the number of its voxels with the
    marked id; border (P,): bits 0, 1, 2 for the axes at whose ends it touches the border of the grid.
    """

    row: NDArray[np.int64]
    begin: NDArray[np.int32]
    end: NDArray[np.int32]
    part: NDArray[np.int32]
    label: NDArray[np.int64]
    voxels: NDArray[np.int64]
    marked: NDArray[np.int64]
    border: NDArray[np.uint8]


def find_parts(ids: NDArray[np.unsignedinteger], lookup: NDArray[np.uint16], marked: int = -1) -> Parts:
    """The parts of the labels lookup[id] > 0 of ids (I, J, K), joined through corners; `marked`: the id of which voxels are
    counted."""
    return _find(ids, lookup, False, marked)


def find_background(ids: NDArray[np.unsignedinteger], lookup: NDArray[np.uint16]) -> Parts:
    """The parts of the background, where lookup[id] = 0, joined through faces; those not at the border are cavities."""
    outside = (lookup == 0).astype(np.uint16)
    return _find(ids, outside, True, -1)


def _find(ids: NDArray[np.unsignedinteger], lookup: NDArray[np.uint16], by_faces: bool, marked: int) -> Parts:
    """Runs, and their union."""
    counts = np.zeros(ids.shape[0] * ids.shape[1] + 1, np.int64)
    _count_runs(ids, lookup, counts)
    row = np.cumsum(counts) - counts
    n = int(row[-1])
    begin, end = np.empty(n, np.int32), np.empty(n, np.int32)
    value, found = np.empty(n, np.uint16), np.zeros(n, np.int32)
    _write_runs(ids, lookup, marked, row, begin, end, value, found)
    parent = np.arange(n, dtype=np.int32)
    _unite(ids.shape[1], row, begin, end, value, 0 if by_faces else 1, by_faces, parent)
    part = np.empty(n, np.int32)
    total = _number(parent, part)
    label, voxels, seen = np.zeros(total, np.int64), np.zeros(total, np.int64), np.zeros(total, np.int64)
    border = np.zeros(total, np.uint8)
    _summarise(ids.shape, row, begin, end, value, found, part, label, voxels, seen, border)
    return Parts(row, begin, end, part, label, voxels, seen, border)


def fill_parts(ids: NDArray[np.unsignedinteger], parts: Parts, chosen: NDArray[np.bool_], value: int) -> None:
    """Write `value` to the voxels of the chosen parts (P,), in place."""
    _fill(ids, parts.row, parts.begin, parts.end, parts.part, chosen, value)


@njit_kernel
def _count_runs(ids: Any, lookup: Any, counts: Any) -> None:
    """Number of runs of equal labels except 0 in each row."""
    for i in range(ids.shape[0]):
        for j in range(ids.shape[1]):
            before, n = 0, 0
            for k in range(ids.shape[2]):
                label = lookup[ids[i, j, k]]
                n += label != before and label != 0
                before = label
            counts[i * ids.shape[1] + j] = n


@njit_kernel
def _write_runs(
    ids: Any, lookup: Any, marked: int, row: Any, begin: Any, end: Any, value: Any, found: Any
) -> None:
    """Write the runs, their labels, and how many of their voxels have the marked id."""
    for i in range(ids.shape[0]):
        for j in range(ids.shape[1]):
            before, n = 0, row[i * ids.shape[1] + j] - 1
            for k in range(ids.shape[2]):
                label = lookup[ids[i, j, k]]
                if label != 0:
                    if label != before:
                        n += 1
                        begin[n], value[n] = k, label
                    end[n] = k + 1
                    found[n] += ids[i, j, k] == marked
                before = label


@njit_kernel
def _root(parent: Any, i: int) -> int:
    """Root of i's tree, with path halving."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit_kernel
def _unite(
    columns: int, row: Any, begin: Any, end: Any, value: Any, reach: int, by_faces: bool, parent: Any
) -> None:
    """Unite the runs of equal label in neighbouring rows that overlap, or come within `reach` voxels."""
    rows = len(row) - 1
    for r in range(rows):
        j = r % columns
        for s in range(4):
            if s == 0:
                other, valid = r - 1, j > 0
            elif s == 1:
                other, valid = r - columns, r >= columns
            elif s == 2:
                other, valid = r - columns - 1, r >= columns and j > 0 and not by_faces
            else:
                other, valid = r - columns + 1, r >= columns and j + 1 < columns and not by_faces
            if not valid:
                continue
            a, b = row[r], row[other]
            while a < row[r + 1] and b < row[other + 1]:
                if value[a] == value[b] and begin[a] < end[b] + reach and begin[b] < end[a] + reach:
                    p, q = _root(parent, a), _root(parent, b)
                    parent[max(p, q)] = min(p, q)
                if end[a] > end[b]:
                    b += 1
                    continue
                c = b + 1  # touches a corner of run a if both end at the same voxel
                if (
                    end[a] == end[b]
                    and c < row[other + 1]
                    and value[a] == value[c]
                    and begin[c] < end[a] + reach
                ):
                    p, q = _root(parent, a), _root(parent, c)
                    parent[max(p, q)] = min(p, q)
                a += 1


@njit_kernel
def _number(parent: Any, part: Any) -> int:
    """Number the parts by their first runs; returns how many there are."""
    total = 0
    for i in range(len(parent)):
        root = _root(parent, i)
        if root == i:
            part[i] = total
            total += 1
        else:
            part[i] = part[root]
    return total


@njit_kernel
def _summarise(
    shape: Any, row: Any, begin: Any, end: Any, value: Any, found: Any, part: Any, label: Any, voxels: Any, seen: Any, border: Any
) -> None:  # fmt: skip
    """Add up the runs of each part."""
    for r in range(len(row) - 1):
        i, j = r // shape[1], r % shape[1]
        edge = (i == 0 or i == shape[0] - 1) | (j == 0 or j == shape[1] - 1) << 1
        for n in range(row[r], row[r + 1]):
            p = part[n]
            label[p] = value[n]
            voxels[p] += end[n] - begin[n]
            seen[p] += found[n]
            border[p] |= edge | (begin[n] == 0 or end[n] == shape[2]) << 2


@njit_kernel
def _fill(ids: Any, row: Any, begin: Any, end: Any, part: Any, chosen: Any, value: int) -> None:
    """Write value to the runs of the chosen parts."""
    for r in range(len(row) - 1):
        i, j = r // ids.shape[1], r % ids.shape[1]
        for n in range(row[r], row[r + 1]):
            if chosen[part[n]]:
                for k in range(begin[n], end[n]):
                    ids[i, j, k] = value
