"""Kernels of `decimate`: connectivity under edge collapse, its guards, and the heap that orders collapses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

FREE, BORDER, LOCKED = 0, 1, 2
REGULAR = 1e-4  # pull to the edge's middle, relative to the quadric's weight: keeps the 3 x 3 system regular
SHAPE = 1e-5  # cost of length, relative to weight x length^2: among flat edges the short ones go first
RING = 256  # collapses around vertices with more faces than this are refused


@njit(cache=True)
def _add_plane(q: Any, i: int, nx: float, ny: float, nz: float, d: float, weight: float) -> None:
    """Add weight (n.x + d)^2 to the quadric of vertex i: xx xy xz yy yz zz, x y z, 1, weight."""
    q[i, 0] += weight * nx * nx
    q[i, 1] += weight * nx * ny
    q[i, 2] += weight * nx * nz
    q[i, 3] += weight * ny * ny
    q[i, 4] += weight * ny * nz
    q[i, 5] += weight * nz * nz
    q[i, 6] += weight * nx * d
    q[i, 7] += weight * ny * d
    q[i, 8] += weight * nz * d
    q[i, 9] += weight * d * d
    q[i, 10] += weight


@njit(cache=True)
def quadrics(p: Any, f: Any, edges: Any, edge_face: Any, shared: Any, border_weight: float) -> Any:
    """(V, 11) area-weighted plane quadrics; open edges add planes at right angles to their face."""
    q = np.zeros((len(p), 11))
    for i in range(len(f)):
        a, b, c = f[i, 0], f[i, 1], f[i, 2]
        ux, uy, uz = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
        wx, wy, wz = p[c, 0] - p[a, 0], p[c, 1] - p[a, 1], p[c, 2] - p[a, 2]
        nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        size = np.sqrt(nx * nx + ny * ny + nz * nz)
        if size == 0:
            continue
        nx, ny, nz = nx / size, ny / size, nz / size
        d = -(nx * p[a, 0] + ny * p[a, 1] + nz * p[a, 2])
        for k in range(3):
            _add_plane(q, f[i, k], nx, ny, nz, d, size / 6)
    for e in range(len(edges)):
        if shared[e] != 1:
            continue
        a, b, i = edges[e, 0], edges[e, 1], edge_face[e]
        r, s, t = p[f[i, 0]], p[f[i, 1]], p[f[i, 2]]
        n = np.cross(s - r, t - r)
        along = p[b] - p[a]
        m = np.cross(along, n)
        size = np.sqrt(m[0] ** 2 + m[1] ** 2 + m[2] ** 2)
        if size == 0:
            continue
        m = m / size
        d = -(m[0] * p[a, 0] + m[1] * p[a, 1] + m[2] * p[a, 2])
        weight = border_weight * (along[0] ** 2 + along[1] ** 2 + along[2] ** 2)
        _add_plane(q, a, m[0], m[1], m[2], d, weight)
        _add_plane(q, b, m[0], m[1], m[2], d, weight)
    return q


@njit(cache=True)
def target(p: Any, q: Any, kind: Any, u: int, w: int) -> tuple[float, float, float, float, float]:
    """Where the collapsed edge uw should go, the cost that orders it, and its mean squared plane distance.

    Minimises x^T A x + 2 b.x + c + REGULAR weight |x - middle|^2; a border vertex does not leave the border.
    """
    a0, a1, a2 = q[u, 0] + q[w, 0], q[u, 1] + q[w, 1], q[u, 2] + q[w, 2]
    a3, a4, a5 = q[u, 3] + q[w, 3], q[u, 4] + q[w, 4], q[u, 5] + q[w, 5]
    b0, b1, b2 = q[u, 6] + q[w, 6], q[u, 7] + q[w, 7], q[u, 8] + q[w, 8]
    weight = q[u, 10] + q[w, 10]
    ex, ey, ez = p[w, 0] - p[u, 0], p[w, 1] - p[u, 1], p[w, 2] - p[u, 2]
    length2 = ex * ex + ey * ey + ez * ez
    if kind[u] != kind[w]:
        k = u if kind[u] > kind[w] else w
        x, y, z = p[k, 0], p[k, 1], p[k, 2]
    else:
        x, y, z = p[u, 0] + 0.5 * ex, p[u, 1] + 0.5 * ey, p[u, 2] + 0.5 * ez
        g0 = a0 * x + a1 * y + a2 * z + b0
        g1 = a1 * x + a3 * y + a4 * z + b1
        g2 = a2 * x + a4 * y + a5 * z + b2
        r = REGULAR * weight
        d0, d3, d5 = a0 + r, a3 + r, a5 + r
        c00, c01, c02 = d3 * d5 - a4 * a4, a2 * a4 - a1 * d5, a1 * a4 - a2 * d3
        det = d0 * c00 + a1 * c01 + a2 * c02
        if det > 0:
            c11, c12, c22 = d0 * d5 - a2 * a2, a1 * a2 - d0 * a4, d0 * d3 - a1 * a1
            sx = -(c00 * g0 + c01 * g1 + c02 * g2) / det
            sy = -(c01 * g0 + c11 * g1 + c12 * g2) / det
            sz = -(c02 * g0 + c12 * g1 + c22 * g2) / det
            if sx * sx + sy * sy + sz * sz < 2.25 * length2:
                x, y, z = x + sx, y + sy, z + sz
    x, y, z = np.float64(np.float32(x)), np.float64(np.float32(y)), np.float64(np.float32(z))
    e = x * (a0 * x + 2 * (a1 * y + a2 * z + b0)) + y * (a3 * y + 2 * (a4 * z + b1)) + z * (a5 * z + 2 * b2)
    e = max(e + q[u, 9] + q[w, 9], 0.0)
    return x, y, z, e + SHAPE * weight * length2, e / weight if weight > 0 else 0.0


@njit(cache=True, parallel=True)
def first_costs(p: Any, q: Any, kind: Any, edges: Any, cost: Any) -> None:
    for e in prange(len(edges)):
        cost[e] = target(p, q, kind, edges[e, 0], edges[e, 1])[3]


@njit(cache=True)
def _sift_down(key: Any, item: Any, n: int, i: int) -> None:
    k, it = key[i], item[i]
    while True:
        child = 4 * i + 1
        if child >= n:
            break
        best = child
        for c in range(child + 1, min(child + 4, n)):
            if key[c] < key[best]:
                best = c
        if key[best] >= k:
            break
        key[i], item[i] = key[best], item[best]
        i = best
    key[i], item[i] = k, it


@njit(cache=True)
def _sift_up(key: Any, item: Any, i: int) -> None:
    k, it = key[i], item[i]
    while i > 0:
        parent = (i - 1) >> 2
        if key[parent] <= k:
            break
        key[i], item[i] = key[parent], item[parent]
        i = parent
    key[i], item[i] = k, it


@njit(cache=True)
def _star(f: Any, alive: Any, head: Any, follow: Any, u: int, ring: Any) -> int:
    """Corners (3 face + k) of u's live faces into ring; dead ones are unlinked. RING + 1 if too many."""
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


