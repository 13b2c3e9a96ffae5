"""The closed solid between a front and a back surface that are graphs over one grid.

Node (r, c) of the grid has a front and a back vertex. Rows run downward and columns to the right as seen from the front. Every
cell of the front is two triangles, split along the diagonal with the smaller difference in height. The back, which is flat
or straight along the columns, is covered by blocks of cells, so that it needs few faces; blocks at the border keep all border
vertices, and therefore no crack opens. A strip of triangles joins the two borders.

Since both surfaces are graphs over the grid and the front lies above the back, the solid cannot intersect itself.
`surfaces.fault` states this condition, and tests it, on the coordinates as a file of single precision holds them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

Index = NDArray[np.int64]


def closed_grid(
    front: F64, back: F64, height: F64, wrap: bool, block: tuple[int, int]
) -> tuple[F64, Index, int]:
    """(vertices (V, 3), faces (F, 3), number of faces of the front, which come first).

    front, back: (R, C, 3) vertices; height: (R, C), by which the diagonals are chosen. wrap: the last column is a neighbour
    of the first, as on a cylinder. block: rows and columns of the blocks that cover the back, which must be planar.
    """
    rows, columns = height.shape
    node = np.arange(rows * columns).reshape(rows, columns)
    if wrap:
        node = np.column_stack([node, node[:, 0]])
        height = np.column_stack([height, height[:, 0]])
    top = front_faces(node, height)
    count = rows * columns
    wall = _wall(node, wrap, count)
    centres, rear = _back_faces(node, back.reshape(-1, 3), wrap, block)
    faces = np.concatenate([top, wall, rear + count])
    vertices = np.concatenate([front.reshape(-1, 3), back.reshape(-1, 3), centres])
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    return vertices[used], (np.cumsum(used) - 1)[faces], len(top)


def front_faces(node: Index, height: F64) -> Index:
    """(F, 3) two triangles for each cell, counter-clockwise as seen from the front."""
    a, b, d, e = node[:-1, :-1], node[:-1, 1:], node[1:, :-1], node[1:, 1:]
    falling = np.abs(height[:-1, :-1] - height[1:, 1:]) <= np.abs(height[:-1, 1:] - height[1:, :-1])
    first = np.where(falling[..., None], np.stack([a, d, e], -1), np.stack([a, d, b], -1))
    second = np.where(falling[..., None], np.stack([a, e, b], -1), np.stack([b, d, e], -1))
    return np.stack([first, second], 2).reshape(-1, 3)


def _wall(node: Index, wrap: bool, count: int) -> Index:
    """(F, 3) the strip between the borders of front and back; back vertices have the index of the front ones + count."""
    if wrap:
        edges = [(node[-1, :-1], node[-1, 1:]), (node[0, 1:], node[0, :-1])]
    else:
        ring = np.concatenate([node[:-1, 0], node[-1, :-1], node[:0:-1, -1], node[0, :0:-1]])
        edges = [(ring, np.roll(ring, -1))]
    strips = []
    for p, q in edges:
        strips += [np.stack([q, p, p + count], 1), np.stack([q, p + count, q + count], 1)]
    return np.concatenate(strips)


def _breaks(length: int, step: int) -> list[int]:
    """Indices 0, step, 2 step, ..., length - 1."""
    return [*range(0, length - 1, step), length - 1]


def _back_faces(node: Index, back: F64, wrap: bool, block: tuple[int, int]) -> tuple[F64, Index]:
    """(centres (N, 3) of the blocks at the border, faces (F, 3) of nodes, centre k having the index nodes + k)."""
    rows, columns = (_breaks(n, step) for n, step in zip(node.shape, block))
    total = len(back)
    centres: list[F64] = []
    faces: list[Index] = []
    plain: list[tuple[int, int, int, int]] = []
    for i, (r0, r1) in enumerate(zip(rows, rows[1:])):
        for j, (c0, c1) in enumerate(zip(columns, columns[1:])):
            left, right = (False, False) if wrap else (j == 0, j == len(columns) - 2)
            fine = (
                (left and r1 - r0 > 1)
                or (right and r1 - r0 > 1)
                or (c1 - c0 > 1 and (i == 0 or i == len(rows) - 2))
            )
            if not fine:
                plain.append((r0, r1, c0, c1))
                continue
            sides = [
                node[r0:r1, c0] if left else node[r0:r1, c0][:1],
                node[r1, c0:c1] if i == len(rows) - 2 else node[r1, c0:c1][:1],
                node[r1:r0:-1, c1] if right else node[r1:r0:-1, c1][:1],
                node[r0, c1:c0:-1] if i == 0 else node[r0, c1:c0:-1][:1],
            ]
            ring = np.concatenate(sides)
            centre = total + len(centres)
            centres.append(back[[node[r0, c0], node[r1, c1], node[r0, c1], node[r1, c0]]].mean(0))
            faces.append(np.stack([np.roll(ring, -1), ring, np.full(len(ring), centre)], 1))
    if plain:
        r0, r1, c0, c1 = np.array(plain).T
        a, b, d, e = node[r0, c0], node[r0, c1], node[r1, c0], node[r1, c1]
        faces += [np.stack([a, e, d], 1), np.stack([a, b, e], 1)]
    return np.array(centres).reshape(-1, 3), np.concatenate(faces)
