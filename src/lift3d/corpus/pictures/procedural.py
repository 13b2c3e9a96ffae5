"""Procedural backgrounds for a corpus without pictures: plaster, earth, bricks, planks, tiles, rooms out of focus.

Random textures are noise with the amplitude spectrum of natural scenes, which falls about as 1 / f (Field, "Relations
between the statistics of natural images and the response properties of cortical cells", 1987). They repeat without a seam,
so that they can tile a floor.
"""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import fft, ndimage

from lift3d.types import F32

Bytes = NDArray[np.uint8]
SIZE = 256
"""Side in pixels of a texture or scene, the same as for pictures of `backgrounds`."""
_Y, _X = np.mgrid[:SIZE, :SIZE].astype(np.float32)
_FY = (np.fft.fftfreq(SIZE)[:, None] * SIZE).astype(np.float32)
_FX = (np.fft.rfftfreq(SIZE)[None] * SIZE).astype(np.float32)
_GREY, _EARTH, _COLD = (0.0, 0.12), (0.05, 0.13), (0.5, 0.65)


def random_colour(rng: np.random.Generator) -> F32:
    """(3,) random sRGB 0 to 255, like walls, wood, earth and cloth: mostly brownish or greyish, seldom saturated."""
    chance = rng.random()
    if chance < 0.5:
        h, s = rng.uniform(*_EARTH), rng.uniform(0.08, 0.5)
    elif chance < 0.75:
        h, s = rng.random(), rng.uniform(*_GREY)
    elif chance < 0.85:
        h, s = rng.uniform(*_COLD), rng.uniform(0.05, 0.35)
    elif chance < 0.95:
        h, s = rng.uniform(0.18, 0.38), rng.uniform(0.08, 0.4)
    else:
        h, s = rng.random(), rng.uniform(0.2, 0.6)
    return np.array(colorsys.hsv_to_rgb(h, s, rng.uniform(0.2, 0.92)), np.float32) * 255


def similar_colour(base: F32, rng: np.random.Generator, spread: float = 0.15) -> F32:
    """(3,) a random colour near `base`: lighter or darker by about `spread`, slightly warmer or colder."""
    warm = rng.normal(0, spread / 5)
    scale = np.exp(rng.normal(0, spread)) * np.array([1 + warm, 1, 1 - warm])
    return np.clip(base * scale, 8, 247).astype(np.float32)


def spectral_noise(rng: np.random.Generator, slope: float, along: float = 1.0) -> F32:
    """(SIZE, SIZE) noise of mean 0 and deviation 1 with amplitude f ** -slope; along > 1 stretches it in x."""
    f = np.hypot(_FX * np.float32(along), _FY)
    f[0, 0] = np.inf
    seen = fft.rfft2(rng.standard_normal((SIZE, SIZE), np.float32)) * f ** np.float32(-slope)
    values: F32 = fft.irfft2(seen, (SIZE, SIZE))
    return values / np.float32(max(float(values.std()), 1e-9))


def random_texture(rng: np.random.Generator) -> Bytes:
    """(SIZE, SIZE, 3) sRGB that repeats without a seam: a random one of `TEXTURES`."""
    generate = TEXTURES[int(rng.integers(len(TEXTURES)))]
    return _bytes(generate(rng))


def random_scene(rng: np.random.Generator) -> Bytes:
    """(SIZE, SIZE, 3) sRGB, upright: a wall and a floor, a wall alone, or a room out of focus."""
    chance = rng.random()
    if chance < 0.4:
        out = _room(rng)
    elif chance < 0.65:
        out = TEXTURES[int(rng.integers(len(TEXTURES)))](rng)
    else:
        out = _blurred(rng)
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    way = ((_X / SIZE - 0.5) * np.cos(angle) + (_Y / SIZE - 0.5) * np.sin(angle))[..., None]
    return _bytes(out * (1 + fall * way))


def _bytes(values: NDArray[np.floating]) -> Bytes:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _plaster(rng: np.random.Generator) -> F32:
    base = random_colour(rng)
    shade = (
        1
        + rng.uniform(0.02, 0.07) * spectral_noise(rng, rng.uniform(1.0, 1.6))
        + 0.015 * spectral_noise(rng, 0.2)
    )
    return (base * shade[..., None]).astype(np.float32)


def _earth(rng: np.random.Generator) -> F32:
    """Two similar colours in patches, with grain: soil, gravel, stone, lawn, carpet."""
    base = random_colour(rng)
    other = similar_colour(base, rng, 0.3)
    blend = 1 / (1 + np.exp(-rng.uniform(0.8, 3) * spectral_noise(rng, rng.uniform(0.8, 1.4))))[..., None]
    grain = 1 + rng.uniform(0.03, 0.14) * spectral_noise(rng, rng.uniform(0.3, 0.8))[..., None]
    return ((base + (other - base) * blend) * grain).astype(np.float32)


def _laid(cells: NDArray[np.int64], gap: F32, base: F32, joint: F32, rng: np.random.Generator) -> F32:
    """Pieces of similar colours with joints; cells: (SIZE, SIZE) index of the piece, gap: 1 in the joints, else 0."""
    spread = rng.uniform(0.03, 0.13)
    colours = np.stack([similar_colour(base, rng, spread) for _ in range(int(cells.max()) + 1)])
    worn = 1 + rng.uniform(0.02, 0.08) * spectral_noise(rng, 0.8)[..., None]
    return ((colours[cells] * (1 - gap[..., None]) + joint * gap[..., None]) * worn).astype(np.float32)


