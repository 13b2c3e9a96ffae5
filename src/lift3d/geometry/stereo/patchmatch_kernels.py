"""Kernels of `patchmatch`: the cost of a plane, and bands of rows of its sweeps. Each compiles into one function that allocates
nothing. The samples of a window are summed by whole vector instructions, hence `fastmath` and no branches inside.
photos: the fields of `patchmatch.PhotoSet`, in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.types import F32

U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

MAX_COST, OUT_OF_VIEW_COST = np.float32(2.0), np.float32(1.1)
"""Largest 1 - ZNCC, also the cost of impossible planes; cost in a source view whose image does not contain the window."""
WINDOW_RADIUS = 4
SIGMA = np.float32(14.0)
"""Difference in grey levels from the centre at which a pixel of the window has half weight."""
OFFSETS = tuple((x, y) for y in (-4, -2, 0, 2, 4) for x in (-4, -2, 0, 2, 4) if (x, y) != (0, 0))
WINDOW_SAMPLES = len(OFFSETS)  # 24, a multiple of 8: the sample loops become whole vector instructions
DX, DY = np.array([o[0] for o in OFFSETS], np.float32), np.array([o[1] for o in OFFSETS], np.float32)


@njit(cache=True, forceinline=True, _nrt=False)
def hash_random(x: int, y: int, n: int) -> np.float32:
    """Pseudo-random number in [0, 1) of pixel (x, y) and counter n."""
    mask = 0xFFFFFFFF
    h = (x * 374761393 + y * 668265263 + n * 2246822519) & mask
    h = ((h ^ (h >> 13)) * 1274126177) & mask
    h = ((h ^ (h >> 15)) * 2654435761) & mask
    h = h ^ (h >> 16)
    return np.float32(h >> 8) * np.float32(1.0 / 16777216.0)


@njit(cache=True, fastmath=True, error_model="numpy", forceinline=True, _nrt=False)
def window(
    padded: F32, stride: int, x: int, y: int, sigma: np.float32, centred: F32, weight: F32
) -> np.float32:
    """Weighted variance of the window around pixel (x, y); fills weight (sum 1) and centred = weight * (value - mean).

    padded: the grey photo with WINDOW_RADIUS pixels added on every side, flattened, rows of length `stride`.
    """
    at = np.int32((y + WINDOW_RADIUS) * stride + x + WINDOW_RADIUS)
    centre = padded[at]
    inverse = np.float32(1.0) / (sigma * sigma)
    total = np.float32(0.0)
    mean = np.float32(0.0)
    for i in range(WINDOW_SAMPLES):
        value = padded[np.uint32(at + np.int32(DY[i]) * np.int32(stride) + np.int32(DX[i]))]
        diff = value - centre
        a = np.float32(1.0) / (np.float32(1.0) + diff * diff * inverse)
        weight[i] = a
        centred[i] = value
        total += a
        mean += a * value
    scale = np.float32(1.0) / total
    mean *= scale
    variance = np.float32(0.0)
    for i in range(WINDOW_SAMPLES):
        a = weight[i] * scale
        d = centred[i] - mean
        weight[i] = a
        centred[i] = a * d
        variance += a * d * d
    return variance


@njit(cache=True, fastmath=True, error_model="numpy", forceinline=True, _nrt=False)
def view_cost(
    sources: F32, s: int, shape: I32, M: F32, u: np.float32, v: np.float32, w: np.float32, gx: np.float32, gy: np.float32,
    centred: F32, weight: F32, variance: np.float32,
) -> np.float32:  # fmt: skip
    """1 - ZNCC of the window under the plane (w, gx, gy) at pixel (u, v) in source view s.

    sources: all source photos, flattened; shape: (S, 4) offset, stride, height, width; M: (S, 12) A and b.
    """
    b0, b1, b2 = M[s, 9], M[s, 10], M[s, 11]
    cz = M[s, 6] * u + M[s, 7] * v + M[s, 8] + b2 * w
    if cz <= np.float32(1e-6) or w <= np.float32(0.0):
        return MAX_COST
    inv = np.float32(1.0) / cz
    X = (M[s, 0] * u + M[s, 1] * v + M[s, 2] + b0 * w) * inv
    Y = (M[s, 3] * u + M[s, 4] * v + M[s, 5] + b1 * w) * inv
    zu = M[s, 6] + b2 * gx
    zv = M[s, 7] + b2 * gy
    xu = (M[s, 0] + b0 * gx - X * zu) * inv
    xv = (M[s, 1] + b0 * gy - X * zv) * inv
    yu = (M[s, 3] + b1 * gx - Y * zu) * inv
    yv = (M[s, 4] + b1 * gy - Y * zv) * inv
    area = xu * yv - xv * yu
    if area < np.float32(0.1) or area > np.float32(9.0):
        return MAX_COST
    X -= np.float32(0.5)
    Y -= np.float32(0.5)
    across = np.float32(WINDOW_RADIUS) * (np.abs(xu) + np.abs(xv))
    down = np.float32(WINDOW_RADIUS) * (np.abs(yu) + np.abs(yv))
    if across > X or down > Y or X + across >= shape[s, 3] - 1 or Y + down >= shape[s, 2] - 1:
        return OUT_OF_VIEW_COST
    base = np.int32(shape[s, 0])
    stride = np.int32(shape[s, 1])
    s1 = np.float32(0.0)
    s2 = np.float32(0.0)
    sr = np.float32(0.0)
    for i in range(WINDOW_SAMPLES):
        xs = X + xu * DX[i] + xv * DY[i]
        ys = Y + yu * DX[i] + yv * DY[i]
        ix = np.int32(xs)
        iy = np.int32(ys)
        fx = xs - np.float32(ix)
        fy = ys - np.float32(iy)
        k = np.uint32(base + iy * stride + ix)
        a = sources[k]
        c = sources[k + np.uint32(stride)]
        top = a + fx * (sources[k + np.uint32(1)] - a)
        low = c + fx * (sources[k + np.uint32(stride) + np.uint32(1)] - c)
        value = top + fy * (low - top)
        part = weight[i] * value
        s1 += part
        s2 += part * value
        sr += centred[i] * value
    variation = max(s2 - s1 * s1, np.float32(0.0))
    # one grey level of noise in each photo keeps flat windows near a cost of 1
    cost = np.float32(1.0) - sr / np.sqrt((variance + np.float32(1.0)) * (variation + np.float32(1.0)))
    return min(max(cost, np.float32(0.0)), MAX_COST)


@njit(cache=True, fastmath=True, error_model="numpy", forceinline=True, _nrt=False)
def plane_cost(
    sources: F32, shape: I32, M: F32, chosen: int, keep: int, u: np.float32, v: np.float32, w: np.float32, gx: np.float32,
    gy: np.float32, centred: F32, weight: F32, variance: np.float32, costs: F32,
) -> np.float32:  # fmt: skip
    """Mean of the `keep` lowest costs over the source views whose bit is set in `chosen`."""
    m = 0
    for s in range(M.shape[0]):
        if chosen >> s & 1:
            costs[m] = view_cost(sources, s, shape, M, u, v, w, gx, gy, centred, weight, variance)
            m += 1
    k = min(keep, m)
    total = np.float32(0.0)
    for i in range(k):  # partial selection sort
        best = i
        for j in range(i + 1, m):
            if costs[j] < costs[best]:
                best = j
        value = costs[best]
        costs[best] = costs[i]
        total += value
    return total / np.float32(k)


@njit(cache=True, fastmath=True, error_model="numpy", forceinline=True, _nrt=False)
def slant_ok(
    w: np.float32, gx: np.float32, gy: np.float32, u: np.float32, v: np.float32,
    fx: np.float32, fy: np.float32, cx: np.float32, cy: np.float32, least: np.float32,
) -> np.bool_:  # fmt: skip
    """Whether the angle between the plane's normal and the ray of pixel (u, v) has a cosine of at least `least`."""
    px = gx * fx
    py = gy * fy
    pz = w - gx * (u - cx) - gy * (v - cy)
    rx = (u - cx) / fx
    ry = (v - cy) / fy
    return w * w >= least * least * (px * px + py * py + pz * pz) * (rx * rx + ry * ry + np.float32(1.0))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy", _nrt=False)
