"""Clicks and a box as users give them, checked: which object of a photo is meant."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from lift3d.errors import InputError
from lift3d.geometry.image.prompt_maps import Box, Point, Prompts, click_radius
from lift3d.types import Image

Points = str | Sequence[Any] | None
"""One position "X,Y" or (x, y), or several of them."""
MAX_CLICKS = 50
PIXELS = "positions are pixels of the upright photo, counted from its upper left corner"


def parse_prompts(
    at: Points = None, not_at: Points = None, box: str | Sequence[float] | None = None
) -> Prompts:
    """The prompts. at, not_at: positions on the object and beside it; box: "X0,Y0,X1,Y1" or four numbers. InputError for what is
    none."""
    return Prompts(_points(at, "--at"), _points(not_at, "--not-at"), None if box is None else _box(box))


def prompts_on(image: Image, prompts: Prompts) -> Prompts:
    """The prompts in pixels of an image that may have been reduced. InputError for one outside it."""
    width, height = image.original_size or (image.width, image.height)
    name = image.name or "the photo"
    for option, points in (("--at", prompts.clicks), ("--not-at", prompts.background)):
        for x, y in points:
            if not (0 <= x < width and 0 <= y < height):
                raise InputError(
                    f"{option} {x:g},{y:g} lies outside {name}, which has {width} x {height} pixels", PIXELS
                )
    radius = 2 * click_radius(height, width)
    for x, y in prompts.clicks:
        if any(math.hypot(x - u, y - v) < radius for u, v in prompts.background):
            raise InputError(
                f"--at {x:g},{y:g} and --not-at lie at one place of {name}", "leave out one of the two"
            )
    box = prompts.box
    if box is not None:
        if not (box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0):
            shown = ",".join(f"{v:g}" for v in box)
            raise InputError(
                f"the box {shown} lies outside {name}, which has {width} x {height} pixels", PIXELS
            )
        box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height)))
    scale = image.width / width
    return Prompts(prompts.clicks, prompts.background, box).moved(0, 0, scale)


def _points(given: Points, option: str) -> tuple[Point, ...]:
    """The positions of an option."""
    if given is None:
        return ()
    one = isinstance(given, str) or (len(given) == 2 and not any(_is_group(v) for v in given))
    listed = [given] if one else list(given)
    if len(listed) > MAX_CLICKS:
        raise InputError(f"{option} was given {len(listed)} times", f"give at most {MAX_CLICKS} positions")
    points = []
    for item in listed:
        x, y = _numbers(item, 2, option, "X,Y, for example 512,300")
        points.append((x, y))
    return tuple(points)


def _box(given: str | Sequence[float]) -> Box:
    example = "X0,Y0,X1,Y1, its upper left and its lower right corner, for example 120,80,640,500"
    x0, y0, x1, y1 = _numbers(given, 4, "--box", example)
    if x1 - x0 < 1 or y1 - y0 < 1:
        raise InputError(f"the box {x0:g},{y0:g},{x1:g},{y1:g} is empty", f"give it as {example}")
    return x0, y0, x1, y1


def _is_group(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "__len__")


def _numbers(given: Any, count: int, option: str, example: str) -> tuple[float, ...]:
    """Finite numbers out of a text or a sequence."""
    parts = re.split(r"[,;x\s]+", given.strip()[:200]) if isinstance(given, str) else given
    try:
        values = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        values = ()
    if len(values) != count or not all(math.isfinite(v) and abs(v) < 1e7 for v in values):
        raise InputError(f"{option} is '{str(given)[:60]}' and not {count} numbers", f"give {example}")
    return values
