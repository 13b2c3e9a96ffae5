"""Orientation predicates: signs of determinants, exact for float32 coordinates.

1. Float64 decides where the determinant exceeds its rounding bound (static filter of Shewchuk, "Adaptive precision
   floating-point arithmetic and fast robust geometric predicates", 1997), or where all differences are small
   multiples of a common step, so that float64 is exact.
2. Pairs of float64 (106 bits) decide most of the rest in 3D (Joldes, Muller & Popescu, "Tight and rigorous error
   bounds for basic building blocks of double-word arithmetic", 2017).
3. Otherwise the determinant is expanded into exact products (two float32 values multiply exactly in float64), which
   are summed without error as an expansion of non-overlapping terms.

Points are float64 arrays that hold float32 values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_EPS = 2.0**-53
_BOUND3 = (7 + 56 * _EPS) * _EPS
_BOUND2 = (3 + 16 * _EPS) * _EPS
_BOUND_PAIRS = 2.0**-102
"""Relative error of the determinant in pairs: 3 eps^2 for each difference of two products, for its product with the
third factor and for each of two sums; 12 eps^2 in all, below 2^-102."""


def common_step(v: Any) -> float:
    """The largest power of two that divides every coordinate of v, an array of any shape; 1 if all are zero."""
    x = np.abs(np.asarray(v, np.float64).ravel())
    x = x[x > 0]
    if len(x) == 0:
        return 1.0
    mantissa, exponent = np.frexp(x)
    bits = (mantissa * 2.0**24).astype(np.int64)
    return float(np.ldexp(1.0, int((exponent - 24 + np.log2((bits & -bits).astype(np.float64))).min())))


@njit(cache=True)
def _grow(e: Any, n: int, b: float) -> int:
    """Add b to the expansion e[:n] exactly (Shewchuk 1997, Grow-Expansion), without zero terms; returns the new
    length."""
    q = b
    k = 0
    for i in range(n):
        s = q + e[i]
        bb = s - q
        err = (q - (s - bb)) + (e[i] - bb)
        q = s
        if err != 0.0:
            e[k] = err
            k += 1
    if q != 0.0:
        e[k] = q
        k += 1
    return k


@njit(cache=True)
def _product(a: float, b: float) -> tuple[float, float]:
    """a b as high + low, for b with at most 26 bits (Veltkamp's split of a)."""
    c = 134217729.0 * a
    high = c - (c - a)
    low = a - high
    p = a * b
    return p, (high * b - p) + low * b


@njit(cache=True)
def _sign(x: float) -> int:
    """-1, 0 or 1."""
    return 1 if x > 0 else (-1 if x < 0 else 0)


@njit(cache=True)
def _orient3d_exact(a: Any, b: Any, c: Any, d: Any) -> int:
    """Sign of the 4 x 4 determinant |x y z 1|: the sum over pairs of +-(x_i y_j - x_j y_i)(z_k - z_l)."""
    e = np.empty(64, np.float64)
    n = 0
    for case in range(6):
        if case == 0:
            i, j, k, l = a, b, c, d
        elif case == 1:
            i, j, k, l = a, c, d, b
        elif case == 2:
            i, j, k, l = a, d, b, c
        elif case == 3:
            i, j, k, l = b, c, a, d
        elif case == 4:
            i, j, k, l = b, d, c, a
        else:
            i, j, k, l = c, d, a, b
        for term in range(4):
            xy = i[0] * j[1] if term < 2 else -j[0] * i[1]
            z = k[2] if term % 2 == 0 else -l[2]
            high, low = _product(xy, z)
            n = _grow(e, n, low)
            n = _grow(e, n, high)
    return _sign(e[n - 1]) if n else 0


@njit(cache=True)
def _two_product(a: float, b: float) -> tuple[float, float]:
    """a b as high + low without error (Dekker 1971)."""
    c, d = 134217729.0 * a, 134217729.0 * b
    ah, bh = c - (c - a), d - (d - b)
    al, bl = a - ah, b - bh
    p = a * b
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@njit(cache=True)
def _two_sum(a: float, b: float) -> tuple[float, float]:
    """a + b as high + low without error (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@njit(cache=True)
def _sum(ah: float, al: float, bh: float, bl: float) -> tuple[float, float]:
    """Sum of two pairs with relative error 3 eps^2 (AccurateDWPlusDW)."""
    h, l = _two_sum(ah, bh)
    u, w = _two_sum(al, bl)
    l += u
    s = h + l
    l = w + (l - (s - h))
    t = s + l
    return t, l - (t - s)


@njit(cache=True)
def _minor_times(p: float, q: float, r: float, s: float, z: float) -> tuple[float, float]:
    """(p q - r s) z as a pair."""
    ah, al = _two_product(p, q)
    bh, bl = _two_product(r, s)
    h, l = _sum(ah, al, -bh, -bl)
    high, low = _two_product(h, z)
    low += l * z
    t = high + low
    return t, low - (t - high)


@njit(cache=True)
def _inexact(a: float, b: float) -> bool:
    """True if a - b is not exact in float64."""
    return _two_sum(a, -b)[1] != 0.0


@njit(cache=True)
def orient3d(a: Any, b: Any, c: Any, d: Any, step: float) -> int:
    """Sign (-1, 0, 1) of det(a - d, b - d, c - d): positive if d lies behind triangle abc, whose normal follows the
    right-hand rule. step: `common_step` of the mesh.
    """
    ax, ay, az = a[0] - d[0], a[1] - d[1], a[2] - d[2]
    bx, by, bz = b[0] - d[0], b[1] - d[1], b[2] - d[2]
    cx, cy, cz = c[0] - d[0], c[1] - d[1], c[2] - d[2]
    bc, cb = bx * cy, cx * by
    ca, ac = cx * ay, ax * cy
    ab, ba = ax * by, bx * ay
    det = az * (bc - cb) + bz * (ca - ac) + cz * (ab - ba)
    size = (abs(bc) + abs(cb)) * abs(az) + (abs(ca) + abs(ac)) * abs(bz) + (abs(ab) + abs(ba)) * abs(cz)
    if abs(det) > _BOUND3 * size or size == 0:  # all zero: an axis-parallel plane
        return _sign(det)
    widest = max(abs(ax), abs(ay), abs(az), abs(bx), abs(by), abs(bz), abs(cx), abs(cy), abs(cz))
    if widest <= 98304.0 * step:  # 6 (1.5 2^16)^3 < 2^53
        return _sign(det)
    for k in range(3):
        if _inexact(a[k], d[k]) or _inexact(b[k], d[k]) or _inexact(c[k], d[k]):
            return _orient3d_exact(a, b, c, d)
    uh, ul = _minor_times(bx, cy, cx, by, az)
    vh, vl = _minor_times(cx, ay, ax, cy, bz)
    wh, wl = _minor_times(ax, by, bx, ay, cz)
    uh, ul = _sum(uh, ul, vh, vl)
    uh, ul = _sum(uh, ul, wh, wl)
    if abs(uh) > _BOUND_PAIRS * size:
        return _sign(uh)
    if 2 * _BOUND_PAIRS * size < step**3:  # a whole number of cubed steps that is less than one
        return 0
    return _orient3d_exact(a, b, c, d)


@njit(cache=True)
def orient2d(a: Any, b: Any, c: Any, p: int, q: int, step: float) -> int:
    """Sign (-1, 0, 1) of the area of triangle abc in the plane of coordinates p and q. step: `common_step` of the
    mesh."""
    ax, ay = a[p] - c[p], a[q] - c[q]
    bx, by = b[p] - c[p], b[q] - c[q]
    left, right = ax * by, ay * bx
    det = left - right
    if abs(det) > _BOUND2 * (abs(left) + abs(right)) or (left == 0 and right == 0):
        return _sign(det)
    if max(abs(ax), abs(ay), abs(bx), abs(by)) <= 67108864.0 * step:  # products below 2^52
        return _sign(det)
    e = np.empty(16, np.float64)
    n = _grow(e, 0, a[p] * b[q])
    n = _grow(e, n, -a[q] * b[p])
    n = _grow(e, n, b[p] * c[q])
    n = _grow(e, n, -b[q] * c[p])
    n = _grow(e, n, c[p] * a[q])
    n = _grow(e, n, -c[q] * a[p])
    return _sign(e[n - 1]) if n else 0


@njit(cache=True)
def degenerate(a: Any, b: Any, c: Any, step: float) -> bool:
    """True if the three points are collinear: all three projected areas are exactly zero."""
    for axis in range(3):  # noqa: SIM110
        if orient2d(a, b, c, (axis + 1) % 3, (axis + 2) % 3, step) != 0:
            return False
    return True
