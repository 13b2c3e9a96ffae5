"""Marching cubes on sparse blocks (Lorensen & Cline 1987): the surface between voxels that were seen on both sides.

The triangles of the 256 sign patterns are derived here: on each face of a cube every run of inside corners is cut off by one
segment, so that neighbours agree on their common face; the segments form loops, which are divided into fans.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_inline
from lift3d.geometry.rgbd import sparse_kernels as kernels
from lift3d.geometry.rgbd.sparse_volume import SparseVolume
from lift3d.types import F32, F64

FACES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
"""Corners (bits x, y, z) of the faces of a cube, counter-clockwise from outside."""
MOST = 5
"""Most triangles of a pattern."""


def _loops(code: int) -> list[list[tuple[int, int]]]:
    """Closed loops of crossed edges (pairs of corners, the lower first) around the inside corners of a pattern."""
    follows = {}
    for face in FACES:
        inside = [code >> c & 1 for c in face]
        for n in range(4):
            if not (inside[n] and not inside[(n + 1) % 4]):
                continue
            start = tuple(sorted((face[n], face[(n + 1) % 4])))
            back = n
            while inside[back - 1]:
                back -= 1
            follows[start] = tuple(sorted((face[back], face[back - 1])))
    loops = []
    while follows:
        first = min(follows)
        loop, at = [first], follows.pop(first)
        while at != first:
            loop.append(at)
            at = follows.pop(at)
        loops.append(loop)
    return loops  # type: ignore[return-value]


def _fan(loop: list[tuple[int, int]]) -> list[tuple[tuple[int, int], ...]]:
    """Triangles of a loop; of all fans one with the fewest diagonals in a face of the cube, where a neighbour might have the
    same."""

    def in_one_face(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return any({*a, *b} <= set(face) for face in FACES)

    def cost(k: int) -> int:
        turned = loop[k:] + loop[:k]
        return sum(in_one_face(turned[0], other) for other in turned[2:-1])

    k = min(range(len(loop)), key=cost)
    turned = loop[k:] + loop[:k]
    return [(turned[0], turned[n], turned[n + 1]) for n in range(1, len(turned) - 1)]


def _tables() -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """(count (256,), triangles (256, MOST, 3)): an edge is base corner | axis << 3; counter-clockwise from outside."""
    count, triangles = np.zeros(256, np.int8), np.zeros((256, MOST, 3), np.int8)
    axis = {1: 0, 2: 1, 4: 2}
    for code in range(1, 255):
        found = [t for loop in _loops(code) for t in _fan(loop)]
        count[code] = len(found)
        for n, triangle in enumerate(found):
            triangles[code, n] = [a | axis[a ^ b] << 3 for a, b in reversed(triangle)]
    return count, triangles


_COUNT, _TRIANGLES = _tables()


@njit_inline
def _node(near: Any, b: int, x: int, y: int, z: int) -> tuple[int, int]:
    """(row, index) of the voxel at (x, y, z) of block b, each in [0, 8]; row -1 where its block does not exist."""
    which = (x >> 3) | (y >> 3) << 1 | (z >> 3) << 2
    return near[b, which], (x & 7) << 6 | (y & 7) << 3 | (z & 7)


@njit(cache=True, parallel=True)
def _neighbours(keys: Any, table_keys: Any, table_rows: Any, near: Any) -> None:
    """near (B, 8): rows of the blocks at the offsets 0 or 1 in x, y, z (bits), -1 where there is none."""
    for b in prange(len(keys)):
        key = keys[b]
        x, y, z = (
            (key >> 42) - (1 << 20),
            ((key >> 21) & ((1 << 21) - 1)) - (1 << 20),
            (key & ((1 << 21) - 1)) - (1 << 20),
        )
        for which in range(8):
            other = kernels.pack(x + (which & 1), y + (which >> 1 & 1), z + (which >> 2))
            near[b, which] = kernels.find(table_keys, table_rows, other)


@njit(cache=True, parallel=True)
def _count(
    distance: Any, weight: Any, near: Any, own: Any, least: float, count: Any, vertices: Any, faces: Any
) -> None:
    """Numbers of vertices of each block and of triangles of its own ones."""
    for b in prange(len(near)):
        v, f = 0, 0
        for e in range(512):
            if weight[b, e] < least:
                continue
            x, y, z = e >> 6, e >> 3 & 7, e & 7
            inside = distance[b, e] < 0
            for a in range(3):
                r, i = _node(near, b, x + (a == 0), y + (a == 1), z + (a == 2))
                if r >= 0 and weight[r, i] >= least and (distance[r, i] < 0) != inside:
                    v += 1
            if own[b]:
                f += count[_code(distance, weight, near, least, b, x, y, z)]
        vertices[b], faces[b] = v, f


@njit_inline
def _code(distance: Any, weight: Any, near: Any, least: float, b: int, x: int, y: int, z: int) -> int:
    """Sign pattern of the cell at (x, y, z) of block b; 0 where one of its corners was not seen."""
    code = 0
    for c in range(8):
        r, i = _node(near, b, x + (c & 1), y + (c >> 1 & 1), z + (c >> 2))
        if r < 0 or weight[r, i] < least:
            return 0
        code |= (distance[r, i] < 0) << c
    return code


@njit(cache=True, parallel=True)
def _vertices(
    distance: Any,
    weight: Any,
    colour: Any,
    keys: Any,
    near: Any,
    least: float,
    first: Any,
    index: Any,
    v: Any,
    c: Any,
) -> None:
    """Write the vertices in units of voxels to v and their colours to c, and their numbers to index (B, 512, 3)."""
    for b in prange(len(near)):
        n = first[b]
        key = keys[b]
        ox = 8 * ((key >> 42) - (1 << 20))
        oy = 8 * (((key >> 21) & ((1 << 21) - 1)) - (1 << 20))
        oz = 8 * ((key & ((1 << 21) - 1)) - (1 << 20))
        for e in range(512):
            if weight[b, e] < least:
                continue
            x, y, z = e >> 6, e >> 3 & 7, e & 7
            inside = distance[b, e] < 0
            for a in range(3):
                r, i = _node(near, b, x + (a == 0), y + (a == 1), z + (a == 2))
                if r < 0 or weight[r, i] < least or (distance[r, i] < 0) == inside:
                    continue
                p, q = np.float64(distance[b, e]), np.float64(distance[r, i])
                t = min(max(p / (p - q), 0.02), 0.98)
                v[n, 0], v[n, 1], v[n, 2] = ox + x, oy + y, oz + z
                v[n, a] += t
                for k in range(3):
                    c[n, k] = (1 - t) * colour[b, e, k] + t * colour[r, i, k]
                index[b, e, a] = n
                n += 1


@njit(cache=True, parallel=True)
def _faces(
    distance: Any,
    weight: Any,
    near: Any,
    own: Any,
    least: float,
    count: Any,
    triangles: Any,
    first: Any,
    index: Any,
    f: Any,
) -> None:
    """Write the triangles of all blocks to f."""
    for b in prange(len(near)):
        if not own[b]:
            continue
        n = first[b]
        for e in range(512):
            if weight[b, e] < least:
                continue
            x, y, z = e >> 6, e >> 3 & 7, e & 7
            code = _code(distance, weight, near, least, b, x, y, z)
            for k in range(count[code]):
                for s in range(3):
                    edge = triangles[code, k, s]
                    c, a = edge & 7, edge >> 3
                    r, i = _node(near, b, x + (c & 1), y + (c >> 1 & 1), z + (c >> 2))
                    f[n, s] = index[r, i, a]
                n += 1


def extract_surface(
    volume: SparseVolume, least: float, own: NDArray[np.bool_] | None = None
) -> tuple[F64, NDArray[np.int32], F32]:
    """(vertices (V, 3) in metres, faces (F, 3) counter-clockwise from in front, colours (V, 3) sRGB in [0, 255]): the surface
    where all eight voxels of a cell have at least the weight `least`. Open where that ends.

    own: (B,) bool, blocks whose cells are meshed, all if None; vertices on the cells of others are there as well.
    """
    mine = np.ones(volume.count, np.bool_) if own is None else own
    near = np.empty((volume.count, 8), np.int32)
    _neighbours(volume.keys, *volume.table, near)
    n_vertices, n_faces = np.zeros(volume.count, np.int64), np.zeros(volume.count, np.int64)
    d, w = volume.distance, volume.weight
    _count(d, w, near, mine, least, _COUNT, n_vertices, n_faces)
    first_vertex, first_face = np.cumsum(n_vertices) - n_vertices, np.cumsum(n_faces) - n_faces
    v = np.empty((int(n_vertices.sum()), 3))
    c = np.empty((len(v), 3), np.float32)
    f = np.empty((int(n_faces.sum()), 3), np.int32)
    index = np.full((volume.count, 512, 3), -1, np.int32)
    _vertices(d, w, volume.colour, volume.keys, near, least, first_vertex, index, v, c)
    _faces(d, w, near, mine, least, _COUNT, _TRIANGLES, first_face, index, f)
    return v * volume.voxel, f, c
