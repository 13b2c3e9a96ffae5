"""Pictures of scenes with their depth: `SceneMaker.views(number)` gives a few views of scene `number`.

The same corpora, split, seed and number give the same pictures, independent of the order of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.recipes import RECIPES, Recipe
from lift3d.corpus.pictures.sensor import simulate_sensor
from lift3d.corpus.scenes.assets import Assets, tint
from lift3d.corpus.scenes.layout import Layout
from lift3d.corpus.scenes.outdoors import can_be_outdoors, make_outdoors
from lift3d.corpus.scenes.rooms import make_room
from lift3d.corpus.scenes.tabletops import make_tabletop
from lift3d.corpus.scenes.viewpoints import sample_camera
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.drawable import Drawable
from lift3d.geometry.render.lights import Environment, Lighting, PointLight, Sun
from lift3d.geometry.render.passes import render_image
from lift3d.geometry.render.shadow_maps import LightArrays, prepare_lights
from lift3d.types import F32, Camera

SENSOR: Recipe = replace(
    RECIPES["natural"], name="scene", blur=(0.35, 0.5), motion=(0.06, 2.0), read=0.012, shot=0.004, exposure=0.6, balance=0.1,
    jpeg=(70, 96),
)  # fmt: skip
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
OUTDOORS, TABLETOPS = 0.2, 0.2
"""Fractions of the scenes that are outdoors, where the corpora have buildings, and that show single objects from near."""
TOO_NEAR, MIN_MEDIAN, MIN_RANGE = 0.22, 0.45, 1.25
"""Depth in metres of which at most three pixels of a hundred may be nearer; least median depth; least ratio of the 95th to the
5th percentile. Views beyond these limits are sampled again."""
FINER = 1.25
"""Ratio of the rendered to the stored side, for antialiasing."""
_SPLITS = {"train": 0, "val": 1, "test": 2}


@dataclass(frozen=True, eq=False)
class DepthPicture:
    """A picture with its depth.

    jpeg: the file; rgb (H, W, 3) uint8 is what it decodes to. depth (H, W) float32: metres along the optical axis, 0 where no
    surface is hit (sky). focal: in pixels; the principal point is the centre. scene: number of the scene."""

    jpeg: bytes
    rgb: NDArray[np.uint8]
    depth: F32
    focal: float
    scene: int


class SceneMaker:
    """Makes pictures of random scenes. size: (width, height) in pixels; seed: of all random numbers.

    InputError where a corpus has no shapes of the split."""

    def __init__(
        self,
        corpora: Sequence[Corpus],
        split: str = "train",
        size: tuple[int, int] = (320, 256),
        seed: int = 0,
    ) -> None:
        self.assets, self.size, self.seed, self.split = Assets(corpora, split), size, seed, split
        self.outdoors = OUTDOORS if can_be_outdoors(self.assets) else 0.0

    def views(self, number: int, count: int = 4) -> list[DepthPicture]:
        """Up to `count` views of scene `number`; fewer where a scene offers no more that are neither blocked nor flat."""
        rng = np.random.default_rng([self.seed, _SPLITS[self.split], number])
        chance = rng.random()
        near = self.outdoors <= chance < self.outdoors + TABLETOPS
        make = make_outdoors if chance < self.outdoors else make_tabletop if near else make_room
        place = make(self.assets, rng)
        ready = place.builder.build()
        lighting, level = sample_light(place, rng)
        lights = prepare_lights(ready, lighting, 512)
        sky = self._sky(rng)
        found: list[DepthPicture] = []
        for _ in range(3 * count):
            if len(found) == count:
                break
            view = self._view(place, ready, lights, level, sky, number, rng)
            if view is not None:
                found.append(view)
        return found

    def _view(
        self, place: Layout, ready: Drawable, lights: LightArrays, level: float, sky: F32, number: int,
        rng: np.random.Generator,
    ) -> DepthPicture | None:  # fmt: skip
        """One view; None where it is blocked or flat."""
        camera = sample_camera(place, rng, *self.size)
        rgb, cover, z = _render(ready, camera, lights)
        hit = z[z > 0]
        if len(hit) < 0.35 * z.size:
            return None
        near, low, middle, high = np.percentile(hit, (3, 5, 50, 95))
        if near < TOO_NEAR or middle < MIN_MEDIAN or high < MIN_RANGE * low:
            return None
        light = srgb8_to_linear(rgb) * cover[..., None]
        if len(hit) < z.size:
            light += sky * (1 - cover[..., None])
        mean = float((light @ LUMA).mean())
        gain = np.clip(level / max(mean, 1e-3), 0.4, 4.0)
        shown, data, _ = simulate_sensor((light * np.float32(gain)).astype(np.float32), SENSOR, rng)
        return DepthPicture(data, shown, z, camera.fx, number)

    def _sky(self, rng: np.random.Generator) -> F32:
        """(H, W, 3) linear light behind all surfaces: a picture, or a gradient."""
        w, h = self.size
        picture = self.assets.view(rng) if rng.random() < 0.6 else None
        if picture is not None:
            return srgb8_to_linear(np.asarray(Pil.fromarray(picture).resize((w, h), Pil.Resampling.BILINEAR)))
        top, bottom = rng.uniform(0.2, 0.7, 3) * (0.8, 0.95, 1.2), rng.uniform(0.6, 1.0, 3)
        t = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
        return np.broadcast_to(top * (1 - t) + bottom * t, (h, w, 3)).astype(np.float32)


def _render(ready: Drawable, camera: Camera, lights: LightArrays) -> tuple[NDArray[np.uint8], F32, F32]:
    """Colours (H, W, 3), coverage (H, W) in [0, 1] and depth (H, W), rendered FINER times larger with one sample per pixel."""
    w, h = camera.width, camera.height
    fine = resize_camera(camera, round(w * FINER), round(h * FINER))
    rgb, cover, z, _, _ = render_image(ready, fine, 1, lights, np.full(3, -1.0), threads=False)
    small = Pil.fromarray(rgb).resize((w, h), Pil.Resampling.BOX)
    part = Pil.fromarray(cover).resize((w, h), Pil.Resampling.BOX)
    rows = ((np.arange(h) + 0.5) * fine.height / h).astype(int)
    columns = ((np.arange(w) + 0.5) * fine.width / w).astype(int)
    return np.asarray(small), np.asarray(part), np.ascontiguousarray(z[np.ix_(rows, columns)])


def sample_light(place: Layout, rng: np.random.Generator) -> tuple[Lighting, float]:
    """Random lights of a place, and the mean linear brightness to which its pictures are exposed."""
    w, d, h = place.extent
    level = float(np.exp(rng.uniform(np.log(0.1), np.log(0.4))))
    warm = np.array([1.0, rng.uniform(0.8, 1), rng.uniform(0.55, 1.05)])

    def colour(strength: float) -> tuple[float, float, float]:
        r, g, b = strength * warm * np.exp(rng.normal(0, 0.04, 3))
        return float(r), float(g), float(b)

    above, below = np.asarray(tint(rng, 0.8)), np.asarray(tint(rng, 0.6))
    ambient = rng.uniform(0.15, 0.7)
    around = Environment.from_colours(above * ambient, below * ambient * 0.7, bool(rng.random() < 0.1))
    if place.outdoors:
        angle, high = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 1.4)
        sun = Sun(
            (float(np.cos(angle)), float(np.sin(angle)), high),
            colour(rng.uniform(0.1, 1.0)),
            bool(rng.random() < 0.8),
        )
        return Lighting((sun,), (), around), level
    lamps = []
    for _ in range(int(rng.integers(1, 4))):
        x, y, z = rng.uniform(0.15, 0.85) * w, rng.uniform(0.15, 0.85) * d, rng.uniform(0.6, 0.97) * h
        lamps.append(
            PointLight(
                (float(x), float(y), float(z)), colour(rng.uniform(0.4, 1.5)), bool(rng.random() < 0.6)
            )
        )
    suns: tuple[Sun, ...] = ()
    if rng.random() < 0.3:  # skylight from one side, without shadows: the walls are closed
        angle = rng.uniform(0, 2 * np.pi)
        suns = (Sun((float(np.cos(angle)), float(np.sin(angle)), 0.5), colour(rng.uniform(0.1, 0.5)), False),)
    return Lighting(suns, tuple(lamps), around), level
