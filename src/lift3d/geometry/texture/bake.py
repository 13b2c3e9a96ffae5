"""From photos to texels: two-band blending on the surface, and what fills the rest of the texture.

A texel is the weighted mean of all good photos in the low band and of the chosen photo in the high band
(Burt & Adelson 1983; on surfaces Allene et al. 2008):

    c = sum_v w_v L_v + sum_v b_v (S_v - L_v),

with S the levelled photo, L its low-pass, w smooth blending weights and b the patch labels, feathered over
one face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.types import F32, F64, Camera, Image

I32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PhotoStack:
    """All photos as flat arrays for the kernels. full (B,) uint8, low (C,) float32 levelled low-pass;
    shape (V, 6) int64 rows of full offset, height, width, low offset, height, width; projection (V, 3, 4)
    float64
    world to pixels (homogeneous); tables (V, 3, 256) float32 levelling; factor: full pixels per low pixel."""

    full: NDArray[np.uint8]
    low: F32
    shape: NDArray[np.int64]
    projection: F64
    tables: F32
    factor: int


def stack_photos(
    images: tuple[Image, ...],
    cameras: tuple[Camera, ...],
    inside: tuple[NDArray[np.bool_], ...],
    tables: F32,
    factor: int,
) -> PhotoStack:
    """inside: per photo (H, W) bool, True where the low-pass may look (on the mesh and the mask)."""
    shape, offset, low_offset = [], 0, 0
    for image in images:
        h, w = image.height, image.width
        lh, lw = -(-h // factor), -(-w // factor)
        shape.append((offset, h, w, low_offset, lh, lw))
        offset, low_offset = offset + 3 * h * w, low_offset + 3 * lh * lw
    full, low = np.empty(offset, np.uint8), np.empty(low_offset, np.float32)
    for k, (image, (o, h, w, lo, lh, lw)) in enumerate(zip(images, shape)):
        full[o : o + 3 * h * w] = image.pixels.reshape(-1)
        low[lo : lo + 3 * lh * lw] = low_pass(
            np.require(image.pixels, requirements=["C", "W"]), inside[k], tables[k], factor
        ).reshape(-1)
    projection = np.stack([c.K @ c.world_to_camera[:3] for c in cameras])
    return PhotoStack(full, low, np.array(shape, np.int64), projection, tables, factor)


@njit(cache=True)
def low_pass(pixels: Any, inside: Any, table: Any, factor: int) -> Any:
    """(h, w, 3) float32: means of factor x factor blocks, smoothed by the binomial 1 4 6 4 1 both ways,
    over the inside
    pixels only (normalised convolution: Knutsson & Westin 1993); the block's plain mean where none is
    near."""
    height, width = inside.shape
    lh, lw = -(-height // factor), -(-width // factor)
    total, plain = np.zeros((lh, lw, 4), np.float32), np.zeros((lh, lw, 4), np.float32)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                value = table[c, pixels[y, x, c]]
                plain[y // factor, x // factor, c] += value
                if inside[y, x]:
                    total[y // factor, x // factor, c] += value
            plain[y // factor, x // factor, 3] += 1
            if inside[y, x]:
                total[y // factor, x // factor, 3] += 1
    tap = np.array([1, 4, 6, 4, 1], np.float32) / np.float32(16)
    side = np.zeros((lh, lw, 4), np.float32)
    for y in range(lh):
        for x in range(lw):
            for d in range(5):
                xx = x + d - 2
                if 0 <= xx < lw:
                    for c in range(4):
                        side[y, x, c] += tap[d] * total[y, xx, c]
    out = np.empty((lh, lw, 3), np.float32)
    for y in range(lh):
        for x in range(lw):
            red, green, blue, weight = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for d in range(5):
                yy = y + d - 2
                if 0 <= yy < lh:
                    red += tap[d] * side[yy, x, 0]
                    green += tap[d] * side[yy, x, 1]
                    blue += tap[d] * side[yy, x, 2]
                    weight += tap[d] * side[yy, x, 3]
            if weight > 1e-3:
                out[y, x, 0], out[y, x, 1], out[y, x, 2] = red / weight, green / weight, blue / weight
            else:
                for c in range(3):
                    out[y, x, c] = plain[y, x, c] / plain[y, x, 3]
    return out


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
    """Bilinear samples of photo k at world point p: low-pass into l (3,), and the photo itself into s (3,)
    if sharp."""
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
    """Two-band colour at world point p with barycentrics b, from n active photos with corner weights w, h
    (V, 3)."""
    full, low, shape, projection, tables, factor = photos
    wide, fine = np.float32(0), np.float32(0)
    for j in range(n):
        wide += b[0] * w[j, 0] + b[1] * w[j, 1] + b[2] * w[j, 2]
        fine += b[0] * h[j, 0] + b[1] * h[j, 1] + b[2] * h[j, 2]
    out[:] = 0
    if wide <= 0:
        return False
    for j in range(n):
        low_weight = (b[0] * w[j, 0] + b[1] * w[j, 1] + b[2] * w[j, 2]) / wide
        high_weight = np.float32(0)
        if fine > 0:
            high_weight = (b[0] * h[j, 0] + b[1] * h[j, 1] + b[2] * h[j, 2]) / fine
        if low_weight <= 0 and high_weight <= 0:
            continue
        _sample(active[j], p, full, low, shape, projection, tables, factor, high_weight > 0, s, l)
        for c in range(3):
            out[c] += low_weight * l[c]
            if high_weight > 0:
                out[c] += high_weight * (s[c] - l[c])
    return True


@njit(cache=True, inline="never")
def _gather(i: int, f: Any, seen: Any, wide: Any, fine: Any, active: Any, w: Any, h: Any) -> int:
    """The photos of face i and their weights at its corners; photos that do not see the face are left out."""
    n = 0
    for k in range(seen.shape[1]):
        if not seen[i, k]:
            continue
        any_weight = False
        for a in range(3):
            w[n, a], h[n, a] = wide[f[i, a], k], fine[f[i, a], k]
            if w[n, a] > 0 or h[n, a] > 0:
                any_weight = True
        if any_weight:
            active[n] = k
            n += 1
    return n


@njit(cache=True)
def blend_corners(v: Any, f: Any, seen: Any, wide: Any, fine: Any, photos: Any) -> Any:
    """(F, 3, 4) float32: two-band colours at face corners, and 1 where there is one."""
    out = np.zeros((len(f), 3, 4), np.float32)
    count = seen.shape[1]
    for i in range(len(f)):
        active, w, h = (
            np.empty(count, np.int32),
            np.empty((count, 3), np.float32),
            np.empty((count, 3), np.float32),
        )
        n = _gather(i, f, seen, wide, fine, active, w, h)
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
    wide: Any,
    fine: Any,
    fill: Any,
    photos: Any,
    texture: Any,
    state: Any,
) -> None:
    """Paint all faces into texture (S, S, 3) uint8; state (S, S) uint8 becomes 1 (photos) or 2 (filled).

    corners (F, 3, 2) int64: texel coordinates times 256, so that the edge functions are exact and (with the
    top-left
    rule) every texel centre belongs to one face only: threads never meet. fill (N, 3): colours where no
    photo sees.
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
        n = _gather(i, f, seen, wide, fine, active, w, h)
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
