"""Marching tetrahedra: a surface from values on a grid that is a closed manifold by construction.

Every cell is divided into the six Kuhn (Freudenthal) tetrahedra around its main diagonal. The subdivision is the same
in each cell, so neighbours agree on shared faces (Bloomenthal, "Polygonization of implicit surfaces", 1988; Kuhn
1960). A vertex lies on one of seven edge directions d per node p, at p + t d with t = (level - a) / (b - a).

The result is solid. A tetrahedron with mixed signs holds one triangle or quadrilateral whose corners lie strictly
inside distinct edges, so polygons of different tetrahedra meet only in the common face, and the tetrahedra around an
edge form one ring: one fan of faces per vertex. Padding with outside nodes closes the surface. t is clamped to
[clamp, 1 - clamp] and rounded to multiples of 1/4096, so that vertices are exact in float32 and the distance between
any two of them, and between sheets, is bounded from below.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.types import F32, F64

MAX_SIDE = 4094
"""Most nodes along a side: indices with 12 fractional bits are exact in float32."""
LATTICE = 4096.0
"""Positions along an edge."""


def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """(tets, polygons, triangles). tets (6, 4): corner indices (bit 0 = x, 1 = y, 2 = z). polygons (6, 16, 5): per
    tetrahedron and inside mask the number of corners and their edges (base corner | direction << 3),
    counter-clockwise from outside. triangles (256,): number of triangles per cell code."""
    corner = np.array([[c & 1, c >> 1 & 1, c >> 2 & 1] for c in range(8)], float)
    tets = np.array([[0, 1 << a, (1 << a) | (1 << b), 7] for a, b, _ in permutations(range(3))], np.uint8)
    polygons = np.zeros((6, 16, 5), np.uint8)
    for k, tet in enumerate(tets.tolist()):
        for mask in range(1, 15):
            inside = [tet[i] for i in range(4) if mask >> i & 1]
            outside = [tet[i] for i in range(4) if not mask >> i & 1]
            pairs = [(i, o) for i in inside for o in outside]
            if len(pairs) == 4:
                pairs[2], pairs[3] = pairs[3], pairs[2]
            points = [(corner[i] + corner[o]) / 2 for i, o in pairs]
            normal = np.cross(points[1] - points[0], points[2] - points[0])
            if normal @ (corner[outside].mean(0) - corner[inside].mean(0)) < 0:
                pairs.reverse()
            polygons[k, mask, 0] = len(pairs)
            for j, (i, o) in enumerate(pairs):
                polygons[k, mask, j + 1] = min(i, o) | (i ^ o) << 3
    triangles = np.zeros(256, np.uint8)
    for code in range(256):
        masks = [sum((code >> int(c) & 1) << i for i, c in enumerate(tet)) for tet in tets]
        triangles[code] = sum(max(int(polygons[k, m, 0]) - 2, 0) for k, m in enumerate(masks))
    return tets, polygons, triangles


_TETS, _POLYGONS, _TRIANGLES = _tables()
_BITS = np.array([bin(i).count("1") for i in range(256)], np.uint8)


def marching_tetrahedra(
    values: F32, level: float = 0.0, clamp: float = 0.05
) -> tuple[F64, NDArray[np.int32]]:
    """(v (V, 3) float64 in index coordinates, f (F, 3) int32): the surface between nodes with value < level and the
    others.

    values: (X, Y, Z) float32 at grid nodes, X, Y, Z <= 4094; NaN and values equal to the level are outside. clamp:
    least distance of a vertex from a node, as a fraction of a grid edge, in [1/4096, 1/2]. Faces are
    counter-clockwise from outside. Where the inside reaches the border of the grid, a plane `clamp` beyond it closes
    the surface. Without inside nodes the arrays are empty. Raises InputError for other shapes or clamps, or a surface
    too large for int32.
    """
    if values.ndim != 3 or max(values.shape) > MAX_SIDE:
        raise InputError(
            f"a grid of shape {values.shape} cannot be meshed", f"use three sides up to {MAX_SIDE}"
        )
    if not 1 / LATTICE <= clamp <= 0.5:
        raise InputError(f"clamp {clamp} is not usable", "choose a value between 1/4096 and 1/2")
    values = np.ascontiguousarray(values, np.float32)
    shape = tuple(n + 1 for n in values.shape)
    code = np.empty(shape, np.uint8)
    start = np.empty(shape, np.uint16)
    n_vertices = np.zeros(shape[:2], np.int64)
    n_faces = np.zeros(shape[:2], np.int64)
    _classify(values, np.float32(level), _BITS, _TRIANGLES, code, start, n_vertices, n_faces)
    first_vertex = np.cumsum(n_vertices.ravel()) - n_vertices.ravel()
    first_face = np.cumsum(n_faces.ravel()) - n_faces.ravel()
    total = int(n_vertices.sum()), int(n_faces.sum())
    if max(total) >= 2**31 // 3:
        raise InputError(f"the surface would have {total[1]} triangles", "use a coarser grid")
    v = np.empty((total[0], 3), np.float64)
    f = np.empty((total[1], 3), np.int32)
    least = np.ceil(clamp * LATTICE) / LATTICE
    rows = first_vertex.reshape(shape[:2])
    _interpolate(values, np.float32(level), least, code, rows, v)
    _connect(_TETS, _POLYGONS, code, start, rows, first_face.reshape(shape[:2]), v, f)
    return v, f


@njit(cache=True, nogil=True, inline="always")
def _inside(values: Any, level: Any, i: int, j: int, k: int) -> int:
    """1 if the node, by its index without padding, is in the grid and below the level."""
    x, y, z = values.shape
    if i < 0 or j < 0 or k < 0 or i >= x or j >= y or k >= z:
        return 0
    return 1 if values[i, j, k] < level else 0


@njit(cache=True, parallel=True)
def _classify(
    values: Any, level: Any, bits: Any, triangles: Any, code: Any, start: Any, n_vertices: Any, n_faces: Any
) -> None:
    """Cell codes (8 corner bits), and the numbers of vertices and triangles per row of cells along z.

    The lowest node of cell (i, j, k) is (i - 1, j - 1, k - 1); it owns the seven edges in the cell.
    """
    nx, ny, nz = code.shape
    for i in prange(nx):
        for j in range(ny):
            vertices = 0
            faces = 0
            low = 0
            for k in range(nz):
                high = (
                    _inside(values, level, i - 1, j - 1, k)
                    | _inside(values, level, i, j - 1, k) << 1
                    | _inside(values, level, i - 1, j, k) << 2
                    | _inside(values, level, i, j, k) << 3
                )
                c = low | high << 4
                low = high
                code[i, j, k] = c
                start[i, j, k] = vertices
                if c != 0 and c != 255:
                    vertices += bits[(c ^ 255 if c & 1 else c) >> 1]
                    faces += triangles[c]
            n_vertices[i, j] = vertices
            n_faces[i, j] = faces


@njit(cache=True, parallel=True)
def _interpolate(values: Any, level: Any, least: float, code: Any, rows: Any, v: Any) -> None:
    """Write the vertices on crossed edges to v, in the order of cells and directions."""
    nx, ny, nz = code.shape
    x, y, z = values.shape
    for i in prange(nx):
        for j in range(ny):
            n = rows[i, j]
            for k in range(nz):
                c = code[i, j, k]
                if c == 0 or c == 255:
                    continue
                inside = c & 1
                for d in range(1, 8):
                    if (c >> d & 1) == inside:
                        continue
                    di, dj, dk = d & 1, d >> 1 & 1, d >> 2 & 1
                    t = 0.0 if inside else 1.0
                    p, q, r = i - 1 + di, j - 1 + dj, k - 1 + dk
                    if i > 0 and j > 0 and k > 0 and p < x and q < y and r < z:
                        a = np.float64(values[i - 1, j - 1, k - 1])
                        b = np.float64(values[p, q, r])
                        t = (np.float64(level) - a) / (b - a)
                        if not np.isfinite(t):
                            t = 0.5
                    t = np.floor(t * 4096.0 + 0.5) / 4096.0
                    t = min(max(t, least), 1.0 - least)
                    v[n, 0] = i - 1 + t * di
                    v[n, 1] = j - 1 + t * dj
                    v[n, 2] = k - 1 + t * dk
                    n += 1


@njit(cache=True, nogil=True)
def _vertex(edge: int, i: int, j: int, k: int, code: Any, start: Any, rows: Any) -> int:
    """Index of the vertex on an edge (base corner | direction << 3) of cell (i, j, k)."""
    p, d = edge & 7, edge >> 3
    i, j, k = i + (p & 1), j + (p >> 1 & 1), k + (p >> 2 & 1)
    c = code[i, j, k]
    crossed = ((c ^ 255 if c & 1 else c) >> 1) & ((1 << (d - 1)) - 1)
    n = rows[i, j] + start[i, j, k]
    while crossed:
        n += crossed & 1
        crossed >>= 1
    return n


@njit(cache=True, parallel=True)
def _connect(
    tets: Any, polygons: Any, code: Any, start: Any, rows: Any, first_face: Any, v: Any, f: Any
) -> None:
    """Write the triangles of every mixed tetrahedron to f; quadrilaterals are cut along their shorter diagonal."""
    nx, ny, nz = code.shape
    for i in prange(nx):
        corner = np.empty(4, np.int64)
        for j in range(ny):
            n = first_face[i, j]
            for k in range(nz):
                c = code[i, j, k]
                if c == 0 or c == 255:
                    continue
                for m in range(6):
                    mask = 0
                    for q in range(4):
                        mask |= (c >> tets[m, q] & 1) << q
                    size = polygons[m, mask, 0]
                    for q in range(size):
                        corner[q] = _vertex(polygons[m, mask, q + 1], i, j, k, code, start, rows)
                    if size == 0:
                        continue
                    rotate = 0
                    if size == 4:
                        even, odd = 0.0, 0.0
                        for axis in range(3):
                            even += (v[corner[0], axis] - v[corner[2], axis]) ** 2
                            odd += (v[corner[1], axis] - v[corner[3], axis]) ** 2
                        rotate = 1 if odd < even else 0
                        f[n, 0], f[n, 1], f[n, 2] = (
                            corner[rotate],
                            corner[rotate + 2 & 3],
                            corner[rotate + 3 & 3],
                        )
                        n += 1
                    f[n, 0], f[n, 1], f[n, 2] = corner[rotate], corner[rotate + 1], corner[rotate + 2 & 3]
                    n += 1