@njit(cache=True)
def _shape(
    p: Any, f: Any, ring: Any, n: int, other: int, x: float, y: float, z: float, flip: float
) -> tuple[float, float]:
    """Worst |normal|^2 / longest^4 of the star's faces before and after its vertex moves to (x, y, z);
    those at `other` vanish. -1 after if a face turns by more than arccos(flip); flip < 0 allows any turn."""
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


@njit(cache=True)
def _valence(f: Any, alive: Any, head: Any, follow: Any, u: int) -> int:
    n = 0
    c = head[u]
    while c >= 0:
        n += alive[c // 3]
        c = follow[c]
    return n


@njit(cache=True)
def _linked(
    f: Any, alive: Any, head: Any, follow: Any, kind: Any, mark: Any, tick: int,
    u: int, w: int, ring_u: Any, nu: int, ring_w: Any, nw: int,
) -> int:  # fmt: skip
    """How many faces the edge uw has, 0 if its collapse would change the topology (link condition, Dey et
    al. 1999): the common neighbours of u and w are the corners opposite to the edge, and these keep a fan."""
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


@njit(cache=True)
def corner_lists(f: Any, n_vertices: int) -> tuple[Any, Any]:
    """head (V,), follow (3F,): for each vertex the linked list of its corners, in the order of faces."""
    head = np.full(n_vertices, -1, np.int32)
    follow = np.full(3 * len(f), -1, np.int32)
    for c in range(3 * len(f) - 1, -1, -1):
        u = f[c // 3, c % 3]
        follow[c] = head[u]
        head[u] = c
    return head, follow


@njit(cache=True)
def _join(
    p: Any, f: Any, alive: Any, q: Any, kind: Any, head: Any, follow: Any, mark: Any, tick: int, rings: Any,
    u: int, w: int, x: float, y: float, z: float, flip: float, slim: float,
) -> int:  # fmt: skip
    """Collapse w into u at (x, y, z) if all guards agree; returns how many faces vanish, 0 if refused."""
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


@njit(cache=True)
def replay(
    p: Any, f: Any, alive: Any, q: Any, kind: Any, head: Any, follow: Any,
    pairs: Any, places: Any, n: int, flip: float, slim: float,
) -> int:  # fmt: skip
    """Repeat the first n logged collapses, without those at LOCKED vertices or refused because of what was
    left out before. The log is compacted in place; returns its new length."""
    mark = np.zeros(len(p), np.int64)
    rings = np.empty((2, RING), np.int32)
    done = 0
    for i in range(n):
        u, w = pairs[i, 0], pairs[i, 1]
        x, y, z = places[i, 0], places[i, 1], places[i, 2]
        if _join(p, f, alive, q, kind, head, follow, mark, 2 * i + 2, rings, u, w, x, y, z, flip, slim):
            pairs[done, 0], pairs[done, 1] = u, w
            places[done, 0], places[done, 1], places[done, 2] = x, y, z
            done += 1
    return done


@njit(cache=True)
def collapse(
    p: Any, f: Any, alive: Any, q: Any, kind: Any, head: Any, follow: Any, edges: Any, cost: Any,
    excess: int, max_error2: float, flip: float, slim: float, pairs: Any, places: Any, done: int,
) -> int:  # fmt: skip
    """Collapse edges in the order of their cost until `excess` faces have vanished or nothing is allowed.

    p, f, alive, q, kind, head, follow change in place; each collapse is logged in pairs (kept, vanished) and
    places from row `done` on. Returns the length of the log.
    """
    mark = np.zeros(len(p), np.int64)
    stamp = np.zeros(len(p), np.int32)
    rings = np.empty((2, RING), np.int32)
    n = len(edges)
    room = n + n // 2 + 64
    key, item = np.empty(room, np.float64), np.arange(room).astype(np.int32)
    first, second, when = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    for e in range(n):
        key[e], first[e], second[e], when[e] = cost[e], edges[e, 0], edges[e, 1], 0
    for i in range((n - 2) // 4, -1, -1):
        _sift_down(key, item, n, i)
    tick = 0
    while n > 0 and excess > 0:
        slot = item[0]
        u, w, s = first[slot], second[slot], when[slot]
        n -= 1
        key[0], item[0], item[n] = key[n], item[n], slot
        _sift_down(key, item, n, 0)
        if stamp[u] + stamp[w] != s:
            continue
        x, y, z, _, error2 = target(p, q, kind, u, w)
        if error2 > max_error2:
            continue
        tick += 2
        gone = _join(p, f, alive, q, kind, head, follow, mark, tick, rings, u, w, x, y, z, flip, slim)
        if gone == 0:
            continue
        excess -= gone
        pairs[done, 0], pairs[done, 1] = u, w
        places[done, 0], places[done, 1], places[done, 2] = x, y, z
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
                if n == room:
                    room *= 2
                    key, item, first, second, when = _grown(key, item, first, second, when, room)
                slot = item[n]
                first[slot], second[slot], when[slot] = u, a, stamp[u] + stamp[a]
                key[n] = target(p, q, kind, u, a)[3]
                n += 1
                _sift_up(key, item, n - 1)
            c = follow[c]
    return done


@njit(cache=True)
def origins(pairs: Any, n: int, n_vertices: int) -> Any:
    """For each vertex the one that it went into by the first n logged collapses (V,)."""
    origin = np.arange(n_vertices).astype(np.int32)
    for i in range(n - 1, -1, -1):
        origin[pairs[i, 1]] = origin[pairs[i, 0]]
    return origin


@njit(cache=True)
def _grown(key: Any, item: Any, first: Any, second: Any, when: Any, room: int) -> Any:
    """The heap's arrays, longer."""
    n = len(key)
    key2, item2 = np.empty(room, np.float64), np.arange(room).astype(np.int32)
    a, b, c = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    key2[:n], item2[:n], a[:n], b[:n], c[:n] = key, item, first, second, when
    return key2, item2, a, b, c
