"""Clicks and a box as maps beside an image: the prompts of an interactive segmentation.

    channel 0, 2    clicks on the object, on the background: exp(-d^2 / 2 NARROW^2) of the distance d to the nearest one
    channel 1, 3    the same clicks: 1 / (1 + d / WIDE), positive everywhere, so that the whole image knows of them
    channel 4       1 inside the box, -1 outside; 0 without a box

Distances are in units of the image's longer side. Channels without a prompt are zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.types import F32

CHANNELS = 5
NARROW, WIDE = 0.025, 0.1
BOX_MARGIN, CLICK_RADIUS = 0.03, 0.008
"""How far an object may reach beyond a box, in units of the box, and the radius of a click, in units of the longer side."""
Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prompts:
    """Pixel positions (x, y) in the frame of an image: clicks on the object, clicks on the background, and a box (x0, y0, x1, y1)
    around the object, or None."""

    clicks: tuple[Point, ...] = ()
    background: tuple[Point, ...] = ()
    box: Box | None = None

    def __bool__(self) -> bool:
        return bool(self.clicks or self.background or self.box)

    def moved(self, x: float, y: float, scale: float) -> Prompts:
        """The prompts in another frame, in which a point p lies at (p - (x, y)) * scale."""

        def points(given: Sequence[Point]) -> tuple[Point, ...]:
            return tuple(((u - x) * scale, (v - y) * scale) for u, v in given)

        box = None
        if self.box is not None:
            (a, b), (c, d) = points([self.box[:2], self.box[2:]])
            box = (a, b, c, d)
        return Prompts(points(self.clicks), points(self.background), box)


def prompt_maps(height: int, width: int, prompts: Prompts) -> F32:
    """(CHANNELS, height, width) float32: the maps of the prompts."""
    maps = np.zeros((CHANNELS, height, width), np.float32)
    x = (np.arange(width, dtype=np.float32) + np.float32(0.5))[None]
    y = (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
    side = np.float32(max(height, width))
    for first, points in ((0, prompts.clicks), (2, prompts.background)):
        if points:
            squares = [((x - np.float32(u)) ** 2 + (y - np.float32(v)) ** 2) / side**2 for u, v in points]
            square = squares[0] if len(squares) == 1 else np.minimum.reduce(squares)
            maps[first] = np.exp(square * np.float32(-0.5 / NARROW**2))
            maps[first + 1] = 1 / (1 + np.sqrt(square) * np.float32(1 / WIDE))
    if prompts.box is not None:
        x0, y0, x1, y1 = prompts.box
        inside = ((x >= x0) & (x <= x1)) & ((y >= y0) & (y <= y1))
        maps[4] = np.where(inside, np.float32(1), np.float32(-1))
    return maps


def click_radius(height: int, width: int) -> float:
    """Pixels around a click, in an image of this size, that are certain to belong to what it shows."""
    return max(1.0, CLICK_RADIUS * max(height, width))


def apply_prompts(probability: F32, prompts: Prompts, certain: float = 1.0) -> F32:
    """(H, W) float32: the probability of an object that agrees with the prompts: 0 outside the box, widened by BOX_MARGIN of its
    size, and at clicks on the background, `certain` at clicks on the object."""
    out = probability.copy()
    height, width = out.shape
    x, y = np.arange(width)[None] + 0.5, np.arange(height)[:, None] + 0.5
    if prompts.box is not None:
        x0, y0, x1, y1 = prompts.box
        u, v = BOX_MARGIN * (x1 - x0), BOX_MARGIN * (y1 - y0)
        out[(x < x0 - u) | (x > x1 + u) | (y < y0 - v) | (y > y1 + v)] = 0
    radius = click_radius(height, width)
    for points, value in ((prompts.background, 0.0), (prompts.clicks, certain)):
        for a, b in points:
            out[(x - a) ** 2 + (y - b) ** 2 <= radius**2] = value
    return out
