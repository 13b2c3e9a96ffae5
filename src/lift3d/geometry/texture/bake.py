"""Bake photos into texels by two-band blending on the surface.

A texel is the weighted mean of all good photos in the low band and of the selected photo in the high band (Burt & Adelson
1983; on surfaces Allene et al. 2008):

    c = sum_v w_v L_v + sum_v b_v (S_v - L_v),

with S the photo after its exposure gain, L its low-pass, w smooth blending weights and b the patch labels, feathered over
one face.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange


@njit(cache=True, inline="never")
def _sample(
    k: int,
    p: Any,
    full: Any,
    low: Any,
    shape: Any,
    projection: Any,
    tables: Any,
    factor: int,
    sharp: bool,
    s: Any,
    l: Any,
) -> None:
    """Bilinear samples of photo k at world point p: the low-pass into l (3,) and, if `sharp`, the photo into s (3,)."""
    m = projection[k]
    z = m[2, 0] * p[0] + m[2, 1] * p[1] + m[2, 2] * p[2] + m[2, 3]
    px = (m[0, 0] * p[0] + m[0, 1] * p[1] + m[0, 2] * p[2] + m[0, 3]) / z
    py = (m[1, 0] * p[0] + m[1, 1] * p[1] + m[1, 2] * p[2] + m[1, 3]) / z
    h, w = shape[k, 4], shape[k, 5]
    x = min(max(px / factor - 0.5, 0.0), w - 1.0)
    y = min(max(py / factor - 0.5, 0.0), h - 1.0)
    x0, y0 = min(int(x), max(w - 2, 0)), min(int(y), max(h - 2, 0))
    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
    a, b = np.float32(x - x0), np.float32(y - y0)
    one = np.float32(1)
    o = shape[k, 3]
    for c in range(3):
        top = low[o + 3 * (y0 * w + x0) + c] * (one - a) + low[o + 3 * (y0 * w + x1) + c] * a
        bottom = low[o + 3 * (y1 * w + x0) + c] * (one - a) + low[o + 3 * (y1 * w + x1) + c] * a
        l[c] = top * (one - b) + bottom * b
    if not sharp:
        return
    h, w = shape[k, 1], shape[k, 2]
    x = min(max(px - 0.5, 0.0), w - 1.0)
    y = min(max(py - 0.5, 0.0), h - 1.0)
    x0, y0 = min(int(x), max(w - 2, 0)), min(int(y), max(h - 2, 0))
    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
    a, b = np.float32(x - x0), np.float32(y - y0)
    o = shape[k, 0]
    for c in range(3):
        t = tables[k, c]
        top = t[full[o + 3 * (y0 * w + x0) + c]] * (one - a) + t[full[o + 3 * (y0 * w + x1) + c]] * a
        bottom = t[full[o + 3 * (y1 * w + x0) + c]] * (one - a) + t[full[o + 3 * (y1 * w + x1) + c]] * a
        s[c] = top * (one - b) + bottom * b


@njit(cache=True, inline="never")
def _blend(
    p: Any, b: Any, w: Any, h: Any, active: Any, n: int, photos: Any, s: Any, l: Any, out: Any
) -> bool:
    """Two-band colour at world point p with barycentrics b, from n active photos; False where no photo has weight.

    w, h: (V, 3) low-band and high-band weights of the active photos at the face's corners. Writes out (3,).
    """
    full, low, shape, projection, tables, factor = photos
    low_total, high_total = np.float32(0), np.float32(0)
    for j in range(n):
        low_total += b[0] * w[j, 0] + b[1] * w[j, 1] + b[2] * w[j, 2]
        high_total += b[0] * h[j, 0] + b[1] * h[j, 1] + b[2] * h[j, 2]
    out[:] = 0
    if low_total <= 0:
        return False
    for j in range(n):
        low_weight = (b[0] * w[j, 0] + b[1] * w[j, 1] + b[2] * w[j, 2]) / low_total
        high_weight = np.float32(0)
        if high_total > 0:
            high_weight = (b[0] * h[j, 0] + b[1] * h[j, 1] + b[2] * h[j, 2]) / high_total
        if low_weight <= 0 and high_weight <= 0:
            continue
        _sample(active[j], p, full, low, shape, projection, tables, factor, high_weight > 0, s, l)
        for c in range(3):
            out[c] += low_weight * l[c]
            if high_weight > 0:
                out[c] += high_weight * (s[c] - l[c])
    return True


@njit(cache=True, inline="never")
def _gather_photos(
    i: int, f: Any, seen: Any, low_weights: Any, high_weights: Any, active: Any, w: Any, h: Any
) -> int:
    """Number of the photos that see face i with any weight at its corners; writes active (n,) and the weights w, h (n, 3)."""
    n = 0
    for k in range(seen.shape[1]):
        if not seen[i, k]:
            continue
        any_weight = False
        for a in range(3):
            w[n, a], h[n, a] = low_weights[f[i, a], k], high_weights[f[i, a], k]
            if w[n, a] > 0 or h[n, a] > 0:
                any_weight = True
        if any_weight:
            active[n] = k
            n += 1
    return n


@njit(cache=True)
def blend_corners(v: Any, f: Any, seen: Any, low_weights: Any, high_weights: Any, photos: Any) -> Any:
    """(F, 3, 4) float32 two-band colours at face corners, and 1 where there is one.

    seen: (F, V) bool; low_weights, high_weights: (N, V) vertex weights of the low and the high band; photos: the fields of
    `PhotoStack`.
    """
    out = np.zeros((len(f), 3, 4), np.float32)
    count = seen.shape[1]
    for i in range(len(f)):
        active, w, h = (
            np.empty(count, np.int32),
            np.empty((count, 3), np.float32),
            np.empty((count, 3), np.float32),
        )
        n = _gather_photos(i, f, seen, low_weights, high_weights, active, w, h)
        s, l, colour = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
        if n == 0:
            continue
        for a in range(3):
            b = np.zeros(3, np.float32)
            b[a] = 1
            if _blend(v[f[i, a]], b, w, h, active, n, photos, s, l, colour):
                out[i, a, :3] = colour
                out[i, a, 3] = 1
    return out


@njit(cache=True, parallel=True)
def bake_faces(
    v: Any,
    f: Any,
    corners: Any,
    seen: Any,
    low_weights: Any,
    high_weights: Any,
    fill: Any,
    photos: Any,
    texture: Any,
    state: Any,
) -> None:
    """Paint all faces into texture (S, S, 3) uint8; state (S, S) uint8 becomes 1 (from photos) or 2 (filled).

    corners: (F, 3, 2) int64 texel coordinates times 256, so that the edge functions are exact and, with the top-left rule, every
    texel centre belongs to one face only: threads never write the same texel. fill: (N, 3) vertex colours for unseen texels; the
    other arrays as in `blend_corners`.
    """
    size, count = texture.shape[0], seen.shape[1]
    for i in prange(len(f)):
        x0, y0, x1, y1, x2, y2 = (
            corners[i, 0, 0],
            corners[i, 0, 1],
            corners[i, 1, 0],
            corners[i, 1, 1],
            corners[i, 2, 0],
            corners[i, 2, 1],
        )
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        i1, i2 = 1, 2
        if area < 0:
            x1, y1, x2, y2, i1, i2, area = x2, y2, x1, y1, 2, 1, -area
        top, bottom = (
            max((min(y0, y1, y2) - 128 + 255) // 256, 0),
            min((max(y0, y1, y2) - 128) // 256, size - 1),
        )
        left, right = (
            max((min(x0, x1, x2) - 128 + 255) // 256, 0),
            min((max(x0, x1, x2) - 128) // 256, size - 1),
        )
        if top > bottom or left > right:
            continue
        # Texels on an edge belong to the face for which it is a top or left edge.
        e0 = 0 if (y2 - y1 < 0 or (y2 == y1 and x2 - x1 > 0)) else 1
        e1 = 0 if (y0 - y2 < 0 or (y0 == y2 and x0 - x2 > 0)) else 1
        e2 = 0 if (y1 - y0 < 0 or (y1 == y0 and x1 - x0 > 0)) else 1
        active, w, h = (
            np.empty(count, np.int32),
            np.empty((count, 3), np.float32),
            np.empty((count, 3), np.float32),
        )
        n = _gather_photos(i, f, seen, low_weights, high_weights, active, w, h)
        s, l, colour = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
        b, p = np.empty(3, np.float32), np.empty(3)
        for row in range(top, bottom + 1):
            y = 256 * row + 128
            for column in range(left, right + 1):
                x = 256 * column + 128
                a0 = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
                a1 = (x0 - x2) * (y - y2) - (x - x2) * (y0 - y2)
                a2 = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
                if a0 < e0 or a1 < e1 or a2 < e2:
                    continue
                b[0], b[i1], b[i2] = a0 / area, a1 / area, a2 / area
                for c in range(3):
                    p[c] = b[0] * v[f[i, 0], c] + b[1] * v[f[i, 1], c] + b[2] * v[f[i, 2], c]
                state[row, column] = 1
                if n == 0 or not _blend(p, b, w, h, active, n, photos, s, l, colour):
                    state[row, column] = 2
                    for c in range(3):
                        colour[c] = (
                            b[0] * fill[f[i, 0], c] + b[1] * fill[f[i, 1], c] + b[2] * fill[f[i, 2], c]
                        )
                for c in range(3):
                    texture[row, column, c] = int(
                        min(max(colour[c], np.float32(0)), np.float32(1)) * 255 + 0.5
                    )
