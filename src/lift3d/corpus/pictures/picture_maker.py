"""Photo-like images of the shapes of a corpus with their ground truth: mask, depth, normals and camera.

    from lift3d.corpus.dataset import Corpus
    from lift3d.corpus.pictures.picture_maker import render_picture
    shot = render_picture(Corpus("corpus"), 17, view=3, seed=0, size=128, recipe="natural")

The same corpus, shape, view, seed, size and recipe give the same image, independent of the order of calls.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.backgrounds import GROUND, Backgrounds
from lift3d.corpus.pictures.framing import extreme_points, frame_camera
from lift3d.corpus.pictures.procedural import random_texture
from lift3d.corpus.pictures.recipes import (
    BACKGROUND,
    LIGHT,
    OCCLUSION,
    SENSOR,
    Recipe,
    get_recipe,
    random_stream,
)
from lift3d.corpus.pictures.scenery import (
    choose_environment,
    ground_plane,
    make_background,
    make_occlusion,
    render_ground,
)
from lift3d.corpus.pictures.sensor import simulate_sensor
from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.geometry.render.lights import Environment, Lighting, Sun, Vec3, studio
from lift3d.geometry.render.passes import render_image
from lift3d.geometry.render.shadow_maps import LightArrays, prepare_lights
from lift3d.types import F32, F64, Camera

SIZE_RANGE = (16, 2048)
CACHED_SHAPES = 4
"""Number of prepared shapes that are cached for rendering."""
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_CUT_OUT: F64 = np.full(3, -1.0)
GAIN_RANGE = (0.5, 5.0)
"""Limits of the factor that brings the brightness of an object to the sampled level."""
MIN_CONTRAST, CONTRAST_FACTOR = 1.35, 1.7
"""Ratio of linear light between object and background below which the background is changed, and by which factor."""
MIN_REFLECTANCE = (0.025, 20)
"""Minimum linear colour of a material, and minimum sRGB value of a texture."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image with its ground truth.

    rgb: (S, S, 3) uint8 sRGB, as `jpeg` decodes. full_mask: (S, S) bool, the object at the pixel centres; mask: its visible
    part. depth: (S, S) float32, z along the optical axis in longest sides of the object; normals: (S, S, 3) float32, unit,
    camera frame (x right, y down, z forward); both also where the object is occluded, and 0 elsewhere. camera: with respect
    to the canonical frame. record: key, category, split and all sampled parameters.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    full_mask: NDArray[np.bool_]
    depth: F32
    normals: F32
    camera: Camera
    jpeg: bytes
    record: dict[str, Any]


@dataclass(eq=False)
class _Ready:
    """A shape prepared for rendering: its drawable, extreme points, row of the index, and light by group of views."""

    drawable: Drawable
    extremes: F64
    row: dict[str, Any]
    lights: dict[int, tuple[LightArrays, int, dict[str, Any]]]


def render_picture(
    corpus: Corpus, i: int, view: int = 0, seed: int = 0, size: int = 128, recipe: str | Recipe = "natural"
) -> Picture:
    """One image of shape i. For many images use `Studio`, which caches shapes and lights."""
    return Studio(corpus, recipe, size, seed).picture(i, view)