def initialise_planes(
    first: int, last: int, scratch: F32, photos: Any, planes: F32, cost: F32, chosen: U8,
    views: int, tries: int, span: tuple[np.float32, np.float32], seed: int,
) -> None:  # fmt: skip
    """Rows first to last of `patchmatch.initialise_planes`."""
    padded, sources, shape, M, sigma, keep = photos
    w_min, w_max = span
    h, w = cost.shape
    stride = w + 2 * WINDOW_RADIUS
    count = M.shape[0]
    every = (1 << count) - 1
    centred, weight = scratch[:WINDOW_SAMPLES], scratch[WINDOW_SAMPLES : 2 * WINDOW_SAMPLES]
    costs = scratch[2 * WINDOW_SAMPLES :]
    for y in range(first, last):
        v = np.float32(y + 0.5)
        for x in range(w):
            u = np.float32(x + 0.5)
            variance = window(padded, stride, x, y, sigma, centred, weight)
            if tries > 0:
                best = np.float32(9.0)
                for k in range(tries):
                    t = (np.float32(k) + hash_random(x, y, seed + k)) / np.float32(tries)
                    wk = w_min + (w_max - w_min) * t
                    zero = np.float32(0.0)
                    c = plane_cost(
                        sources, shape, M, every, keep, u, v, wk, zero, zero, centred, weight, variance, costs
                    )
                    if c < best:
                        best = c
                        planes[0, y, x] = wk
                        planes[1, y, x] = zero
                        planes[2, y, x] = zero
            wp, gx, gy = planes[0, y, x], planes[1, y, x], planes[2, y, x]
            for s in range(count):
                costs[s] = view_cost(sources, s, shape, M, u, v, wp, gx, gy, centred, weight, variance)
            bits = 0
            total = np.float32(0.0)
            for k in range(min(views, count)):
                low = -1
                for s in range(count):
                    if not (bits >> s & 1) and (low < 0 or costs[s] < costs[low]):
                        low = s
                bits |= 1 << low
                if k < keep:
                    total += costs[low]
            chosen[y, x] = bits
            cost[y, x] = total / np.float32(min(keep, count))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy", _nrt=False)
