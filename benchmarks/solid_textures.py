"""Procedural solid textures: a colour at every point of space, with detail down to the size of a pixel.

Gradient noise on a hashed lattice (Perlin, "An image synthesizer", 1985, with the fifth-degree fade of his
2002 revision), summed over octaves, and patterns derived from it: marble veins, wood rings, stone speckles.
All colours here are linear, not sRGB.
"""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, inline="always")
def _corner(x, y, z, seed, fx, fy, fz):  # type: ignore[no-untyped-def]
    h = (x * 0x8DA6B343 + y * 0xD8163841 + z * 0xCB1AB31F + seed * 0x165667B1) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    h = ((h ^ (h >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    h ^= h >> 15
    gx, gy, gz = (h & 1023) - 511.5, ((h >> 10) & 1023) - 511.5, ((h >> 20) & 1023) - 511.5
    return (gx * fx + gy * fy + gz * fz) / 511.5


@numba.njit(cache=True)
def noise(x, y, z, seed):  # type: ignore[no-untyped-def]
    """Gradient noise at one point: zero mean, mostly within [-0.8, 0.8], with a wavelength of about 2."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    fx, fy, fz = x - i, y - j, z - k
    i, j, k = int(i), int(j), int(k)
    u = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
    v = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
    w = fz * fz * fz * (fz * (fz * 6 - 15) + 10)
    total = 0.0
    for dz in range(2):
        wz = w if dz else 1 - w
        for dy in range(2):
            wy = wz * (v if dy else 1 - v)
            a = _corner(i, j + dy, k + dz, seed, fx, fy - dy, fz - dz)
            b = _corner(i + 1, j + dy, k + dz, seed, fx - 1, fy - dy, fz - dz)
            total += wy * (a + u * (b - a))
    return total * 1.2


@numba.njit(cache=True)
def octaves(x, y, z, seed, count):  # type: ignore[no-untyped-def]
    """Sum of `count` octaves of noise, halving in height and in wavelength."""
    total, height = 0.0, 1.0
    for o in range(count):
        total += height * noise(x, y, z, seed + o)
        x, y, z, height = x * 2.03 + 0.37, y * 2.03 + 0.71, z * 2.03 + 0.13, height * 0.5
    return total


@numba.njit(cache=True)
def smooth(a, b, t):  # type: ignore[no-untyped-def]
    """0 below a, 1 above b, smooth between."""
    t = min(max((t - a) / (b - a), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@numba.njit(cache=True)
def solid_colour(x, y, z, palette, knobs, out):  # type: ignore[no-untyped-def]
    """Linear colour (3,) of an object's material at a point, into `out`; lengths are in object diagonals.

    palette (4, 3): ground, patches, veins, speckles. knobs: [seed, scale, veins, rings, speckles, grain].
    """
    seed, scale = int(knobs[0]), knobs[1]
    px, py, pz = x * scale, y * scale, z * scale
    warp = octaves(px * 4, py * 4, pz * 4, seed + 11, 3)
    patches = smooth(-0.15, 0.15, octaves(px * 9 + warp, py * 9 - warp, pz * 9 + warp, seed, 3))
    veins = knobs[2] * smooth(0.75, 0.98, math.cos(34 * (0.6 * px + 0.3 * py + 0.74 * pz) + 5 * warp))
    axis = math.sqrt((px + 0.31) ** 2 + (py - 0.17) ** 2) + 0.06 * warp
    rings = knobs[3] * smooth(-0.3, 0.9, math.sin(120 * axis))
    dots = noise(px * 62, py * 62, pz * 62, seed + 23)
    speckles = knobs[4] * smooth(0.26, 0.36, dots)
    fine = noise(px * 55, py * 55, pz * 55, seed + 31) + noise(px * 125, py * 125, pz * 125, seed + 37)
    fine += noise(px * 260, py * 260, pz * 260, seed + 41)
    gain = max(0.15, 1 + knobs[5] * fine + 0.25 * warp)
    for c in range(3):
        value = palette[0, c] + (palette[1, c] - palette[0, c]) * max(patches, rings)
        value += (palette[2, c] - value) * veins
        value += (palette[3, c] - value) * speckles
        out[c] = value * gain


@numba.njit(cache=True)
def table_colour(x, y, z, pattern, seed, out):  # type: ignore[no-untyped-def]
    """Linear colour of the table top: 0 wooden boards, 1 speckled stone tiles, 2 a patterned cloth."""
    fine = noise(x * 50, y * 50, z * 50, seed + 3) + noise(x * 120, y * 120, z * 120, seed + 4)
    fine += noise(x * 240, y * 240, z * 240, seed + 12)
    if pattern == 0:
        board = math.floor(y / 0.23)
        shift = board * 7.3
        warp = octaves(x * 1.5 + shift, y * 6, board, seed, 3)
        grain = math.sin(60 * y + 9 * warp) + 1.2 * noise(x * 9 + shift, y * 130, board, seed + 5)
        knots = smooth(0.34, 0.5, noise(x * 5 + shift, y * 9, board, seed + 6))
        dots = smooth(0.3, 0.45, noise(x * 55, y * 75, z, seed + 7))
        tint = 0.85 + 0.3 * abs(math.sin(board * 12.9))
        gain = tint * max(0.25, 1 + 0.16 * grain + 0.16 * fine) * (1 - 0.6 * knots) * (1 - 0.45 * dots)
        gap = abs(y / 0.23 - math.floor(y / 0.23) - 0.5)
        gain *= 1 - 0.7 * smooth(0.485, 0.497, gap)
        out[0], out[1], out[2] = 0.38 * gain, 0.21 * gain, 0.105 * gain
    elif pattern == 1:
        i, j = math.floor(x / 0.31), math.floor(y / 0.31)
        tint = 0.8 + 0.25 * math.sin(i * 5.1 + j * 8.7)
        patches = octaves(x * 8 + i, y * 8 + j, z, seed, 4)
        dark = smooth(0.22, 0.38, noise(x * 48, y * 48, i + j, seed + 5))
        light = smooth(0.25, 0.4, noise(x * 33, y * 33, i - j, seed + 8))
        gain = tint * max(0.2, 1 + 0.5 * patches + 0.22 * fine) * (1 - 0.7 * dark)
        gx, gy = abs(x / 0.31 - i - 0.5), abs(y / 0.31 - j - 0.5)
        gain *= 1 - 0.55 * smooth(0.475, 0.49, max(gx, gy))
        out[0], out[1], out[2] = (
            0.27 * gain + 0.3 * light,
            0.28 * gain + 0.29 * light,
            0.3 * gain + 0.27 * light,
        )
    else:
        patches = smooth(-0.1, 0.1, octaves(x * 7, y * 7, z, seed, 3))
        stripes = smooth(0.0, 0.5, math.sin(38 * x + 2 * noise(x * 3, y * 3, 0, seed))) * smooth(
            -0.2, 0.4, math.sin(38 * y)
        )
        blots = smooth(0.2, 0.32, noise(x * 26, y * 26, z, seed + 6))
        gain = max(0.25, 1 + 0.3 * fine)
        out[0] = (0.32 - 0.22 * patches + 0.3 * stripes - 0.2 * blots * patches + 0.12 * blots) * gain
        out[1] = (0.09 + 0.10 * patches + 0.28 * stripes + 0.10 * blots) * gain
        out[2] = (0.08 + 0.22 * patches + 0.16 * stripes - 0.05 * blots) * gain
    for c in range(3):
        out[c] = max(out[c], 0.01)


@numba.njit(cache=True)
def room_colour(x, y, z, seed, out):  # type: ignore[no-untyped-def]
    """Linear colour of the distant walls and floor: pictures on a mottled wall."""
    mottle = octaves(x * 1.3, y * 1.3, z * 1.3, seed, 5)
    fine = noise(x * 14, y * 14, z * 14, seed + 9) + noise(x * 30, y * 30, z * 30, seed + 10)
    blots = smooth(0.15, 0.3, noise(x * 4, y * 4, z * 4, seed + 8))
    i, j, k = math.floor(x / 1.1), math.floor(y / 1.1), math.floor(z / 1.1)
    hue = math.sin(i * 12.9 + j * 78.2 + k * 37.7 + seed)
    picture = smooth(0.0, 0.2, hue)
    gain = max(0.2, 1 + 0.55 * mottle + 0.3 * fine)
    out[0] = (0.30 + 0.15 * picture * hue - 0.12 * blots) * gain
    out[1] = (0.29 - 0.10 * picture * hue - 0.05 * blots) * gain
    out[2] = (0.26 - 0.12 * picture + 0.14 * blots) * gain
    for c in range(3):
        out[c] = max(out[c], 0.01)


def mean_colour(palette: np.ndarray) -> np.ndarray:
    """(3,) the colour to which a variant of low contrast of a material fades."""
    return 0.45 * palette[0] + 0.45 * palette[1] + 0.1 * palette[3]
