"""Corridors, and walls inside a room: with a doorway through which the space beyond is seen, or of half height between desks."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.scenes.assets import Assets, tint
from lift3d.corpus.scenes.layout import Layout

CORRIDOR_WIDTH, CORRIDOR_LENGTH = (1.3, 2.7), (5.0, 17.0)
LARGE = (4.5, 11.0)
"""Range of the sides in metres of rooms that may be divided."""
MIN_ROOM = 1.6
"""Least distance in metres between two walls with doorways, and from those to the ends of the room."""
DOORWAY, OPEN_HEIGHT, THICKNESS = (0.75, 2.2), (1.95, 2.4), (0.08, 0.25)
"""Width and height of a doorway, and thickness of its wall, in metres."""
DIVIDER_HEIGHT, DIVIDER_LENGTH, DIVIDER_THICKNESS = (1.0, 1.9), (0.8, 3.0), (0.03, 0.1)


def corridor_size(rng: np.random.Generator) -> tuple[float, float]:
    """(x, y) extent in metres of a corridor, along x or y."""
    sides = float(rng.uniform(*CORRIDOR_WIDTH)), float(np.exp(rng.uniform(*np.log(CORRIDOR_LENGTH))))
    return sides if rng.random() < 0.5 else sides[::-1]


def divide(room: Layout, assets: Assets, rng: np.random.Generator, most: int = 2) -> int:
    """Build up to `most` walls with a doorway each across the longer side of a room; returns how many."""
    w, d, h = room.extent
    axis = int(d > w)
    long, wide = (w, d) if axis == 0 else (d, w)
    places: list[float] = []
    for _ in range(int(rng.integers(1, most + 1))):
        at = float(rng.uniform(0.2, 0.8)) * long
        if all(abs(at - p) >= MIN_ROOM for p in (0.0, long, *places)):
            places.append(at)
    texture = assets.texture(rng, real=0.3) if rng.random() < 0.4 else None
    for at in places:
        thick = float(rng.uniform(*THICKNESS))
        gap = min(float(rng.uniform(*DOORWAY)), 0.7 * wide)
        high = h if rng.random() < 0.25 else min(float(rng.uniform(*OPEN_HEIGHT)), h)
        start = float(rng.uniform(0, wide - gap))
        colour, frame = tint(rng, rng.uniform(0.2, 1)), tint(rng, rng.uniform(0, 1))
        repeat = float(rng.uniform(0.8, 3))
        for low, top, bottom in ((0.0, start, 0.0), (start + gap, wide, 0.0), (start, start + gap, high)):
            if top - low < 0.02 or h - bottom < 0.02:
                continue
            centre, size = [at, at, (bottom + h) / 2], [thick, thick, h - bottom]
            centre[1 - axis], size[1 - axis] = (low + top) / 2, top - low
            room.builder.box(centre, size, 0.0, texture, colour, repeat)
            if bottom == 0:
                room.taken.append((centre[0], centre[1], size[0] / 2, size[1] / 2))
        # nothing stands in the doorway
        centre, size = [at, at], [thick + 0.5, thick + 0.5]
        centre[1 - axis], size[1 - axis] = start + gap / 2, max(gap - 0.02, 0.1)
        room.taken.append((centre[0], centre[1], size[0] / 2, size[1] / 2))
        if rng.random() < 0.6:
            _frame(room, axis, (at, start, gap, high), thick, frame, rng)
        room.targets.append(np.array([*centre, rng.uniform(0.5, 1.5)]))
    return len(places)


def _frame(
    room: Layout, axis: int, opening: tuple[float, float, float, float], thick: float, colour: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Posts and a beam around an opening: (place of its wall, start, width, height)."""
    at, start, gap, high = opening
    post, deep = float(rng.uniform(0.03, 0.1)), thick + float(rng.uniform(0.01, 0.05))
    for middle, across, bottom, top in (
        (start, post, 0.0, high), (start + gap, post, 0.0, high), (start + gap / 2, gap, high - post, high),
    ):  # fmt: skip
        centre, size = [at, at, (bottom + top) / 2], [deep, deep, top - bottom]
        centre[1 - axis], size[1 - axis] = middle, across
        room.builder.box(centre, size, 0.0, None, colour)


def put_dividers(room: Layout, assets: Assets, rng: np.random.Generator, count: int) -> None:
    """Up to `count` walls of half height, parallel to the sides of the room, where there is space."""
    w, d, h = room.extent
    texture = assets.texture(rng) if rng.random() < 0.6 else None
    colour, high = tint(rng, 0.6), min(float(rng.uniform(*DIVIDER_HEIGHT)), h - 0.2)
    for _ in range(count):
        long, thick = (
            min(float(rng.uniform(*DIVIDER_LENGTH)), 0.6 * max(w, d)),
            float(rng.uniform(*DIVIDER_THICKNESS)),
        )
        a, b = (long / 2, thick / 2) if rng.random() < 0.5 else (thick / 2, long / 2)
        if 2 * a > w or 2 * b > d:
            continue
        x, y = float(rng.uniform(a, w - a)), float(rng.uniform(b, d - b))
        if room.free(x, y, a, b, 0.3):
            room.builder.box(
                (x, y, high / 2), (2 * a, 2 * b, high), 0.0, texture, colour, float(rng.uniform(0.4, 2))
            )
            room.taken.append((x, y, a, b))


def put_ceiling_lamps(room: Layout, rng: np.random.Generator) -> None:
    """Bright panels in rows below the ceiling."""
    w, d, h = room.extent
    a, b = (0.6, 1.2) if rng.random() < 0.5 else (1.2, 0.6)
    if rng.random() < 0.4:
        a = b = float(rng.uniform(0.15, 0.6))
    columns, rows = max(int(w / rng.uniform(1.2, 3.5)), 1), max(int(d / rng.uniform(1.2, 3.5)), 1)
    light = np.full(3, rng.uniform(1.5, 4.0), np.float32)
    for x in (np.arange(columns) + 0.5) / columns * w:
        for y in (np.arange(rows) + 0.5) / rows * d:
            if a < w and b < d:
                corner = (x - a / 2, y + b / 2, h - 0.004)
                room.builder.quad(corner, (a, 0, 0), (0, -b, 0), None, light)