class Studio:
    """Renders images of the shapes of a corpus by one recipe; fastest when the views of one shape follow each other.

    size: side of the image in pixels. Raises InputError for a size or seed out of range and an unknown recipe.
    """

    def __init__(
        self, corpus: Corpus, recipe: str | Recipe = "natural", size: int = 128, seed: int = 0
    ) -> None:
        if not SIZE_RANGE[0] <= size <= SIZE_RANGE[1]:
            raise InputError(
                f"the picture size {size} is out of range", f"give {SIZE_RANGE[0]} to {SIZE_RANGE[1]} pixels"
            )
        if seed < 0:
            raise InputError(f"the seed {seed} is negative", "give 0 or more")
        self.corpus, self.recipe, self.size, self.seed = corpus, get_recipe(recipe), size, seed
        self.bank = Backgrounds(corpus.folder)
        self._ready: OrderedDict[int, _Ready] = OrderedDict()
        self._grounds: OrderedDict[int, Drawable] = OrderedDict()

    def picture(self, i: int, view: int) -> Picture:
        """The image of shape i in this view; the first n views of a shape are evenly spread for every n.

        Raises InputError for a shape or view that does not exist.
        """
        if not 0 <= i < len(self.corpus) or view < 0:
            raise InputError(
                f"there is no view {view} of shape {i}",
                f"give a shape from 0 to {len(self.corpus) - 1} and a view from 0",
            )
        ready = self._shape(i)
        key, split = str(ready.row["key"]), str(ready.row["split"])
        camera, sampled = frame_camera(ready.extremes, self.recipe, self.size, self.seed, key, view)
        lights, source, light_record = self._light(ready, view)
        rgb, cover, depth, normals, full_mask = render_image(
            ready.drawable, camera, 2, lights, _CUT_OUT, threads=False
        )
        rng = random_stream(self.seed, key, view, BACKGROUND)
        back, background_record = make_background(self.recipe, self.bank, split, self.size, rng, source)
        foreground = srgb8_to_linear(rgb)
        gain = self._gain(foreground, cover, rng)
        back = self._with_ground(back, background_record, split, camera, lights, gain, rng)
        if not self.recipe.white:
            back = separate_from_background(foreground * np.float32(gain), cover, back)
        light = foreground * gain * cover[..., None] + back * (1 - cover[..., None])
        rng = random_stream(self.seed, key, view, OCCLUSION)
        front, occluder_cover, occlusion_record = make_occlusion(
            full_mask, self.recipe, self.bank, split, rng
        )
        light = front * occluder_cover[..., None] + light * (1 - occluder_cover[..., None])
        shown, data, sensor_record = simulate_sensor(
            light.astype(np.float32), self.recipe, random_stream(self.seed, key, view, SENSOR)
        )
        record = {
            "key": key, "view": view, "category": ready.row["category"], "split": split, "seed": self.seed,
            "recipe": self.recipe.name, "pixels": int(full_mask.sum()), "gain": round(gain, 4),
        }  # fmt: skip
        for more in (sampled, light_record, background_record, occlusion_record, sensor_record):
            record.update(more)
        return Picture(
            shown, full_mask & (occluder_cover < 0.5), full_mask, depth, normals, camera, data, record
        )

    def _shape(self, i: int) -> _Ready:
        if i not in self._ready:
            ready = _brighten(drawable(self.corpus.parts(i)))
            used = ready.v[np.unique(ready.f)]
            self._ready[i] = _Ready(ready, extreme_points(used), self.corpus.row(i), {})
            while len(self._ready) > CACHED_SHAPES:
                self._ready.popitem(last=False)
        self._ready.move_to_end(i)
        return self._ready[i]

    def _light(self, ready: _Ready, view: int) -> tuple[LightArrays, int, dict[str, Any]]:
        """The lights of the view's group, the index of the picture they come from (-1: none), and their record."""
        group = 0 if self.recipe.studio else view // self.recipe.lights_each
        if group not in ready.lights:
            rng = random_stream(self.seed, str(ready.row["key"]), group, LIGHT)
            if self.recipe.studio:
                lighting, source, record = studio(), -1, {"light": "studio"}
            else:
                source = choose_environment(self.bank, str(ready.row["split"]), rng)
                around = None if source < 0 or rng.random() < 0.4 else self.bank[source]
                lighting, record = sample_lighting(around, self.recipe.shadows, rng)
            lights = prepare_lights(ready.drawable, lighting, 512 if self.size <= 256 else 1024)
            ready.lights = {group: (lights, source, record)}
        return ready.lights[group]

    def _gain(self, foreground: F32, cover: F32, rng: np.random.Generator) -> float:
        """The exposure factor that brings the mean brightness of the object most of the way to a sampled level."""
        low, high = self.recipe.level
        level = float(np.exp(rng.uniform(np.log(max(low, 1e-3)), np.log(high))))
        total = float(cover.sum())
        if (low, high) == (0, 1) or total == 0:
            return 1.0
        mean = float(((foreground @ _LUMA) * cover).sum()) / total
        return float(np.clip((level / max(mean, 1e-3)) ** 0.75, *GAIN_RANGE))

    def _with_ground(
        self, back: F32, record: dict[str, Any], split: str, camera: Camera, lights: LightArrays, gain: float,
        rng: np.random.Generator,
    ) -> F32:  # fmt: skip
        """The background, with a lit ground in front of it at the recipe's probability if the camera is above the ground."""
        held = self.bank.select(split, GROUND)
        if rng.random() >= self.recipe.ground or camera.centre[2] < 0.05:
            return back
        if held:
            chosen = held[int(rng.integers(len(held)))]
            look, record["ground"] = self.bank[chosen], self.bank.rows[chosen]["name"]
        else:
            look, record["ground"] = random_texture(rng), "made up"
        light, seen = render_ground(ground_plane(look, rng), camera, lights)
        ground_cover = seen[..., None]
        return light * np.float32(np.clip(gain, 0.7, 1.3)) * ground_cover + back * (1 - ground_cover)


