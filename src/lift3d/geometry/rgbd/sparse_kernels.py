"""Kernels of the sparse volume: hash table, blocks along rays, integration of a frame.

The key of a block at (x, y, z) packs the three numbers, each offset by 2^20, in 21 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from lift3d.geometry.kernels import njit_inline, njit_kernel

EMPTY = np.int64(-1)
OFFSET = 1 << 20
MASK = (1 << 21) - 1
MIN_COSINE = 0.1
"""Least cosine of incidence of a depth that is used."""
FILLED = 0.1
"""Weight of a depth that fills a hole, relative to one that was measured."""
STEEP = 2
"""Kind of a pixel on a surface too steep to be measured; 0: measured, 1: fills a hole."""
FREE = 0.25
"""Weight of free space in front of the truncation, relative to a surface."""


@njit_inline
def pack(x: int, y: int, z: int) -> int:
    """The key of the block at (x, y, z), each within 2^20."""
    return ((x + OFFSET) << 42) | ((y + OFFSET) << 21) | (z + OFFSET)


def unpack(keys: Any) -> Any:
    """(N, 3) int64 positions of blocks."""
    return np.stack([(keys >> 42) - OFFSET, ((keys >> 21) & MASK) - OFFSET, (keys & MASK) - OFFSET], -1)


@njit_inline
def find(table_keys: Any, table_rows: Any, key: int) -> int:
    """Row of a key, -1 if it is not in the table."""
    mask = len(table_keys) - 1
    at = (key ^ (key >> 31) ^ (key >> 17)) * 0x9E3779B1 & mask
    while True:
        found = table_keys[at]
        if found == key:
            return table_rows[at]
        if found == EMPTY:
            return -1
        at = (at + 1) & mask


@njit_kernel
def find_all(table_keys: Any, table_rows: Any, keys: Any) -> Any:
    """Rows (N,) of keys, -1 where they are not in the table."""
    out = np.empty(len(keys), np.int32)
    for n in range(len(keys)):
        out[n] = find(table_keys, table_rows, keys[n])
    return out


@njit_kernel
def insert_all(table_keys: Any, table_rows: Any, keys: Any, first: int) -> None:
    """Add keys that are not in the table, with the rows first, first + 1, ..."""
    mask = len(table_keys) - 1
    for n in range(len(keys)):
        key = keys[n]
        at = (key ^ (key >> 31) ^ (key >> 17)) * 0x9E3779B1 & mask
        while table_keys[at] != EMPTY:
            at = (at + 1) & mask
        table_keys[at] = key
        table_rows[at] = first + n


@njit_kernel
def ray_blocks(z: Any, k: Any, r: Any, t: Any, stride: int, size: float, reach: float) -> Any:
    """Keys, with repetitions, of the blocks of side `size` that the rays of every `stride`-th pixel pass within `reach` of their
    depth. r, t: rotation and translation from the camera to the world."""
    h, w = z.shape
    steps = int(np.ceil(2 * reach / (0.5 * size))) + 1
    out = np.empty((h // stride + 1) * (w // stride + 1) * steps, np.int64)
    n = 0
    for i in range(0, h, stride):
        before = np.int64(-1)
        for j in range(0, w, stride):
            if z[i, j] <= 0:
                continue
            x, y = (j + 0.5 - k[2]) / k[0], (i + 0.5 - k[3]) / k[1]
            length = np.sqrt(x * x + y * y + 1)
            for s in range(steps):
                d = z[i, j] + (2 * reach * s / (steps - 1) - reach) / length
                px = r[0, 0] * x * d + r[0, 1] * y * d + r[0, 2] * d + t[0]
                py = r[1, 0] * x * d + r[1, 1] * y * d + r[1, 2] * d + t[1]
                pz = r[2, 0] * x * d + r[2, 1] * y * d + r[2, 2] * d + t[2]
                key = pack(int(np.floor(px / size)), int(np.floor(py / size)), int(np.floor(pz / size)))
                if key != before:
                    out[n] = key
                    n += 1
                    before = key
    return out[:n]


@njit_kernel
def smooth_depth(z: Any, constant: float, quadratic: float, out: Any) -> None:
    """Mean over 5 x 5 pixels within three standard deviations of the depth, for normals."""
    h, w = z.shape
    for i in range(h):
        for j in range(w):
            here = z[i, j]
            out[i, j] = 0
            if here <= 0:
                continue
            step = 3 * (constant + quadratic * here * here) + 0.003 * here
            total, count = 0.0, 0
            for a in range(max(i - 2, 0), min(i + 3, h)):
                for b in range(max(j - 2, 0), min(j + 3, w)):
                    if z[a, b] > 0 and abs(z[a, b] - here) < step:
                        total += z[a, b]
                        count += 1
            out[i, j] = total / count


@njit_kernel
def sample_colour(z: Any, kd: Any, kc: Any, m: Any, pixels: Any, out: Any) -> None:
    """out (h, w, 3): the nearest pixel of the colour image for each depth pixel. m (3, 4): depth camera to colour camera."""
    h, w = pixels.shape[:2]
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            d = z[i, j] if z[i, j] > 0 else np.float32(2)
            x, y = (j + 0.5 - kd[2]) / kd[0] * d, (i + 0.5 - kd[3]) / kd[1] * d
            s = max(m[2, 0] * x + m[2, 1] * y + m[2, 2] * d + m[2, 3], 1e-6)
            u = kc[0] * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * d + m[0, 3]) / s + kc[2]
            v = kc[1] * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * d + m[1, 3]) / s + kc[3]
            a, b = min(max(int(v), 0), h - 1), min(max(int(u), 0), w - 1)
            for c in range(3):
                out[i, j, c] = pixels[a, b, c]


@njit(cache=True, parallel=True, error_model="numpy")
def integrate(
    keys: Any, voxel: float, reach: float, z: Any, kind: Any, normals: Any, colour: Any, k: Any, m: Any, constant: float,
    quadratic: float, distance: Any, weight: Any, colours: Any,
) -> None:  # fmt: skip
    """Average the frame into all blocks that it sees. m (3, 4): world to camera. kind (h, w): 0 where the depth was measured; 1
    where it fills a hole, which counts little and says nothing about the space in front; STEEP on a surface too steep to be
    measured, which counts, with a negative weight, only in voxels that no other pixel of any frame reaches."""
    h, w = z.shape
    side = 8 * voxel
    radius = 0.5 * side * 1.7320508
    for b in prange(len(keys)):
        key = keys[b]
        ox = ((key >> 42) - OFFSET) * side
        oy = (((key >> 21) & MASK) - OFFSET) * side
        oz = ((key & MASK) - OFFSET) * side
        cx, cy, cz = ox + 0.5 * side, oy + 0.5 * side, oz + 0.5 * side
        d = m[2, 0] * cx + m[2, 1] * cy + m[2, 2] * cz + m[2, 3]
        if d < radius:
            continue
        u = k[0] * (m[0, 0] * cx + m[0, 1] * cy + m[0, 2] * cz + m[0, 3]) / d + k[2]
        v = k[1] * (m[1, 0] * cx + m[1, 1] * cy + m[1, 2] * cz + m[1, 3]) / d + k[3]
        across = 1.5 * radius / (d - 0.9 * radius)
        if u < -k[0] * across or v < -k[1] * across or u > w + k[0] * across or v > h + k[1] * across:
            continue
        for e in range(512):
            px, py, pz = ox + (e >> 6) * voxel, oy + ((e >> 3) & 7) * voxel, oz + (e & 7) * voxel
            zc = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
            if zc <= 0.02:
                continue
            xc = m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]
            yc = m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]
            u = k[0] * xc / zc + k[2]
            v = k[1] * yc / zc + k[3]
            if not (u >= 0 and v >= 0 and u < w and v < h):
                continue
            j, i = int(u), int(v)
            depth = z[i, j]
            if depth <= 0:
                continue
            nz = normals[i, j, 2]
            if nz == 0:
                continue
            # the point that was measured lies on the pixel's own ray; distance from its tangent plane (Bylow et al. 2013)
            mx, my = (j + 0.5 - k[2]) / k[0] * depth, (i + 0.5 - k[3]) / k[1] * depth
            cosine = -(normals[i, j, 0] * mx + normals[i, j, 1] * my + nz * depth) / np.sqrt(
                mx * mx + my * my + depth * depth
            )
            steep = kind[i, j] == STEEP
            if cosine < MIN_COSINE and not steep:
                continue
            along = (depth - zc) * np.sqrt(mx * mx + my * my + depth * depth) / depth
            sigma = constant + quadratic * depth * depth
            value = cosine / (sigma * sigma) * 1e-6
            signed = (normals[i, j, 0] * (xc - mx) + normals[i, j, 1] * (yc - my) + nz * (zc - depth)) / reach
            if steep:
                if weight[b, e] > 0 or abs(along) > 2 * reach or abs(signed) >= 1:
                    continue
                value /= cosine
                total = value - weight[b, e]
                distance[b, e] += (signed - distance[b, e]) * value / total
                weight[b, e] = -total
                for c in range(3):
                    colours[b, e, c] += (colour[i, j, c] - colours[b, e, c]) * value / total
                continue
            if kind[i, j] == 1:
                value *= FILLED
            if along > 2 * reach / cosine:
                if kind[i, j] == 1:
                    continue
                signed = 1.0
                value *= FREE
            elif signed < -1 or along < -2 * reach:
                continue
            signed = min(signed, 1.0)
            if weight[b, e] < 0:
                weight[b, e] = colours[b, e, 0] = colours[b, e, 1] = colours[b, e, 2] = 0
            old = weight[b, e]
            total = old + value
            distance[b, e] = (distance[b, e] * old + signed * value) / total
            weight[b, e] = total
            if abs(signed) < 1:
                first = colours[b, e, 0] + colours[b, e, 1] + colours[b, e, 2] == 0
                for c in range(3):
                    mean = (colours[b, e, c] * old + colour[i, j, c] * value) / total
                    colours[b, e, c] = colour[i, j, c] if first else mean
