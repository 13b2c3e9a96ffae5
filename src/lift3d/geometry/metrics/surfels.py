"""Surface elements of a mask of voxels: one in each cell of eight voxel centres that are not all inside or all outside.

The area of an element is that of the marching-cubes polygon of its cell with vertices halfway along the edges, in millimetres
(Nikolov et al. 2021, "Clinically applicable segmentation of head and neck anatomy", doi:10.2196/26151), so that distances are
weighted by area and not by the number of voxels, for any spacing and shear.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64
from lift3d.types.volumes import Grid


@cache
def cell_triangles() -> tuple[F64, ...]:
    """256 arrays (T, 3, 3): triangles in the unit cube for each mask of inside corners.

    Bit c of a mask is corner (c & 1, c >> 1 & 1, c >> 2 & 1). On every face of the cube the crossed edges are joined around the
    inside corners, which separates diagonal ones; the segments close to loops, which are cut into fans.
    """
    table = []
    for mask in range(256):
        following: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for axis in range(3):
            for side in (0, 1):
                u, w = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
                base = side << axis
                ring = [base, base | u, base | u | w, base | w]
                for first, second in _segments(ring, mask):
                    following.setdefault(first, []).append(second)
                    following.setdefault(second, []).append(first)
        triangles = []
        while following:
            loop = [next(iter(following))]
            while following[loop[-1]]:
                other = following[loop[-1]].pop()
                following[other].remove(loop[-1])
                if other == loop[0]:
                    break
                loop.append(other)
            for edge in loop:
                if not following.get(edge, [0]):
                    following.pop(edge)
            points = np.array([[((a >> k & 1) + (b >> k & 1)) / 2 for k in range(3)] for a, b in loop])
            triangles += [points[[0, m, m + 1]] for m in range(1, len(points) - 1)]
        table.append(np.array(triangles).reshape(-1, 3, 3))
    return tuple(table)


def _segments(ring: list[int], mask: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of crossed edges of a face, given by its corners in order: one pair around each run of inside corners."""
    inside = [mask >> c & 1 for c in ring]
    pairs = []
    for m in range(4):
        if inside[m] and not inside[m - 1]:
            n = m
            while inside[(n + 1) % 4]:
                n += 1
            first, second = (ring[m - 1], ring[m]), (ring[n % 4], ring[(n + 1) % 4])
            pairs.append(((min(first), max(first)), (min(second), max(second))))
    return pairs


def area_table(matrix: F64) -> F64:
    """(256,) areas in square millimetres of the polygons of a cell; matrix (3, 3): index to millimetres."""
    areas = np.zeros(256)
    for mask, triangles in enumerate(cell_triangles()):
        if len(triangles):
            t = triangles @ matrix.T
            areas[mask] = np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum() / 2
    return areas


def surfels(mask: NDArray[np.bool_], grid: Grid) -> tuple[F64, F64]:
    """(places (N, 3) in patient millimetres, areas (N,) in square millimetres) of the surface elements of a mask on a grid.

    Outside of the grid there is nothing, so that the border closes the surface."""
    filled = np.argwhere(mask.any((1, 2))), np.argwhere(mask.any((0, 2))), np.argwhere(mask.any((0, 1)))
    if not len(filled[0]):
        return np.zeros((0, 3)), np.zeros(0)
    low = [int(f[0, 0]) for f in filled]
    part = np.pad(mask[tuple(slice(int(f[0, 0]), int(f[-1, 0]) + 1) for f in filled)], 1).astype(np.uint8)
    n = [s - 1 for s in part.shape]
    code = np.zeros(n, np.uint8)
    for c in range(8):
        i, j, k = c & 1, c >> 1 & 1, c >> 2 & 1
        code |= part[i : i + n[0], j : j + n[1], k : k + n[2]] << c
    at = np.argwhere((code != 0) & (code != 255))
    areas = area_table(grid.affine[:3, :3])[code[tuple(at.T)]]
    return (at + low - 0.5) @ grid.affine[:3, :3].T + grid.affine[:3, 3], areas