def propagate_planes(
    first: int, last: int, scratch: F32, photos: Any, planes: F32, cost: F32, chosen: U8, K: F32, parity: int, far: int,
    step: np.float32, tilt: np.float32, span: tuple[np.float32, np.float32], tries: int, seed: int,
) -> None:  # fmt: skip
    """Rows first to last of `patchmatch.propagate_planes`."""
    padded, sources, shape, M, sigma, keep = photos
    w_min, w_max = span
    h, w = cost.shape
    stride = w + 2 * WINDOW_RADIUS
    fx, fy, cx, cy = K[0], K[1], K[2], K[3]
    least = np.float32(0.12)
    centred, weight = scratch[:WINDOW_SAMPLES], scratch[WINDOW_SAMPLES : 2 * WINDOW_SAMPLES]
    costs = scratch[2 * WINDOW_SAMPLES :]
    for y in range(first, last):
        v = np.float32(y + 0.5)
        for x in range((y + parity) & 1, w, 2):
            u = np.float32(x + 0.5)
            variance = window(padded, stride, x, y, sigma, centred, weight)
            best = cost[y, x]
            bw, bgx, bgy = planes[0, y, x], planes[1, y, x], planes[2, y, x]
            bits = np.int64(chosen[y, x])
            for d in range(4):
                sx = (1 if d == 0 else 0) - (1 if d == 1 else 0)
                sy = (1 if d == 2 else 0) - (1 if d == 3 else 0)
                nx, ny = -1, -1
                low = np.float32(9.0)
                for r in range(1, far + 1, 2):
                    xx, yy = x + sx * r, y + sy * r
                    if 0 <= xx < w and 0 <= yy < h and cost[yy, xx] < low:
                        low = cost[yy, xx]
                        nx, ny = xx, yy
                if nx < 0:
                    continue
                gx, gy = planes[1, ny, nx], planes[2, ny, nx]
                wn = planes[0, ny, nx] + gx * np.float32(x - nx) + gy * np.float32(y - ny)
                if wn < w_min or wn > w_max or (wn == bw and gx == bgx and gy == bgy):
                    continue
                c = plane_cost(
                    sources, shape, M, bits, keep, u, v, wn, gx, gy, centred, weight, variance, costs
                )
                if c < best:
                    best, bw, bgx, bgy = c, wn, gx, gy
            for k in range(tries):
                scale = np.float32(1.0) / np.float32(1 << k)
                r0 = np.float32(2.0) * hash_random(x, y, seed + 3 * k) - np.float32(1.0)
                r1 = np.float32(2.0) * hash_random(x, y, seed + 3 * k + 1) - np.float32(1.0)
                r2 = np.float32(2.0) * hash_random(x, y, seed + 3 * k + 2) - np.float32(1.0)
                wn = bw + (r0 * scale * step if k % 3 != 1 else np.float32(0.0))
                gx, gy = bgx, bgy
                if k % 3 != 2:
                    gx += r1 * scale * tilt
                    gy += r2 * scale * tilt
                if wn < w_min or wn > w_max or not slant_ok(wn, gx, gy, u, v, fx, fy, cx, cy, least):
                    continue
                c = plane_cost(
                    sources, shape, M, bits, keep, u, v, wn, gx, gy, centred, weight, variance, costs
                )
                if c < best:
                    best, bw, bgx, bgy = c, wn, gx, gy
            cost[y, x] = best
            planes[0, y, x], planes[1, y, x], planes[2, y, x] = bw, bgx, bgy


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy", _nrt=False)
def evaluate_planes(
    first: int, last: int, scratch: F32, photos: Any, width: int, xs: I64, ys: I64, planes: F32, cost: F32
) -> None:
    """Pixels first to last of `patchmatch.evaluate_planes`."""
    padded, sources, shape, M, sigma, keep = photos
    stride = width + 2 * WINDOW_RADIUS
    count = M.shape[0]
    every = (1 << count) - 1
    centred, weight = scratch[:WINDOW_SAMPLES], scratch[WINDOW_SAMPLES : 2 * WINDOW_SAMPLES]
    costs = scratch[2 * WINDOW_SAMPLES :]
    for i in range(first, last):
        variance = window(padded, stride, xs[i], ys[i], sigma, centred, weight)
        cost[i] = plane_cost(
            sources, shape, M, every, keep, np.float32(xs[i] + 0.5), np.float32(ys[i] + 0.5),
            planes[0, i], planes[1, i], planes[2, i], centred, weight, variance, costs,
        )  # fmt: skip
