"""Procedural places outdoors: a ground with a street, and buildings, trees, vehicles, fences and rocks that stand on it."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.pictures.backgrounds import GROUND
from lift3d.corpus.scenes.assets import Assets, pose, tint
from lift3d.corpus.scenes.clutter import put
from lift3d.corpus.scenes.layout import Layout
from lift3d.geometry.render.assembly import SceneBuilder

LARGE = ("building", "tower", "hangar", "storage_tank", "bridge", "tree", "tree")
STREET = (
    "car", "truck", "bus", "fence", "rock", "plant", "wagon", "tent", "statue", "street_sign", "person", "animal", "bicycle",
    "motorcycle", "bench", "heap", "container", "tree", "lamp",
)  # fmt: skip
SIDE = 160.0


def can_be_outdoors(assets: Assets) -> bool:
    """Whether the corpora have enough of what stands outdoors."""
    return assets.has("building", "tower") and assets.has("tree", "rock", "car")


def make_outdoors(assets: Assets, rng: np.random.Generator) -> Layout:
    """A random place around the middle of a square of SIDE metres."""
    place = Layout(SceneBuilder(), (SIDE, SIDE, 60.0), outdoors=True)
    b, middle = place.builder, SIDE / 2
    b.quad(
        (0, 0, 0),
        (SIDE, 0, 0),
        (0, SIDE, 0),
        assets.texture(rng, GROUND, real=0.8),
        tint(rng, 0.8),
        rng.uniform(2, 6),
    )
    if rng.random() < 0.6:
        half, yaw = rng.uniform(1.5, 5), rng.uniform(0, np.pi)
        along, across = np.array([np.cos(yaw), np.sin(yaw), 0]), np.array([-np.sin(yaw), np.cos(yaw), 0])
        corner = np.array([middle, middle, 0.02]) - along * SIDE / 2 - across * half
        b.quad(
            corner, along * SIDE, across * 2 * half, assets.texture(rng), tint(rng, 0.5), rng.uniform(2, 5)
        )
    for _ in range(int(rng.integers(3, 14))):
        _stand(place, assets, rng, LARGE, 8, 60)
    for _ in range(int(rng.integers(4, 24))):
        _stand(place, assets, rng, STREET, 1.5, 25)
    for _ in range(int(rng.integers(0, 8))):
        x, y = middle + rng.normal(0, 3, 2)
        put(b, assets, rng, (float(x), float(y), 0.0), [], 0.4)
    return place


def _stand(
    place: Layout,
    assets: Assets,
    rng: np.random.Generator,
    categories: tuple[str, ...],
    near: float,
    far: float,
) -> None:
    """An item between two distances from the middle, where there is space."""
    item = assets.item(rng, *categories)
    if item is None or item.length > 80:
        return
    yaw, angle = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    radius = float(np.hypot(*item.half))
    away = float(np.exp(rng.uniform(np.log(near), np.log(far)))) + radius
    x, y = SIDE / 2 + away * np.cos(angle), SIDE / 2 + away * np.sin(angle)
    if not (0 < x < SIDE and 0 < y < SIDE) or not place.free(x, y, 0.8 * radius, 0.8 * radius):
        return
    place.taken.append((x, y, 0.8 * radius, 0.8 * radius))
    place.builder.place(item.drawable, pose(x, y, 0, yaw, item.length), tint(rng, 0.9) * 1.1)
    if away < 30:
        place.targets.append(np.array([x, y, min(item.height, 4.0) * rng.uniform(0.3, 0.9)]))
