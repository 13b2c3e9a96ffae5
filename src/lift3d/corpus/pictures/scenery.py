"""The surroundings of an object in an image: background, ground plane and occluders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageFilter

from lift3d.corpus.pictures.backgrounds import GROUND, SCENE, SKY, WALL, Backgrounds
from lift3d.corpus.pictures.procedural import (
    random_colour,
    random_scene,
    random_texture,
    similar_colour,
    spectral_noise,
)
from lift3d.corpus.pictures.recipes import Recipe
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.geometry.render.passes import render_linear
from lift3d.geometry.render.shadow_maps import LightArrays
from lift3d.types import F32, F64, Camera, Material, Part

Bytes = NDArray[np.uint8]
Record = dict[str, Any]
GROUND_HALF_SIZE, FADE_RANGE = 14.0, (3.0, 12.0)
"""Half of the ground's side, and the distances over which it fades into the background, in longest sides of the object."""


SMALL_OBJECT = 0.06
"""Fraction of the frame below which an object is occluded less, down to 0.3 of the recipe's value."""


def make_background(
    recipe: Recipe, bank: Backgrounds, split: str, size: int, rng: np.random.Generator, prefer: int = -1
) -> tuple[F32, Record]:
    """A background (S, S, 3) in linear light, and its record. prefer: the picture that also gives the light, -1 for none."""
    if recipe.white:
        return np.ones((size, size, 3), np.float32), {"background": "white"}
    chance, same = rng.random(), rng.random() < 0.5
    if chance < recipe.plain:
        out, name = np.full((size, size, 3), random_colour(rng).astype(np.uint8)), "plain"
    elif chance < recipe.plain + recipe.gradient:
        out, name = random_gradient(size, rng), "gradient"
    else:
        available = bank.select(split)
        if chance < recipe.plain + recipe.gradient + recipe.noise:
            out, name = random_noise(size, rng), "noise"
        elif not available:
            out, name = random_crop(random_scene(rng), SCENE, size, rng), "made up"
        else:
            chosen = prefer if prefer >= 0 and same else available[int(rng.integers(len(available)))]
            out, name = (
                random_crop(bank[chosen], bank.rows[chosen]["kind"], size, rng),
                bank.rows[chosen]["name"],
            )
    sigma = recipe.defocus * size / 128 * rng.random() ** 2
    soft = Pil.fromarray(out).filter(ImageFilter.GaussianBlur(sigma)) if sigma > 0.2 else out
    return srgb8_to_linear(np.asarray(soft)), {"background": name}


def random_gradient(size: int, rng: np.random.Generator) -> Bytes:
    """(S, S, 3) sRGB from one colour to another, along a line or away from a point."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5, 2)
    along = x * np.cos(angle) + y * np.sin(angle) + 0.5
    way = along if rng.random() < 0.6 else 1.3 * np.hypot(x - at[0], y - at[1])
    a, b = random_colour(rng), random_colour(rng)
    b = b if rng.random() < 0.4 else a * rng.uniform(0.35, 0.85)
    return np.clip(a + (b - a) * np.clip(way, 0, 1)[..., None], 0, 255).astype(np.uint8)


def random_noise(size: int, rng: np.random.Generator) -> Bytes:
    """(S, S, 3) sRGB noise between three colours, sometimes with sharp edges, like stone or paint."""
    base = random_colour(rng)
    colours = np.stack(
        [
            similar_colour(base, rng, 0.35),
            base,
            similar_colour(base, rng, 0.35) if rng.random() < 0.7 else random_colour(rng),
        ]
    )
    sharp = rng.choice([0.6, 1.2, 3.0])
    blend = 2 / (1 + np.exp(-sharp * spectral_noise(rng, rng.uniform(0.9, 1.7))))[..., None]
    out = np.where(
        blend < 1,
        colours[0] + (colours[1] - colours[0]) * blend,
        colours[1] + (colours[2] - colours[1]) * (blend - 1),
    )
    return random_crop(np.clip(out, 0, 255).astype(np.uint8), WALL, size, rng)


def random_crop(picture: Bytes, kind: str, size: int, rng: np.random.Generator) -> Bytes:
    """A random square of a picture, (size, size, 3), flipped at random; ground and wall are also rotated."""
    side, full = int(picture.shape[0] * rng.uniform(0.4, 1)), picture.shape[0]
    x, y = (int(rng.integers(0, full - side + 1)) for _ in range(2))
    flip, angle = rng.random() < 0.5, int(rng.integers(4))
    cut = picture[y : y + side, x : x + side]
    cut = cut[:, ::-1] if flip else cut
    cut = np.rot90(cut, angle) if kind in (GROUND, WALL) else cut
    return np.asarray(
        Pil.fromarray(np.ascontiguousarray(cut)).resize(
            (size, size), Pil.Resampling.BILINEAR, reducing_gap=2.0
        )
    )


def ground_plane(picture: Bytes, rng: np.random.Generator) -> Drawable:
    """The plane z = 0, tiled with a picture that is rotated and scaled at random."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * GROUND_HALF_SIZE
    angle, tile = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 2.5)
    c, s = np.cos(angle), np.sin(angle)
    uv = corners @ np.array([[c, -s], [s, c]]) / tile + rng.random(2)
    part = Part(
        np.column_stack([corners, np.zeros(4)]), np.array([[0, 1, 2], [0, 2, 3]]), uv, None,
        Material("ground", texture=Pil.fromarray(picture)),
    )  # fmt: skip
    return drawable([part])


