"""Kernels of `decimate`: quadrics of vertices, and the position and cost of a collapsed edge (Garland & Heckbert
1997)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

FREE, BORDER, LOCKED = 0, 1, 2
"""Kinds of vertices: in the interior, on an open border, not to be moved."""
REGULARISATION = 1e-4
"""Pull towards the midpoint of the edge, relative to the weight of the quadric; keeps the 3 x 3 system regular."""
LENGTH_COST = 1e-5
"""Cost of weight x length^2: among edges in a plane the short ones collapse first."""


@njit(cache=True, nogil=True)
def _add_plane(q: Any, i: int, nx: float, ny: float, nz: float, d: float, weight: float) -> None:
    """Add weight (n.x + d)^2 to quadric i of q (V, 11): coefficients xx xy xz yy yz zz, x y z, 1, and the sum of
    weights."""
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


@njit(cache=True, nogil=True)
def vertex_quadrics(p: Any, f: Any, edges: Any, edge_face: Any, shared: Any, border_weight: float) -> Any:
    """(V, 11) area-weighted plane quadrics; open edges add planes through them perpendicular to their face.

    p (V, 3), f (F, 3), edges (E, 2); edge_face (E,): a face of each edge; shared (E,): its number of faces.
    """
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


@njit(cache=True, nogil=True)
def collapse_target(p: Any, q: Any, kind: Any, u: int, w: int) -> tuple[float, float, float, float, float]:
    """(x, y, z, cost, mean squared plane distance) of the collapse of edge uw.

    The position minimises x^T A x + 2 b.x + c + REGULARISATION weight |x - midpoint|^2, rounded to float32; an edge
    between vertices of different kinds collapses to the one that is more constrained.
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
        r = REGULARISATION * weight
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
    return x, y, z, e + LENGTH_COST * weight * length2, e / weight if weight > 0 else 0.0


@njit(cache=True, parallel=True)
def edge_costs(p: Any, q: Any, kind: Any, edges: Any, cost: Any) -> None:
    """Write the costs of the collapses of edges (E, 2) to cost (E,)."""
    for e in prange(len(edges)):
        cost[e] = collapse_target(p, q, kind, edges[e, 0], edges[e, 1])[3]
