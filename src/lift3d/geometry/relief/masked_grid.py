"""The closed solid over a part of a grid: a relief without a plate behind it.

Cells of the grid belong to the solid if all their nodes are known. Cells that touch others only at a corner would make a vertex
with two fans of faces, and are left out; so are all components but the largest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.relief.grid_solid import Index, front_faces
from lift3d.types import F64


def cells_of(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(R - 1, C - 1) cells of known (R, C) nodes: one component, without contacts at corners."""
    cells = known[:-1, :-1] & known[:-1, 1:] & known[1:, :-1] & known[1:, 1:]
    while True:
        labels, count = ndimage.label(cells)
        if count > 1:
            sizes = np.bincount(labels.ravel())
            sizes[0] = 0
            cells = labels == np.argmax(sizes)
        a, b, c, d = cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]
        falling, rising = a & d & ~b & ~c, b & c & ~a & ~d
        if not (falling.any() or rising.any()):
            return cells
        cells = cells.copy()
        cells[1:, 1:] &= ~falling
        cells[1:, :-1] &= ~rising


def masked_grid(front: F64, back: F64, height: F64, cells: NDArray[np.bool_]) -> tuple[F64, Index, int]:
    """(vertices (V, 3), faces (F, 3), number of faces of the front, which come first) of the solid between front and back,
    (R, C, 3) each, over the cells (R - 1, C - 1). height: (R, C), by which the diagonals are chosen."""
    count = height.size
    node = np.arange(count).reshape(height.shape)
    top = front_faces(node, height)[np.repeat(cells.ravel(), 2)]
    edges = np.concatenate([top[:, [0, 1]], top[:, [1, 2]], top[:, [2, 0]]])
    p, q = edges[~np.isin(edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0])].T
    wall = np.concatenate([np.stack([q, p, p + count], 1), np.stack([q, p + count, q + count], 1)])
    faces = np.concatenate([top, wall, top[:, ::-1] + count])
    vertices = np.concatenate([front.reshape(-1, 3), back.reshape(-1, 3)])
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    return vertices[used], (np.cumsum(used) - 1)[faces], len(top)
