"""Cells of a label map: eight neighbouring voxel centres, whether one surface vertex is enough, and which label wins if not.

A cell is regular if for each label except 0 its corners and the other corners are both connected along the edges of the cube, and
no face of the cube has a label in two opposite corners only: then every label has one fan of faces around the vertex of the cell.
Other cells are ambiguous. Corner c of a cell has the offsets (c & 1, c >> 1 & 1, c >> 2 & 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_inline, njit_kernel

AMBIGUOUS = 2
"""State of a cell that needs more than one vertex; 1 is regular, 0 has eight equal labels."""


def _regular_masks() -> NDArray[np.bool_]:
    """(256,) True for masks of corners whose surface in the cell is one disc."""

    def connected(corners: list[int]) -> bool:
        reached, front = set(corners[:1]), corners[:1]
        while front:
            here = front.pop()
            for other in (here ^ 1, here ^ 2, here ^ 4):
                if other in corners and other not in reached:
                    reached.add(other)
                    front.append(other)
        return len(reached) == len(corners)

    table = np.zeros(256, np.bool_)
    for mask in range(256):
        inside = [c for c in range(8) if mask >> c & 1]
        outside = [c for c in range(8) if not mask >> c & 1]
        pinched = any(
            (mask >> c & 1) == (mask >> (c ^ a ^ b) & 1) != (mask >> (c ^ a) & 1) == (mask >> (c ^ b) & 1)
            for c in range(8)
            for a, b in ((1, 2), (2, 4), (4, 1))
        )
        table[mask] = connected(inside) and connected(outside) and not pinched
    return table


REGULAR = _regular_masks()


@njit_inline
def corner_labels(below: Any, above: Any, j: int, k: int, out: Any) -> bool:
    """Write the labels of the corners of cell (j, k) between two padded planes to out (8,); True if they differ."""
    out[0], out[1] = below[j, k], above[j, k]
    out[2], out[3] = below[j + 1, k], above[j + 1, k]
    out[4], out[5] = below[j, k + 1], above[j, k + 1]
    out[6], out[7] = below[j + 1, k + 1], above[j + 1, k + 1]
    differ = False
    for c in range(1, 8):
        differ |= out[c] != out[0]
    return differ


@njit_kernel
def classify_cell(corner: Any, regular: Any) -> tuple[int, int]:
    """(1 or `AMBIGUOUS`, the label that wins an ambiguous cell) of eight corner labels that differ.

    The winner fills the middle of the cell: of the labels except 0 the one that would not be manifold, which keeps walls of one
    voxel closed; then the one with most corners, then the lowest.
    """
    state, winner, best = 1, 0, -1
    for c in range(8):
        label = corner[c]
        mask, earlier, count = 0, False, 0
        for d in range(8):
            if corner[d] == label:
                mask |= 1 << d
                count += 1
                earlier = earlier or d < c
        if label == 0 or earlier:
            continue
        score = count
        if not regular[mask]:
            state = 2
            score += 8
        if score > best or (score == best and label < winner):
            best, winner = score, label
    return state, winner


@njit_kernel
def low_faces_pinched(corner: Any) -> int:
    """Bits 0, 1, 2: whether the low x, y, z face has a label except 0 in two opposite corners only."""
    bits = 0
    for axis in range(3):
        u, w = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        a, b, c, d = corner[0], corner[u], corner[u | w], corner[w]
        if (a == c and a != b and a != d and a != 0) or (b == d and b != a and b != c and b != 0):
            bits |= 1 << axis
    return bits
