"""Holes filled without new vertices.

Small loops by dynamic programming over all triangulations (Barequet & Sharir 1995, Filling gaps in the
boundary of a polyhedron) with weight area + a little of the squared edge lengths, which rules out slivers;
longer ones flat in their plane.
"""

from __future__ import annotations

from typing import Any

import manifold3d
import numpy as np
from numba import njit

from lift3d.geometry.repair.working_mesh import Soup, build_edge_table
from lift3d.types import F64

LONGEST = 360
EDGE_WEIGHT = 1e-3


def boundary_loops(soup: Soup) -> list[list[int]]:
    """Closed walks along open edges, against the faces' direction, so that a filling continues them."""
    table = build_edge_table(soup.f)
    half = np.flatnonzero(table.count[table.half] == 1)
    start = soup.f.reshape(-1)[half]
    end = np.roll(soup.f, -1, axis=1).reshape(-1)[half]
    after: dict[int, list[int]] = {}
    for a, b in zip(start.tolist(), end.tolist()):
        after.setdefault(b, []).append(a)
    found = []
    while after:
        path = [next(iter(after))]
        seen = {path[0]: 0}
        while path:
            ways = after.get(path[-1])
            if not ways:
                break
            here = ways.pop()
            if not ways:
                del after[path[-1]]
            if here in seen:
                loop = path[seen[here] :]
                found.append(loop)
                for p in loop[1:]:
                    del seen[p]
                path = path[: seen[here] + 1]
                if len(path) == 1 and path[0] not in after:
                    break
            else:
                seen[here] = len(path)
                path.append(here)
    return [loop for loop in found if len(loop) >= 3]


def fill_holes(soup: Soup) -> tuple[Soup, int]:
    """Every loop filled; returns how many. Loops that cannot be filled stay open."""
    taken = np.sort(_key(build_edge_table(soup.f).ends))
    found = []
    for loop in boundary_loops(soup):
        ids = np.array(loop, np.int64)
        chords = None
        if len(ids) <= LONGEST:
            pairs = _key(np.stack(np.meshgrid(ids, ids, indexing="ij"), axis=-1))
            at = np.minimum(np.searchsorted(taken, pairs), len(taken) - 1)
            chords = taken[at] == pairs
        triangles = triangulate_loop(soup.v[ids], ids, chords)
        if len(triangles):
            found.append(triangles)
    return (soup.added(np.concatenate(found)), len(found)) if found else (soup, 0)


def _key(ends: np.ndarray) -> np.ndarray:
    """One number per edge (..., 2), whichever way it runs."""
    return ends.min(-1).astype(np.int64) << 32 | ends.max(-1)


def triangulate_loop(points: F64, ids: np.ndarray, taken: np.ndarray | None = None) -> np.ndarray:
    """Triangles (n - 2, 3) of ids that fill the loop points (n, 3), counter-clockwise along it; taken (n, n):
    True where the mesh has an edge between two points already, which then is not used again."""
    n = len(points)
    if n == 3:
        return ids[None, :]
    size = float(np.ptp(points, axis=0).max())
    if not size > 0:
        return np.zeros((0, 3), np.int64)
    p = (points - points[0]) / size
    local = (
        _minimal(p, taken if taken is not None else np.zeros((n, n), bool), EDGE_WEIGHT)
        if n <= LONGEST
        else _flat(p)
    )
    return ids[local]


def _flat(p: F64) -> np.ndarray:
    """Triangulated in the plane of the loop's area vector."""
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
def _minimal(p: Any, taken: Any, edge_weight: float) -> Any:
    n = len(p)
    cost = np.zeros((n, n))
    cut = np.zeros((n, n), np.int64)
    for gap in range(2, n):
        for i in range(n - gap):
            k = i + gap
            best, at = np.inf, i + 1
            for j in range(i + 1, k):
                ux, uy, uz = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1], p[j, 2] - p[i, 2]
                wx, wy, wz = p[k, 0] - p[i, 0], p[k, 1] - p[i, 1], p[k, 2] - p[i, 2]
                nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
                area = 0.5 * np.sqrt(nx * nx + ny * ny + nz * nz)
                uu, ww = ux * ux + uy * uy + uz * uz, wx * wx + wy * wy + wz * wz
                vv = (ux - wx) ** 2 + (uy - wy) ** 2 + (uz - wz) ** 2
                around = uu + vv + ww
                weight = area + edge_weight * around
                if area < 1e-6 * around:
                    weight += 1e3
                total = cost[i, j] + cost[j, k] + weight
                if total < best:
                    best, at = total, j
            if taken[i, k] and gap < n - 1:
                best += 1e3
            cost[i, k], cut[i, k] = best, at
    out = np.empty((n - 2, 3), np.int64)
    stack = np.empty((n, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, n - 1
    top, m = 1, 0
    while top > 0:
        top -= 1
        i, k = stack[top, 0], stack[top, 1]
        j = cut[i, k]
        out[m, 0], out[m, 1], out[m, 2] = i, j, k
        m += 1
        if j - i > 1:
            stack[top, 0], stack[top, 1] = i, j
            top += 1
        if k - j > 1:
            stack[top, 0], stack[top, 1] = j, k
            top += 1
    return out
