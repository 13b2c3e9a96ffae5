"""Hole filling without new vertices.

Loops of up to LONGEST vertices: dynamic programming over all triangulations (Barequet & Sharir 1995, Filling gaps in
the boundary of a polyhedron) with weight area + EDGE_WEIGHT x squared edge lengths, which avoids slivers. Longer
loops are triangulated in the plane of their area vector.
"""

from __future__ import annotations

from typing import Any

import manifold3d
import numpy as np
from numba import njit

from lift3d.geometry.repair.working_mesh import Soup, build_edge_table
from lift3d.types import F64

LONGEST = 360
"""Most vertices of a loop that is filled by dynamic programming, whose cost is cubic."""
EDGE_WEIGHT = 1e-3
"""Weight of the squared edge lengths of a triangle beside its area, for a loop scaled to size 1."""


def boundary_loops(soup: Soup) -> list[list[int]]:
    """Closed walks along the open edges, as vertex indices, opposite to the direction of their faces.

    A patch that is counter-clockwise along a loop is oriented like the faces around it.
    """
    table = build_edge_table(soup.f)
    half = np.flatnonzero(table.count[table.half] == 1)
    start = soup.f.reshape(-1)[half]
    end = np.roll(soup.f, -1, axis=1).reshape(-1)[half]
    next_vertices: dict[int, list[int]] = {}
    for a, b in zip(start.tolist(), end.tolist()):
        next_vertices.setdefault(b, []).append(a)
    found = []
    while next_vertices:
        path = [next(iter(next_vertices))]
        position_in_path = {path[0]: 0}
        while path:
            following = next_vertices.get(path[-1])
            if not following:
                break
            vertex = following.pop()
            if not following:
                del next_vertices[path[-1]]
            if vertex in position_in_path:
                loop = path[position_in_path[vertex] :]
                found.append(loop)
                for p in loop[1:]:
                    del position_in_path[p]
                path = path[: position_in_path[vertex] + 1]
                if len(path) == 1 and path[0] not in next_vertices:
                    break
            else:
                position_in_path[vertex] = len(path)
                path.append(vertex)
    return [loop for loop in found if len(loop) >= 3]


def fill_holes(soup: Soup) -> tuple[Soup, int]:
    """(soup, number of filled loops): every boundary loop is filled, except degenerate ones."""
    existing = np.sort(_key(build_edge_table(soup.f).ends))
    found = []
    for loop in boundary_loops(soup):
        ids = np.array(loop, np.int64)
        existing_chords = None
        if len(ids) <= LONGEST:
            pairs = _key(np.stack(np.meshgrid(ids, ids, indexing="ij"), axis=-1))
            best_split = np.minimum(np.searchsorted(existing, pairs), len(existing) - 1)
            existing_chords = existing[best_split] == pairs
        triangles = triangulate_loop(soup.v[ids], ids, existing_chords)
        if len(triangles):
            found.append(triangles)
    return (soup.append_faces(np.concatenate(found)), len(found)) if found else (soup, 0)


def _key(ends: np.ndarray) -> np.ndarray:
    """(...) int64: one key per undirected edge (..., 2)."""
    return ends.min(-1).astype(np.int64) << 32 | ends.max(-1)


def triangulate_loop(points: F64, ids: np.ndarray, existing: np.ndarray | None = None) -> np.ndarray:
    """(n - 2, 3) triangles, as entries of ids (n,), that fill the loop of points (n, 3), counter-clockwise along it.

    existing (n, n): True where the mesh has an edge between two of the points, which the patch then avoids.
    Returns (0, 3) for a loop without extent.
    """
    n = len(points)
    if n == 3:
        return ids[None, :]
    extent = float(np.ptp(points, axis=0).max())
    if not extent > 0:
        return np.zeros((0, 3), np.int64)
    p = (points - points[0]) / extent
    triangulation = (
        _minimal(p, existing if existing is not None else np.zeros((n, n), bool), EDGE_WEIGHT)
        if n <= LONGEST
        else _flat(p)
    )
    return ids[triangulation]


def _flat(p: F64) -> np.ndarray:
    """(n - 2, 3) triangles of the loop (n, 3) projected along its area vector; (0, 3) where that is zero."""
    normal = np.cross(p, np.roll(p, -1, axis=0)).sum(0)
    length = float(np.linalg.norm(normal))
    if not length > 0:
        return np.zeros((0, 3), np.int64)
    normal /= length
    x = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    x /= np.linalg.norm(x)
    flat = np.stack([p @ x, p @ np.cross(normal, x)], axis=1)
    return np.asarray(manifold3d.triangulate([flat], allow_convex=False), np.int64).reshape(-1, 3)


@njit(cache=True)
def _minimal(p: Any, existing: Any, edge_weight: float) -> Any:
    """(n - 2, 3) triangles of the triangulation of the loop p (n, 3) with the least total weight."""
    n = len(p)
    cost = np.zeros((n, n))
    split = np.zeros((n, n), np.int64)
    for gap in range(2, n):
        for i in range(n - gap):
            k = i + gap
            best, best_split = np.inf, i + 1
            for j in range(i + 1, k):
                ux, uy, uz = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1], p[j, 2] - p[i, 2]
                wx, wy, wz = p[k, 0] - p[i, 0], p[k, 1] - p[i, 1], p[k, 2] - p[i, 2]
                nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
                area = 0.5 * np.sqrt(nx * nx + ny * ny + nz * nz)
                uu, ww = ux * ux + uy * uy + uz * uz, wx * wx + wy * wy + wz * wz
                vv = (ux - wx) ** 2 + (uy - wy) ** 2 + (uz - wz) ** 2
                squared_edges = uu + vv + ww
                weight = area + edge_weight * squared_edges
                if area < 1e-6 * squared_edges:
                    weight += 1e3
                total = cost[i, j] + cost[j, k] + weight
                if total < best:
                    best, best_split = total, j
            if existing[i, k] and gap < n - 1:
                best += 1e3
            cost[i, k], split[i, k] = best, best_split
    out = np.empty((n - 2, 3), np.int64)
    stack = np.empty((n, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, n - 1
    top, m = 1, 0
    while top > 0:
        top -= 1
        i, k = stack[top, 0], stack[top, 1]
        j = split[i, k]
        out[m, 0], out[m, 1], out[m, 2] = i, j, k
        m += 1
        if j - i > 1:
            stack[top, 0], stack[top, 1] = i, j
            top += 1
        if k - j > 1:
            stack[top, 0], stack[top, 1] = j, k
            top += 1
    return out