def render_ground(plane: Drawable, camera: Camera, lights: LightArrays) -> tuple[F32, F32]:
    """The lit ground (S, S, 3) in linear light, with the shadow of the object that `lights` were computed for, and its
    coverage (S, S), which fades with distance."""
    light, cover = render_linear(plane, camera, 1, 1.0, lights)
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = (
        np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones_like(x)], -1) @ camera.R
    )
    eye: F64 = camera.centre
    t = -eye[2] / np.minimum(rays[..., 2], -1e-6)
    away = np.hypot(eye[0] + t * rays[..., 0], eye[1] + t * rays[..., 1])
    fade = np.clip((FADE_RANGE[1] - away) / (FADE_RANGE[1] - FADE_RANGE[0]), 0, 1)
    seen = (cover * fade * fade * (3 - 2 * fade) * (rays[..., 2] < 0)).astype(np.float32)
    return (light / np.maximum(cover, 1e-6)[..., None]).astype(np.float32), seen


def random_occluder(mask: NDArray[np.bool_], rng: np.random.Generator) -> F32:
    """Coverage (S, S) of a random occluder in front of an object with this mask (S, S): a blob, a leaf or bars."""
    size = mask.shape[0]
    rows, columns = np.nonzero(mask)
    pick = int(rng.integers(len(rows)))
    extent = max(int(rows.max() - rows.min()), int(columns.max() - columns.min()), 6)
    y, x = np.mgrid[:size, :size] + 0.5
    x, y = x - columns[pick] - 0.5, y - rows[pick] - 0.5
    angle, chance = rng.uniform(0, 2 * np.pi), rng.random()
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    radius = extent * rng.uniform(0.12, 0.4)
    if chance < 0.35:  # bars, mostly upright
        width, period = extent * rng.uniform(0.02, 0.07), extent * rng.uniform(0.3, 0.9)
        way = u if rng.random() < 0.4 else x + 0.1 * rng.uniform(-1, 1) * y
        inside = width - np.abs((way + period / 2) % period - period / 2)
    else:
        polar = np.arctan2(v, u)
        edge = np.ones_like(polar)
        for k in range(2, 7):
            edge += rng.normal(0, 0.5 / k) * np.cos(k * polar + rng.uniform(0, 2 * np.pi))
        slim = rng.uniform(0.25, 1)
        inside = radius * np.maximum(edge, 0.2) - np.hypot(u, v / slim)
    return np.clip(inside / max(size / 128, 1.0) + 0.5, 0, 1).astype(np.float32)


def make_occlusion(
    mask: NDArray[np.bool_], recipe: Recipe, bank: Backgrounds, split: str, rng: np.random.Generator
) -> tuple[F32, F32, Record]:
    """Occluders as linear light (S, S, 3), coverage (S, S) and a record; they hide at most the recipe's fraction of the
    mask (S, S)."""
    size = mask.shape[0]
    cover = np.zeros((size, size), np.float32)
    if rng.random() >= recipe.occluded or not mask.any():
        return np.zeros((size, size, 3), np.float32), cover, {}
    limit = recipe.hidden * rng.uniform(0.2, 1) * min(max(float(mask.mean()) / SMALL_OBJECT, 0.3), 1.0)
    left = int(rng.integers(1, 4))
    for _ in range(8):  # tries
        if not left:
            break
        more = np.maximum(cover, random_occluder(mask, rng))
        if ((more >= 0.5) & mask).sum() <= limit * mask.sum():
            cover, left = more, left - 1
    available = bank.select(split, GROUND, WALL)
    if available and rng.random() < 0.6:
        chosen = available[int(rng.integers(len(available)))]
        surface = random_crop(bank[chosen], WALL, size, rng)
    else:
        surface = (
            random_crop(random_texture(rng), WALL, size, rng)
            if rng.random() < 0.6
            else random_gradient(size, rng)
        )
    hidden = float(((cover >= 0.5) & mask).sum() / mask.sum())
    light = srgb8_to_linear(surface) * np.float32(rng.uniform(0.35, 1))
    return light, cover, {"hidden": round(hidden, 4)} if hidden else {}


def choose_environment(bank: Backgrounds, split: str, rng: np.random.Generator) -> int:
    """The index of the picture that gives light to a group of views; -1 where there is none."""
    available = bank.select(split, SKY, SCENE) if rng.random() < 0.5 else bank.select(split)
    return available[int(rng.integers(len(available)))] if available else -1
