"""Small objects on tables, shelves and floors: shapes of the corpus, and books, boxes, papers, mugs made of primitives."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.scenes.assets import Assets, Item, pose, tint
from lift3d.geometry.render.assembly import SceneBuilder

SMALL = (
    "tableware", "food", "container", "vase", "plaything", "electronic_equipment", "plant", "lamp", "tool", "clothing", "helmet",
    "display",
)  # fmt: skip
MOST_TRIES = 30


def scatter(
    builder: SceneBuilder, assets: Assets, rng: np.random.Generator, support: Item, at: tuple[float, float, float],
    yaw: float, count: int, ceiling: float = np.inf,
) -> None:  # fmt: skip
    """Put up to `count` small objects on top of an item that stands at `at` (its x, y and the height of its ground), rotated by
    yaw; none overlaps another or reaches the ceiling, and each stands on the surface below its centre."""
    taken: list[tuple[float, float, float]] = []
    c, s = np.cos(yaw), np.sin(yaw)
    for _ in range(MOST_TRIES):
        if len(taken) >= count:
            return
        x, y = rng.uniform(-0.92, 0.92) * support.half[0], rng.uniform(-0.92, 0.92) * support.half[1]
        z = support.support(x, y)
        if z < 0.55 * support.height:
            continue
        world = (at[0] + c * x - s * y, at[1] + s * x + c * y)
        room = min(support.half[0] - abs(x), support.half[1] - abs(y)) + 0.04
        radius = put(builder, assets, rng, (*world, at[2] + z), taken, room, ceiling - at[2] - z)
        if radius > 0:
            taken.append((*world, radius))


def put(
    builder: SceneBuilder, assets: Assets, rng: np.random.Generator, at: tuple[float, float, float],
    taken: list[tuple[float, float, float]], room: float, tall: float = 0.9,
) -> float:  # fmt: skip
    """One small object at a point; returns the radius of its ground plan, 0 where it would overlap one of `taken` (x, y, radius)
    or be wider than `room`, or higher than `tall`."""
    free = min([np.hypot(at[0] - x, at[1] - y) - r for x, y, r in taken], default=np.inf)
    limit = min(float(free), max(room, 0.03), 0.45)
    if limit < 0.02:
        return 0.0
    yaw = rng.uniform(0, 2 * np.pi)
    item = assets.item(rng, *SMALL) if rng.random() < 0.6 else None
    if item is not None:
        radius = float(np.hypot(*item.half))
        if radius > limit or item.height > min(tall, 0.9):
            return 0.0
        builder.place(item.drawable, pose(*at, yaw, item.length), tint(rng, 0.9) * 1.1)
        return radius
    if tall < 0.6:
        return 0.0
    return primitive(builder, assets, rng, at, yaw, limit)


def primitive(
    builder: SceneBuilder, assets: Assets, rng: np.random.Generator, at: tuple[float, float, float], yaw: float, limit: float
) -> float:  # fmt: skip
    """A book, stack, box, paper, mug or bottle of primitives; returns its radius, at most `limit`."""
    x, y, z = at
    kind = int(rng.integers(6))
    texture = assets.texture(rng) if rng.random() < 0.5 else None
    colour = tint(rng, 0.3) if texture is None else tint(rng, 0.8)
    if kind == 0:  # paper
        side = min(limit * 0.8, rng.uniform(0.08, 0.2))
        builder.box((x, y, z + 0.001), (1.4 * side, side, 0.002), yaw, None, tint(rng, 0.95))
        return side
    if kind == 1:  # a stack of books
        side, top = min(limit * 0.7, rng.uniform(0.08, 0.16)), z
        for _ in range(int(rng.integers(1, 6))):
            high = rng.uniform(0.012, 0.05)
            builder.box(
                (x, y, top + high / 2),
                (1.4 * side, side, high),
                yaw + rng.normal(0, 0.15),
                None,
                tint(rng, 0.2),
            )
            top += high
        return side
    if kind == 2:  # a box
        size = np.minimum(rng.uniform(0.04, 0.3, 3), (limit, limit, 0.6))
        builder.box((x, y, z + size[2] / 2), size, yaw, texture, colour)
        return float(np.hypot(size[0], size[1]) / 2)
    if kind == 3:  # a mug or can
        radius = min(limit, rng.uniform(0.025, 0.06))
        builder.cylinder(
            (x, y, z), radius * rng.uniform(0.7, 1), radius, rng.uniform(0.06, 0.18), texture, colour
        )
        return radius
    if kind == 4:  # a bottle
        radius = min(limit, rng.uniform(0.02, 0.05))
        high = rng.uniform(0.12, 0.3)
        builder.cylinder((x, y, z), radius, radius, high * 0.65, texture, colour)
        builder.cylinder((x, y, z + high * 0.65), radius, radius * 0.35, high * 0.15, None, colour)
        builder.cylinder((x, y, z + high * 0.8), radius * 0.35, radius * 0.35, high * 0.2, None, colour)
        return radius
    wide = min(limit, rng.uniform(0.1, 0.25))  # a screen on its foot, a keyboard before it
    builder.box((x, y, z + 0.01), (wide * 0.5, wide * 0.4, 0.02), yaw, None, colour)
    builder.box((x, y, z + wide * 0.8), (wide * 1.8, 0.04, wide * 1.1), yaw, None, tint(rng) * 0.3)
    c, s = np.cos(yaw), np.sin(yaw)
    builder.box(
        (x - s * -wide * 0.8, y + c * -wide * 0.8, z + 0.012),
        (wide * 1.6, wide * 0.5, 0.024),
        yaw,
        None,
        colour,
    )
    return wide


def shelf(
    builder: SceneBuilder, assets: Assets, rng: np.random.Generator, corner: tuple[float, float, float],
    along: tuple[float, float], size: tuple[float, float, float],
) -> None:  # fmt: skip
    """Open shelves filled with books and small objects. corner: of the back at the floor, on the left as one faces the shelf;
    along (2,): unit direction to the right; size: width, depth and height."""
    wide, deep, high = size
    ax = np.array([*along, 0.0])
    out = np.array([along[1], -along[0], 0.0])
    yaw = float(np.arctan2(along[1], along[0]))
    origin = np.asarray(corner, np.float64)
    texture, colour = assets.texture(rng), tint(rng, 0.4)

    def block(
        x0: float, x1: float, y0: float, y1: float, z0: float, z1: float, tex: bool, paint: object = None
    ) -> None:
        centre = origin + ax * (x0 + x1) / 2 + out * (y0 + y1) / 2 + np.array([0, 0, (z0 + z1) / 2])
        builder.box(centre, (x1 - x0, y1 - y0, z1 - z0), yaw, texture if tex else None,
                    colour if paint is None else np.asarray(paint, np.float32))  # fmt: skip

    thick, boards = rng.uniform(0.015, 0.04), int(rng.integers(2, 7))
    block(0, wide, 0, thick, 0, high, True)
    block(0, thick, 0, deep, 0, high, True)
    block(wide - thick, wide, 0, deep, 0, high, True)
    gap = high / boards
    for k in range(boards + 1):
        z = min(k * gap, high - thick)
        block(0, wide, 0, deep, z, z + thick, True)
        if k == boards:
            continue
        x = thick + 0.01
        while x < wide - 0.06:
            if rng.random() < 0.15:
                x += rng.uniform(0.03, 0.3)
                continue
            w = min(rng.uniform(0.015, 0.07), wide - thick - x)
            tall = min(rng.uniform(0.5, 0.9) * gap, 0.33)
            back = rng.uniform(0.55, 0.95) * deep
            block(x, x + w, thick, back, z + thick, z + thick + tall, False, tint(rng, 0.1))
            x += w + rng.uniform(0, 0.004)