def separate_from_background(foreground: F32, cover: F32, back: F32) -> F32:
    """The background (S, S, 3) in linear light, scaled by CONTRAST_FACTOR where the mean colours of the object (S, S, 3) and
    of its surroundings differ by a ratio of less than MIN_CONTRAST. cover: (S, S) coverage of the object."""
    rows, columns = np.nonzero(cover > 0.5)
    if not len(rows):
        return back
    edge = len(cover) // 8
    box = np.zeros_like(cover)
    box[
        max(rows.min() - edge, 0) : rows.max() + edge, max(columns.min() - edge, 0) : columns.max() + edge
    ] = 1
    around = box * (1 - cover)
    if around.sum() < 1:
        return back
    a = (foreground * cover[..., None]).sum((0, 1), np.float64) / cover.sum() + 0.01
    b = (back * around[..., None]).sum((0, 1), np.float64) / around.sum() + 0.01
    if float(np.abs(np.log(a / b)).max()) >= np.log(MIN_CONTRAST):
        return back
    darker = float((a - b) @ _LUMA) > 0 or float(b @ _LUMA) > 0.4
    return back * np.float32(1 / CONTRAST_FACTOR if darker else CONTRAST_FACTOR)


def _brighten(ready: Drawable) -> Drawable:
    """The drawable with reflectances of at least a few per cent; real materials are not perfectly black."""
    texels = ready.texels.copy()
    texels[:, :3] = np.maximum(texels[:, :3], MIN_REFLECTANCE[1])
    return replace(ready, colours=np.maximum(ready.colours, np.float32(MIN_REFLECTANCE[0])), texels=texels)


def sample_lighting(
    around: NDArray[np.uint8] | None, shadows: bool, rng: np.random.Generator
) -> tuple[Lighting, dict[str, Any]]:
    """Random lighting and its record: a sun, and an environment from a picture or from a sky and a ground colour."""
    turn, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(15, 80))
    direction = (np.cos(height) * np.cos(turn), np.cos(height) * np.sin(turn), np.sin(height))
    strength, sky = rng.uniform(0.1, 0.85), rng.uniform(0.25, 0.6)
    warm, tint, floor = rng.uniform(-0.25, 0.6), rng.normal(0, 0.06, (2, 3)), rng.uniform(0.25, 0.7)
    sun = Sun(
        _triple(direction), _triple(strength * np.array([1, 1 - 0.18 * warm, 1 - 0.45 * warm])), shadows
    )
    if around is None:
        ground = sky * floor
        environment = Environment.from_colours(sky * np.exp(tint[0]), ground * np.exp(tint[1]), shadows)
        kind = "two colours"
    else:
        small = Pil.fromarray(around).resize((16, 8), Pil.Resampling.BOX)
        radiance = srgb8_to_linear(np.asarray(small)).astype(np.float64)
        grey = radiance.mean()
        radiance = 0.35 * grey + 0.65 * radiance  # a picture shows only a part of the environment
        environment = Environment.from_panorama(radiance * sky / max(radiance.mean(), 1e-3), shadows)
        kind = "picture"
    record = {
        "light": kind, "sun": [round(float(x), 4) for x in direction], "strength": round(float(strength), 4),
        "sky": round(float(sky), 4),
    }  # fmt: skip
    return Lighting((sun,), (), environment), record


def _triple(values: Any) -> Vec3:
    x, y, z = (float(value) for value in values)
    return x, y, z
