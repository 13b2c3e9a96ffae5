"""What scenes are furnished with: drawables of a corpus at their size in metres, by category, and textures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.backgrounds import GROUND, SCENE, SKY, WALL, Backgrounds
from lift3d.corpus.pictures.procedural import random_colour, random_texture
from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.assembly import Texture
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.types import F32, F64

CACHED_ITEMS, CACHED_TEXTURES = 400, 500
LENGTHS = {
    "chair": 0.95, "bench": 1.4, "sofa": 1.9, "bed": 2.1, "table": 1.3, "cabinet": 1.6, "lamp": 0.7, "plumbing_fixture": 0.9,
    "home_appliance": 0.9, "electronic_equipment": 0.4, "display": 0.8, "tableware": 0.2, "food": 0.15, "container": 0.45,
    "vase": 0.35, "clothing": 0.4, "plaything": 0.4, "musical_instrument": 1.3, "tool": 0.4, "plant": 0.9, "person": 1.75,
    "animal": 0.7, "statue": 0.6, "head": 0.3, "helmet": 0.3, "tree": 7.0, "rock": 2.0, "building": 12.0, "tower": 20.0,
    "car": 4.2, "bus": 10.0, "truck": 7.0, "fence": 4.0, "wagon": 2.5, "street_sign": 2.2, "tent": 4.0, "bicycle": 1.7,
    "motorcycle": 2.1, "bridge": 20.0, "hangar": 25.0, "storage_tank": 8.0, "mast": 12.0, "heap": 2.0, "unknown": 0.5,
}  # fmt: skip
"""Longest side in metres of shapes whose source states no size; the others are scaled by 0.7 to 1.4 of it at random."""


@dataclass(frozen=True, eq=False)
class Item:
    """A shape to place: its drawable in the canonical frame (standing on z = 0 over the origin, longest side 1), the longest side
    in metres, and half the width, half the depth and the height of its box in metres."""

    drawable: Drawable
    length: float
    half: tuple[float, float]
    height: float
    category: str

    def support(self, x: float, y: float) -> float:
        """Height in metres of the highest surface above a point of the item's own ground plan (in metres); 0 beside it."""
        corners = np.asarray(self.drawable.v)[self.drawable.f] * self.length
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
        safe = np.where(np.abs(area) > 1e-12, area, np.inf)
        u = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])) / safe
        w = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / safe
        hit = (u >= 0) & (w >= 0) & (u + w <= 1) & np.isfinite(safe)
        z = a[:, 2] + u * (b[:, 2] - a[:, 2]) + w * (c[:, 2] - a[:, 2])
        return float(z[hit].max(initial=0.0))


class Assets:
    """Shapes of one split of one or several corpora by category, and textures, cached. InputError where no shape can be used."""

    def __init__(self, corpora: Sequence[Corpus], split: str) -> None:
        self.corpora, self.split = tuple(corpora), split
        self.banks = [Backgrounds(corpus.folder) for corpus in corpora]
        self.rows: dict[str, list[tuple[int, int]]] = {}
        self.sizes: dict[tuple[int, int], float | None] = {}
        for c, corpus in enumerate(corpora):
            columns = [corpus.column(k) for k in ("split", "category", "width", "depth", "height")]
            for i, (part, category, *sides) in enumerate(zip(*columns)):
                if part == split:
                    self.rows.setdefault(str(category), []).append((c, i))
                    known = all(side is not None and side > 0 for side in sides)
                    self.sizes[c, i] = float(max(sides)) if known else None
        if not self.rows:
            raise InputError(f"the corpus has no shapes of the split {split}", "build it with more sources")
        self._items: OrderedDict[tuple[int, int], Drawable | None] = OrderedDict()
        self._textures: OrderedDict[tuple[int, int], Texture] = OrderedDict()

    def has(self, *categories: str) -> bool:
        """Whether there are shapes of any of these categories."""
        return any(self.rows.get(category) for category in categories)

    def item(self, rng: np.random.Generator, *categories: str) -> Item | None:
        """A random shape of these categories at a plausible size; None where there is none or the shape is damaged."""
        known = [category for category in categories if self.rows.get(category)]
        if not known:
            return None
        category = known[int(rng.integers(len(known)))]
        key = self.rows[category][int(rng.integers(len(self.rows[category])))]
        spread = float(np.exp(rng.uniform(np.log(0.7), np.log(1.4))))
        found = self._drawable(key)
        if found is None:
            return None
        size = self.sizes[key]
        length = LENGTHS.get(category, LENGTHS["unknown"]) * spread if size is None else size
        v = np.asarray(found.v)
        low, high = v.min(0), v.max(0)
        half = (float(max(-low[0], high[0])) * length, float(max(-low[1], high[1])) * length)
        return Item(found, length, half, float(high[2]) * length, category)

    def texture(self, rng: np.random.Generator, *kinds: str, real: float = 0.5) -> Texture:
        """A random texture; real: probability of a picture of the corpus, of these kinds (GROUND and WALL without any)."""
        rows = [
            (b, i)
            for b, bank in enumerate(self.banks)
            for i in bank.select(self.split, *(kinds or (GROUND, WALL)))
        ]
        if rows and rng.random() < real:
            key = rows[int(rng.integers(len(rows)))]
            if key not in self._textures:
                self._textures[key] = Texture.of(self.banks[key[0]][key[1]])
        else:
            key = (-1, int(rng.integers(240)))
            if key not in self._textures:
                salt = {"train": 1, "val": 2}.get(self.split, 3)
                self._textures[key] = Texture.of(random_texture(np.random.default_rng([salt, key[1]])))
        self._textures.move_to_end(key)
        while len(self._textures) > CACHED_TEXTURES:
            self._textures.popitem(last=False)
        return self._textures[key]

    def view(self, rng: np.random.Generator) -> NDArray[np.uint8] | None:
        """A picture of a scene or a sky, (256, 256, 3); None where the corpora have none."""
        rows = [(b, i) for b, bank in enumerate(self.banks) for i in bank.select(self.split, SCENE, SKY)]
        if not rows:
            return None
        b, i = rows[int(rng.integers(len(rows)))]
        return self.banks[b][i]

    def _drawable(self, key: tuple[int, int]) -> Drawable | None:
        if key not in self._items:
            try:
                self._items[key] = _lighten(drawable(self.corpora[key[0]].parts(key[1])))
            except (InputError, ValueError, IndexError):
                self._items[key] = None
        self._items.move_to_end(key)
        while len(self._items) > CACHED_ITEMS:
            self._items.popitem(last=False)
        return self._items[key]


def _lighten(item: Drawable) -> Drawable:
    """The drawable with linear colours of at least 0.02, since nothing is blacker than cloth."""
    np.maximum(item.colours, 0.02, out=item.colours)
    return item


def tint(rng: np.random.Generator, light: float = 0.0) -> F32:
    """(3,) linear colour of a painted or natural surface; light: 0 for any, 1 for nearly white."""
    colour = srgb8_to_linear(random_colour(rng))
    return np.asarray(colour * (1 - light) + light * rng.uniform(0.55, 0.95), np.float32)


def pose(x: float, y: float, z: float, yaw: float, scale: float) -> F64:
    """(4, 4) similarity: scale, rotation by yaw radians about the vertical axis, translation."""
    c, s = np.cos(yaw) * scale, np.sin(yaw) * scale
    return np.array([[c, -s, 0, x], [s, c, 0, y], [0, 0, scale, z], [0, 0, 0, 1.0]])
