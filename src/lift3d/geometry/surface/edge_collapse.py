"""Kernels of `decimate`: connectivity under edge collapse, its guards, and the order of collapses by cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lift3d.geometry.surface.heap import grow, sift_down, sift_up
from lift3d.geometry.surface.quadrics import BORDER, LOCKED, collapse_target

RING = 256
"""Most faces around the two vertices of a collapse; others are refused."""


@njit(cache=True, nogil=True)
def _star(f: Any, alive: Any, head: Any, follow: Any, u: int, ring: Any) -> int:
    """Write the corners (3 face + k) of the live faces of u to ring and unlink dead ones; returns their number, RING
    + 1 if there are too many."""
    n = 0
    before = -1
    c = head[u]
    while c >= 0:
        after = follow[c]
        if alive[c // 3]:
            if n >= RING:
                return RING + 1
            ring[n] = c
            n += 1
            before = c
        elif before < 0:
            head[u] = after
        else:
            follow[before] = after
        c = after
    return n


@njit(cache=True, nogil=True)
def _shape(
    p: Any, f: Any, ring: Any, n: int, other: int, x: float, y: float, z: float, flip: float
) -> tuple[float, float]:
    """(before, after): least |normal|^2 / longest side^4 of the star's faces when its vertex moves to (x, y, z).

    Faces at `other` vanish. `after` is -1 if a normal rotates by more than arccos(flip); flip < 0 allows any
    rotation.
    """
    before, after = 1.0, 1.0
    for i in range(n):
        g, k = ring[i] // 3, ring[i] % 3
        a, b = f[g, (k + 1) % 3], f[g, (k + 2) % 3]
        u = f[g, k]
        bx, by, bz = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
        ox, oy, oz = p[u, 0] - p[a, 0], p[u, 1] - p[a, 1], p[u, 2] - p[a, 2]
        mx, my, mz = by * oz - bz * oy, bz * ox - bx * oz, bx * oy - by * ox
        old = mx * mx + my * my + mz * mz
        base = bx * bx + by * by + bz * bz
        far = max(base, ox * ox + oy * oy + oz * oz, (ox - bx) ** 2 + (oy - by) ** 2 + (oz - bz) ** 2)
        before = min(before, old / (far * far))
        if a == other or b == other:
            continue
        vx, vy, vz = x - p[a, 0], y - p[a, 1], z - p[a, 2]
        nx, ny, nz = by * vz - bz * vy, bz * vx - bx * vz, bx * vy - by * vx
        new = nx * nx + ny * ny + nz * nz
        dot = mx * nx + my * ny + mz * nz
        if new <= 0 or (flip >= 0 and (dot <= 0 or dot * dot < flip * flip * old * new)):
            return before, -1.0
        far = max(base, vx * vx + vy * vy + vz * vz, (vx - bx) ** 2 + (vy - by) ** 2 + (vz - bz) ** 2)
        after = min(after, new / (far * far))
    return before, after


@njit(cache=True, nogil=True)
def _valence(f: Any, alive: Any, head: Any, follow: Any, u: int) -> int:
    """Number of live faces of vertex u."""
    n = 0
    c = head[u]
    while c >= 0:
        n += alive[c // 3]
        c = follow[c]
    return n


@njit(cache=True, nogil=True)
def _linked(
    f: Any, alive: Any, head: Any, follow: Any, kind: Any, mark: Any, tick: int,
    u: int, w: int, ring_u: Any, nu: int, ring_w: Any, nw: int,
) -> int:  # fmt: skip
    """Number of faces of the edge uw, 0 if its collapse would change the topology.

    Link condition (Dey et al. 1999): the common neighbours of u and w are the corners opposite to the edge, and these
    keep enough faces.
    """
    shared = 0
    for i in range(nu):
        g, k = ring_u[i] // 3, ring_u[i] % 3
        a, b = f[g, (k + 1) % 3], f[g, (k + 2) % 3]
        mark[a] = tick
        mark[b] = tick
        if a == w or b == w:
            shared += 1
            c = b if a == w else a
            if _valence(f, alive, head, follow, c) < (2 if kind[c] == BORDER else 4):
                return 0
    common = 0
    for i in range(nw):
        g, k = ring_w[i] // 3, ring_w[i] % 3
        for s in range(1, 3):
            a = f[g, (k + s) % 3]
            if mark[a] == tick and a != u:
                mark[a] = tick - 1
                common += 1
    if common != shared or shared > 2:
        return 0
    if shared == 2 and kind[u] == BORDER and kind[w] == BORDER:
        return 0
    return shared


@njit(cache=True, nogil=True)
def corner_lists(f: Any, n_vertices: int) -> tuple[Any, Any]:
    """(head (V,), follow (3F,)): for each vertex the linked list of its corners, in the order of faces."""
    head = np.full(n_vertices, -1, np.int32)
    follow = np.full(3 * len(f), -1, np.int32)
    for c in range(3 * len(f) - 1, -1, -1):
        u = f[c // 3, c % 3]
        follow[c] = head[u]
        head[u] = c
    return head, follow


@njit(cache=True, nogil=True)
def _collapse_edge(
    p: Any, f: Any, alive: Any, q: Any, kind: Any, head: Any, follow: Any, mark: Any, tick: int, rings: Any,
    u: int, w: int, x: float, y: float, z: float, flip: float, slim: float,
) -> int:  # fmt: skip
    """Collapse w into u at (x, y, z) unless a guard refuses; returns the number of vanished faces, 0 if refused."""
    if kind[u] == LOCKED or kind[w] == LOCKED:
        return 0
    ring_u, ring_w = rings[0], rings[1]
    nu = _star(f, alive, head, follow, u, ring_u)
    nw = _star(f, alive, head, follow, w, ring_w)
    if nu + nw > RING:
        return 0
    before_u, after_u = _shape(p, f, ring_u, nu, w, x, y, z, flip)
    if after_u < 0:
        return 0
    before_w, after_w = _shape(p, f, ring_w, nw, u, x, y, z, flip)
    if min(after_u, after_w) < min(slim * slim, before_u, before_w):
        return 0
    shared = _linked(f, alive, head, follow, kind, mark, tick, u, w, ring_u, nu, ring_w, nw)
    if shared == 0:
        return 0
    p[u, 0], p[u, 1], p[u, 2] = x, y, z
    for k in range(11):
        q[u, k] += q[w, k]
    kind[u] = max(kind[u], kind[w])
    last = -1
    for i in range(nu + nw):
        c = ring_u[i] if i < nu else ring_w[i - nu]
        other = w if i < nu else u
        g, k = c // 3, c % 3
        if not alive[g]:
            continue
        if f[g, (k + 1) % 3] == other or f[g, (k + 2) % 3] == other:
            alive[g] = False
            continue
        f[g, k] = u
        if last < 0:
            head[u] = c
        else:
            follow[last] = c
        last = c
    if last < 0:
        head[u] = -1
    else:
        follow[last] = -1
    head[w] = -1
    return shared


@njit(cache=True, nogil=True)
def replay_collapses(
    p: Any, f: Any, alive: Any, q: Any, kind: Any, head: Any, follow: Any,
    pairs: Any, positions: Any, n: int, flip: float, slim: float,
) -> int:  # fmt: skip
    """Repeat the first n logged collapses, except at LOCKED vertices and where a guard now refuses.

    The log is compacted in place; returns its new length.
    """
    mark = np.zeros(len(p), np.int64)
    rings = np.empty((2, RING), np.int32)
    done = 0
    for i in range(n):
        u, w = pairs[i, 0], pairs[i, 1]
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        if _collapse_edge(
            p, f, alive, q, kind, head, follow, mark, 2 * i + 2, rings, u, w, x, y, z, flip, slim
        ):
            pairs[done, 0], pairs[done, 1] = u, w
            positions[done, 0], positions[done, 1], positions[done, 2] = x, y, z
            done += 1
    return done


@njit(cache=True, nogil=True)
def collapse_edges(
    p: Any, f: Any, alive: Any, q: Any, kind: Any, head: Any, follow: Any, edges: Any, cost: Any,
    excess: int, max_error2: float, flip: float, slim: float, pairs: Any, positions: Any, done: int,
) -> int:  # fmt: skip
    """Collapse edges in the order of their cost until `excess` faces have vanished or no collapse is allowed.

    p (V, 3) positions, f (F, 3), alive (F,), q (V, 11) quadrics, kind (V,), head and follow change in place. Each
    collapse is logged in pairs (kept, removed vertex) and positions from row `done` on. Returns the length of the
    log.
    """
    mark = np.zeros(len(p), np.int64)
    stamp = np.zeros(len(p), np.int32)
    rings = np.empty((2, RING), np.int32)
    n = len(edges)
    capacity = n + n // 2 + 64
    key, item = np.empty(capacity, np.float64), np.arange(capacity).astype(np.int32)
    first, second, when = (
        np.empty(capacity, np.int32),
        np.empty(capacity, np.int32),
        np.empty(capacity, np.int32),
    )
    for e in range(n):
        key[e], first[e], second[e], when[e] = cost[e], edges[e, 0], edges[e, 1], 0
    for i in range((n - 2) // 4, -1, -1):
        sift_down(key, item, n, i)
    tick = 0
    while n > 0 and excess > 0:
        slot = item[0]
        u, w, s = first[slot], second[slot], when[slot]
        n -= 1
        key[0], item[0], item[n] = key[n], item[n], slot
        sift_down(key, item, n, 0)
        if stamp[u] + stamp[w] != s:
            continue
        x, y, z, _, error2 = collapse_target(p, q, kind, u, w)
        if error2 > max_error2:
            continue
        tick += 2
        vanished = _collapse_edge(
            p, f, alive, q, kind, head, follow, mark, tick, rings, u, w, x, y, z, flip, slim
        )
        if vanished == 0:
            continue
        excess -= vanished
        pairs[done, 0], pairs[done, 1] = u, w
        positions[done, 0], positions[done, 1], positions[done, 2] = x, y, z
        done += 1
        stamp[u] += 1
        stamp[w] += 1 << 24
        tick += 2
        c = head[u]
        while c >= 0:
            for s in range(1, 3):
                a = f[c // 3, (c % 3 + s) % 3]
                if mark[a] == tick or kind[a] == LOCKED:
                    continue
                mark[a] = tick
                if n == capacity:
                    capacity *= 2
                    key, item, first, second, when = grow(key, item, first, second, when, capacity)
                slot = item[n]
                first[slot], second[slot], when[slot] = u, a, stamp[u] + stamp[a]
                key[n] = collapse_target(p, q, kind, u, a)[3]
                n += 1
                sift_up(key, item, n - 1)
            c = follow[c]
    return done


@njit(cache=True, nogil=True)
def collapse_origins(pairs: Any, n: int, n_vertices: int) -> Any:
    """(V,) vertex into which each vertex has collapsed after the first n logged collapses."""
    origin = np.arange(n_vertices).astype(np.int32)
    for i in range(n - 1, -1, -1):
        origin[pairs[i, 1]] = origin[pairs[i, 0]]
    return origin
