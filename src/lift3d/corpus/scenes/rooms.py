"""Procedural rooms: walls, floor, ceiling, windows, doors, pictures, carpets, and furniture that stands on the floor without
overlap, cupboards and beds against the walls, tables with chairs, objects on top. Some are corridors, or divided by walls with
doorways."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.scenes.assets import Assets, Item, pose, tint
from lift3d.corpus.scenes.clutter import put, scatter, shelf
from lift3d.corpus.scenes.layout import Layout
from lift3d.corpus.scenes.partitions import LARGE, corridor_size, divide, put_ceiling_lamps, put_dividers
from lift3d.geometry.render.assembly import SceneBuilder
from lift3d.types import F64

AT_WALL = (
    "cabinet",
    "bed",
    "sofa",
    "home_appliance",
    "table",
    "plumbing_fixture",
    "display",
    "plant",
    "chair",
    "musical_instrument",
)
FREE = (
    "table",
    "chair",
    "sofa",
    "bench",
    "plant",
    "container",
    "plaything",
    "lamp",
    "person",
    "animal",
    "statue",
    "bed",
)
SIDES = {"small": (1.8, 3.2), "usual": (2.8, 7.5), "large": LARGE}
"""Ranges of the sides of a room in metres."""
DIVIDED = {"small": 0.0, "usual": 0.3, "large": 0.6, "corridor": 0.3}
"""Probability that a room has walls with doorways in it."""
MOST_STANDING = 12
ON_TOP = ("table", "cabinet", "bench", "home_appliance")


def make_room(assets: Assets, rng: np.random.Generator) -> Layout:
    """A random room in [0, W] x [0, D] x [0, H]."""
    kind = rng.choice(["small", "usual", "large", "corridor"], p=[0.22, 0.38, 0.22, 0.18])
    w, d = corridor_size(rng) if kind == "corridor" else rng.uniform(*SIDES[kind], 2)
    room = Layout(SceneBuilder(), (float(w), float(d), float(rng.uniform(2.2, 3.1))))
    make_shell(room, assets, rng)
    _openings(room, assets, rng)
    if rng.random() < DIVIDED[kind]:
        divide(room, assets, rng)
    if rng.random() < 0.2:
        put_dividers(room, assets, rng, int(rng.integers(1, 6)))
    if rng.random() < 0.45:
        put_ceiling_lamps(room, rng)
    density = rng.uniform(0.3, 1.0)
    for _ in range(int(1 + density * (w + d) * 1.3)):
        _against_wall(room, assets, rng)
    if rng.random() < 0.6:
        _dining(room, assets, rng)
    for _ in range(int(min(density * w * d * 0.25, MOST_STANDING)) + 1):
        _standing(room, assets, rng)
    for _ in range(int(rng.integers(0, 10))):
        x, y = rng.uniform(0.15, w - 0.15), rng.uniform(0.15, d - 0.15)
        if room.free(x, y, 0.15, 0.15):
            radius = put(room.builder, assets, rng, (x, y, 0.0), [], 0.3)
            if radius > 0:
                room.taken.append((x, y, radius, radius))
    return room


def make_shell(room: Layout, assets: Assets, rng: np.random.Generator) -> None:
    """Floor, ceiling and four walls, with skirting boards and now and then a carpet."""
    (w, d, h), b = room.extent, room.builder
    floor, scale = assets.texture(rng), rng.uniform(0.6, 2.5)
    b.quad((0, 0, 0), (w, 0, 0), (0, d, 0), floor, tint(rng, 0.75), scale, tuple(rng.random(2)))
    b.quad((0, 0, h), (0, d, 0), (w, 0, 0), None, tint(rng, rng.uniform(0.5, 1)))
    same, wall, paint = rng.random() < 0.75, assets.texture(rng, real=0.3), tint(rng, rng.uniform(0.2, 1))
    board = rng.uniform(0.04, 0.12) if rng.random() < 0.6 else 0.0
    edge = tint(rng, 0.7)
    plain = rng.random() < 0.6
    for o, a in (((0, 0), (w, 0)), ((w, 0), (0, d)), ((w, d), (-w, 0)), ((0, d), (0, -d))):
        if not same:
            wall, paint, plain = (
                assets.texture(rng, real=0.3),
                tint(rng, rng.uniform(0.2, 1)),
                rng.random() < 0.6,
            )
        inward = np.array([-a[1], a[0], 0.0]) / max(abs(a[0]), abs(a[1]))
        b.quad((*o, 0), (*a, 0), (0, 0, h), None if plain else wall, paint, rng.uniform(0.8, 3))
        if board:
            at = np.array([*o, 0.0]) + np.array([*a, 0.0]) / 2 + inward * 0.008 + np.array([0, 0, board / 2])
            size = (abs(a[0]) + 0.016, 0.016, board) if a[0] else (0.016, abs(a[1]) + 0.016, board)
            b.box(at, size, 0.0, None, edge)
    if rng.random() < 0.35:
        carpet = rng.uniform(0.3, 0.8, 2) * (w, d)
        middle = rng.uniform(carpet / 2, np.array([w, d]) - carpet / 2)
        b.box((*middle, 0.006), (*carpet, 0.012), 0.0, assets.texture(rng), tint(rng, 0.6))


def _wall(room: Layout, rng: np.random.Generator) -> tuple[F64, F64, F64, float]:
    """A random wall: its corner, unit direction along it, unit normal into the room, and its length."""
    w, d, _ = room.extent
    o, a, length = (
        ((0, 0), (1, 0), w), ((w, 0), (0, 1), d), ((w, d), (-1, 0), w), ((0, d), (0, -1), d),
    )[int(rng.integers(4))]  # fmt: skip
    along = np.array([*a, 0.0])
    return np.array([*o, 0.0]), along, np.array([-along[1], along[0], 0.0]), float(length)


def _openings(room: Layout, assets: Assets, rng: np.random.Generator) -> None:
    """Windows, doors, pictures, blinds and curtains on the walls."""
    b, h = room.builder, room.extent[2]
    for _ in range(int(rng.integers(1, 9))):
        o, along, inward, length = _wall(room, rng)
        kind = rng.choice(["window", "door", "picture", "picture", "curtain", "board"])
        wide = {
            "window": rng.uniform(0.6, 2),
            "door": rng.uniform(0.7, 1.0),
            "curtain": rng.uniform(0.8, 2.5),
        }.get(kind, rng.uniform(0.2, 1.3))
        wide = min(wide, length * 0.8)
        x = rng.uniform(0, length - wide)
        low, high = {"window": (rng.uniform(0.5, 1.1), rng.uniform(1.8, h - 0.1)), "door": (0.0, 2.0),
                     "curtain": (rng.uniform(0, 0.4), h - rng.uniform(0.02, 0.3))}.get(
            kind, (rng.uniform(0.8, 1.4), rng.uniform(1.5, min(2.2, h - 0.1))))  # fmt: skip
        at = o + along * x + inward * 0.004 + np.array([0, 0, low])
        ea, eb = along * wide, np.array([0, 0, high - low])
        if kind == "curtain":
            _curtain(room, at + inward * 0.08, along, inward, wide, high - low, rng, assets)
            continue
        view = assets.view(rng) if kind != "door" else None
        bright = 2.5 if kind == "window" else 1.0
        from lift3d.geometry.render.assembly import Texture

        texture = Texture.of(view) if view is not None else assets.texture(rng)
        colour = tint(rng, 0.6 if kind == "door" else 0.95) * np.float32(bright)
        b.quad(at, ea, eb, None if kind == "door" and rng.random() < 0.5 else texture, colour)
        frame, thick, edge = rng.uniform(0.02, 0.08), rng.uniform(0.01, 0.06), tint(rng, rng.uniform(0, 1))
        for e, f, n in ((ea, eb, wide), (eb, ea, high - low)):
            side = f / np.linalg.norm(f) * frame
            for shift in (-side, f):
                if float((at + shift)[2]) < 0:  # a door has no frame below it
                    continue
                _beam(b, at + shift, e / n * n, side, inward * thick, edge)
            if kind == "window" and rng.random() < 0.7:
                _beam(b, at + f / 2, e, side * 0.6, inward * thick, edge)


def _beam(b: SceneBuilder, o: F64, e: F64, f: F64, n: F64, colour: object) -> None:
    """A bar with edges e, f, n from the corner o, without its back."""
    paint = np.asarray(colour, np.float32)
    b.quad(o + n, e, f, None, paint)
    for p, q, r in ((o, e, n), (o + f, n, e), (o, n, f), (o + e, f, n)):
        b.quad(p, q, r, None, paint)


def _curtain(
    room: Layout, at: F64, along: F64, inward: F64, wide: float, high: float, rng: np.random.Generator, assets: Assets
) -> None:  # fmt: skip
    """Cloth in folds."""
    folds = max(int(wide / rng.uniform(0.08, 0.2)), 2)
    colour, texture = tint(rng, 0.3), assets.texture(rng) if rng.random() < 0.4 else None
    deep = rng.uniform(0.02, 0.06)
    for k in range(2 * folds):
        a, b = (deep * (-1) ** (k + j) * inward + along * wide * (k + j) / (2 * folds) for j in (0, 1))
        room.builder.quad(at + a, b - a, (0, 0, high), texture, colour, 0.8)


def _add(
    room: Layout, assets: Assets, rng: np.random.Generator, item: Item, x: float, y: float, yaw: float
) -> None:
    """Place an item on the floor and objects on top of it."""
    colour = tint(rng, 0.85) * 1.15
    texture = assets.texture(rng) if rng.random() < 0.08 else None
    room.builder.place(item.drawable, pose(x, y, 0, yaw, item.length), colour, texture)
    room.targets.append(np.array([x, y, item.height * rng.uniform(0.3, 1)]))
    if item.category in ON_TOP and 0.25 < item.height < 1.5:
        room.tables.append((x, y, item.height, float(min(item.half))))
        if rng.random() < 0.8:
            scatter(
                room.builder, assets, rng, item, (x, y, 0.0), yaw, int(rng.integers(1, 13)), room.extent[2]
            )


def _against_wall(room: Layout, assets: Assets, rng: np.random.Generator) -> None:
    """An item with its back to a wall, or shelves of boards, where there is space."""
    o, along, inward, length = _wall(room, rng)
    if rng.random() < 0.2:
        wide, deep = rng.uniform(0.5, min(2.2, length)), rng.uniform(0.2, 0.4)
        x = rng.uniform(0, length - wide)
        centre = o + along * (x + wide / 2) + inward * deep / 2
        a, b = (wide / 2, deep / 2) if along[0] else (deep / 2, wide / 2)
        if room.free(centre[0], centre[1], a, b):
            # as one faces the wall its direction runs to the left
            corner = o + along * (x + wide)
            shelf(
                room.builder,
                assets,
                rng,
                (float(corner[0]), float(corner[1]), float(corner[2])),
                (-along[0], -along[1]),
                (wide, deep, rng.uniform(0.8, 2.1)),
            )
            room.taken.append((float(centre[0]), float(centre[1]), a, b))
            room.targets.append(centre + np.array([0, 0, 0.9]))
        return
    item = assets.item(rng, *AT_WALL)
    if item is None or 2 * item.half[0] > length or item.height > room.extent[2] or max(item.half) > 1.6:
        return
    turn = np.arctan2(along[1], along[0]) + (np.pi if rng.random() < 0.2 else 0.0)
    x = rng.uniform(item.half[0], length - item.half[0])
    centre = o + along * x + inward * (item.half[1] + rng.uniform(0.02, 0.1))
    a, b = item.half if along[0] else item.half[::-1]
    if room.free(centre[0], centre[1], a, b) and _inside(room, centre[0], centre[1], a, b):
        room.taken.append((float(centre[0]), float(centre[1]), a, b))
        _add(room, assets, rng, item, float(centre[0]), float(centre[1]), float(turn))


def _inside(room: Layout, x: float, y: float, a: float, b: float) -> bool:
    w, d, _ = room.extent
    return a <= x <= w - a and b <= y <= d - b


def _standing(room: Layout, assets: Assets, rng: np.random.Generator) -> None:
    """An item anywhere in the room, where there is space."""
    item = assets.item(rng, *FREE)
    if item is None or item.height > room.extent[2] or max(item.half) > 1.4:
        return
    w, d, _ = room.extent
    yaw = float(rng.uniform(0, 2 * np.pi)) if rng.random() < 0.5 else float(rng.integers(4)) * np.pi / 2
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    a, b = c * item.half[0] + s * item.half[1], s * item.half[0] + c * item.half[1]
    for _ in range(4):
        x, y = rng.uniform(0, w), rng.uniform(0, d)
        if _inside(room, x, y, a, b) and room.free(x, y, a, b):
            room.taken.append((x, y, a, b))
            _add(room, assets, rng, item, x, y, yaw)
            return


def _dining(room: Layout, assets: Assets, rng: np.random.Generator) -> None:
    """A table with chairs around it."""
    table = assets.item(rng, "table")
    if table is None or max(table.half) > 1.3:
        return
    w, d, _ = room.extent
    a, b = table.half
    for _ in range(5):
        x, y = rng.uniform(0, w), rng.uniform(0, d)
        if not (_inside(room, x, y, a, b) and room.free(x, y, a, b)):
            continue
        room.taken.append((x, y, a, b))
        _add(room, assets, rng, table, x, y, 0.0)
        chair = assets.item(rng, "chair")
        if chair is None:
            return
        for side, (dx, dy) in enumerate(((0, -1), (1, 0), (0, 1), (-1, 0))):
            half = max(chair.half)
            cx, cy = x + dx * (a + half * 1.05), y + dy * (b + half * 1.05)
            if rng.random() < 0.75 and _inside(room, cx, cy, half, half) and room.free(cx, cy, half, half, 0):
                yaw = side * np.pi / 2 + rng.normal(0, 0.25)
                room.builder.place(chair.drawable, pose(cx, cy, 0, yaw, chair.length), tint(rng, 0.9) * 1.1)
                room.taken.append((cx, cy, half, half))
        return