def _edge(away: NDArray[np.floating], width: float) -> F32:
    """1 within `width` pixels of a joint, with an edge one pixel wide; away: distance to the joint."""
    return np.clip(width + 0.5 - away, 0, 1).astype(np.float32)


def _grid(rows: int, columns: int, shift: NDArray[np.floating]) -> tuple[NDArray[np.int64], F32, F32]:
    """Index of each pixel's piece, and pixels to the nearest horizontal and vertical joint, for rows shifted sideways."""
    y = _Y * rows / SIZE
    row = y.astype(np.int64)
    x = (_X * columns / SIZE + shift[row]) % columns
    column = x.astype(np.int64)
    up, side = np.minimum(y % 1, 1 - y % 1) * SIZE / rows, np.minimum(x % 1, 1 - x % 1) * SIZE / columns
    return row * columns + column, up.astype(np.float32), side.astype(np.float32)


def _bricks(rng: np.random.Generator) -> F32:
    rows = 2 * int(rng.integers(3, 8))
    cells, up, side = _grid(rows, max(rows // 2 - int(rng.integers(0, 2)), 2), 0.5 * (np.arange(rows) % 2))
    base = random_colour(rng)
    joint = similar_colour(base * 0.5 + 80, rng, 0.2)
    return _laid(cells, _edge(np.minimum(up, side), rng.uniform(0.7, 1.8)), base, joint, rng)


def _planks(rng: np.random.Generator) -> F32:
    rows = int(rng.integers(3, 10))
    cells, up, side = _grid(rows, int(rng.integers(1, 3)), rng.random(rows))
    h, s, v = rng.uniform(0.05, 0.11), rng.uniform(0.15, 0.6), rng.uniform(0.25, 0.8)
    base = np.array(colorsys.hsv_to_rgb(h, s, v), np.float32) * 255
    out = _laid(cells, _edge(np.minimum(up, side), rng.uniform(0.3, 1.0)), base, base * 0.4, rng)
    grain = 1 + rng.uniform(0.03, 0.1) * spectral_noise(rng, 0.9, 12.0)[..., None]
    out = (out * grain).astype(np.float32)
    return out if rng.random() < 0.5 else np.ascontiguousarray(out.transpose(1, 0, 2))


def _tiles(rng: np.random.Generator) -> F32:
    n = 2 * int(rng.integers(1, 5))
    cells, up, side = _grid(n, n, np.zeros(n))
    base = random_colour(rng)
    out = _laid(
        cells,
        _edge(np.minimum(up, side), rng.uniform(0.5, 1.5)),
        base,
        similar_colour(base * 0.7 + 30, rng),
        rng,
    )
    if rng.random() < 0.25:  # as a chessboard, softly
        odd = ((cells // n + cells % n) % 2)[..., None]
        out *= (1 - rng.uniform(0.15, 0.5) * odd).astype(np.float32)
    return out


def _room(rng: np.random.Generator) -> F32:
    """A wall above a floor in perspective, sometimes with a skirting board."""
    wall = (_plaster, _plaster, _bricks, _planks, _tiles)[int(rng.integers(5))](rng)
    floor = (_earth, _planks, _tiles, _plaster)[int(rng.integers(4))](rng)
    low = int(rng.uniform(0.5, 0.8) * SIZE)
    down = np.arange(1, SIZE - low + 1, dtype=np.float32)[:, None]
    deep = rng.uniform(40, 90)
    z = deep * SIZE / (down + np.float32(deep))  # rows of the floor are proportional to 1 / depth
    u = (_X[:1] - SIZE / 2) * z / deep * 0.8 + rng.uniform(0, SIZE)
    v = np.broadcast_to(2.5 * z, u.shape)
    floor = floor[v.astype(np.int64) % SIZE, np.floor(u).astype(np.int64) % SIZE]
    out = wall.copy()
    out[low:] = floor * (0.75 + 0.25 * np.clip(down / 40, 0, 1))[..., None]
    if rng.random() < 0.5:
        board = int(rng.integers(3, 12))
        out[low - board : low] = similar_colour(np.full(3, rng.uniform(60, 230), np.float32), rng, 0.05)
    return out.astype(np.float32)


def _blurred(rng: np.random.Generator) -> F32:
    """Objects out of focus: boxes and ellipses of similar colours over a gradient, generated at a quarter of the size."""
    n = SIZE // 4
    px, py = _X[:n, :n], _Y[:n, :n]
    base = random_colour(rng)
    other = similar_colour(base, rng, 0.35)
    out = base + (other - base) * (py / n)[..., None]
    for _ in range(int(rng.integers(5, 16))):
        tint = similar_colour(base, rng, 0.4) if rng.random() < 0.6 else random_colour(rng)
        (cx, cy), (a, b) = rng.uniform(0, n, 2), rng.uniform(0.04, 0.25, 2) * n
        x, y = (px - cx) / a, (py - cy) / b
        inside = np.maximum(abs(x), abs(y)) < 1 if rng.random() < 0.6 else x * x + y * y < 1
        out[inside] = tint
    sigma = rng.uniform(1.2, 4)
    small = ndimage.gaussian_filter(out, (sigma, sigma, 0), mode="reflect")
    large = Pil.fromarray(_bytes(small)).resize((SIZE, SIZE), Pil.Resampling.BICUBIC)
    return np.asarray(large).astype(np.float32)


TEXTURES = (_plaster, _earth, _earth, _bricks, _planks, _tiles)
