"""Single objects: one to four shapes of any category, of a hand's size to that of a chair, on a board or a floor in a room."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.scenes.assets import Assets, pose, tint
from lift3d.corpus.scenes.clutter import put
from lift3d.corpus.scenes.layout import Layout
from lift3d.corpus.scenes.rooms import make_shell
from lift3d.geometry.render.assembly import SceneBuilder

SIZES = (0.12, 0.9)
"""Range in metres of the longest sides of the objects, whatever they are."""


def make_tabletop(assets: Assets, rng: np.random.Generator) -> Layout:
    """A random room with objects on a board in its middle, or on its floor."""
    w, d = rng.uniform(2.2, 6.0, 2)
    place = Layout(SceneBuilder(), (float(w), float(d), float(rng.uniform(2.2, 3.0))))
    make_shell(place, assets, rng)
    top, half = 0.0, min(w, d) / 2 - 0.3
    if rng.random() < 0.7:
        top, half = float(rng.uniform(0.4, 1.0)), float(rng.uniform(0.35, min(1.2, half)))
        thick = rng.uniform(0.01, 0.08)
        size = (2 * half * rng.uniform(0.7, 1), 2 * half, thick)
        texture = assets.texture(rng) if rng.random() < 0.6 else None
        place.builder.box((w / 2, d / 2, top - thick / 2), size, 0.0, texture, tint(rng, 0.5))
    taken: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(1, 5))):
        length = float(np.exp(rng.uniform(*np.log(SIZES))))
        item = assets.item(rng, *assets.rows)
        if item is None:
            continue
        ratio = length / item.length
        radius, high = float(np.hypot(*item.half)) * ratio, item.height * ratio
        for _ in range(6):
            x, y = np.array([w, d]) / 2 + rng.normal(0, 0.45, 2) * half
            inside = max(abs(x - w / 2), abs(y - d / 2)) < 0.6 * half
            if inside and all(np.hypot(x - p, y - q) > radius + r for p, q, r in taken):
                yaw = float(rng.uniform(0, 2 * np.pi))
                place.builder.place(item.drawable, pose(x, y, top, yaw, length), tint(rng, 0.9) * 1.1)
                place.objects.append((np.array([x, y, top + high / 2]), length))
                taken.append((x, y, radius))
                break
    for _ in range(int(rng.integers(0, 4))):
        x, y = np.array([w, d]) / 2 + rng.uniform(-0.7, 0.7, 2) * half
        put(place.builder, assets, rng, (float(x), float(y), top), taken, 0.2)
    return place
