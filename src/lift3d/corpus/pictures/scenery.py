"""What stands around a thing in a picture: what is behind it, the ground below it, pieces before it."""

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
"""Half of the ground's side; between which distances it fades into what is behind, in the thing's longest sides."""


SMALL_OBJECT = 0.06
"""Share of the frame below which a thing is hidden less, down to 0.3 of what the recipe says: little of it is seen anyway."""


def make_background(
    recipe: Recipe, bank: Backgrounds, split: str, size: int, rng: np.random.Generator, prefer: int = -1
) -> tuple[F32, Record]:
    """Linear light (S, S, 3) and what it is. prefer: a picture of the bank that also gives the light; -1 for none."""
    if recipe.white:
        return np.ones((size, size, 3), np.float32), {"background": "white"}
    chance, same = rng.random(), rng.random() < 0.5
    if chance < recipe.plain:
        out, said = np.full((size, size, 3), random_colour(rng).astype(np.uint8)), "plain"
    elif chance < recipe.plain + recipe.gradient:
        out, said = random_gradient(size, rng), "gradient"
    else:
        held = bank.select(split)
        if chance < recipe.plain + recipe.gradient + recipe.noise:
            out, said = random_noise(size, rng), "noise"
        elif not held:
            out, said = random_crop(random_scene(rng), SCENE, size, rng), "made up"
        else:
            chosen = prefer if prefer >= 0 and same else held[int(rng.integers(len(held)))]
            out, said = (
                random_crop(bank[chosen], bank.rows[chosen]["kind"], size, rng),
                bank.rows[chosen]["name"],
            )
    sigma = recipe.defocus * size / 128 * rng.random() ** 2
    soft = Pil.fromarray(out).filter(ImageFilter.GaussianBlur(sigma)) if sigma > 0.2 else out
    return srgb8_to_linear(np.asarray(soft)), {"background": said}


def random_gradient(size: int, rng: np.random.Generator) -> Bytes:
    """From one colour to another, along a line or away from a point, as light falls on a wall."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    turn, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5, 2)
    along = x * np.cos(turn) + y * np.sin(turn) + 0.5
    way = along if rng.random() < 0.6 else 1.3 * np.hypot(x - at[0], y - at[1])
    a, b = random_colour(rng), random_colour(rng)
    b = b if rng.random() < 0.4 else a * rng.uniform(0.35, 0.85)
    return np.clip(a + (b - a) * np.clip(way, 0, 1)[..., None], 0, 255).astype(np.uint8)


def random_noise(size: int, rng: np.random.Generator) -> Bytes:
    """Clouds between two like colours and a third; sometimes with sharp edges, like stone or paint."""
    base = random_colour(rng)
    three = np.stack(
        [
            similar_colour(base, rng, 0.35),
            base,
            similar_colour(base, rng, 0.35) if rng.random() < 0.7 else random_colour(rng),
        ]
    )
    sharp = rng.choice([0.6, 1.2, 3.0])
    share = 2 / (1 + np.exp(-sharp * spectral_noise(rng, rng.uniform(0.9, 1.7))))[..., None]
    out = np.where(
        share < 1, three[0] + (three[1] - three[0]) * share, three[1] + (three[2] - three[1]) * (share - 1)
    )
    return random_crop(np.clip(out, 0, 255).astype(np.uint8), WALL, size, rng)


def random_crop(picture: Bytes, kind: str, size: int, rng: np.random.Generator) -> Bytes:
    """A part of a picture of the bank at the size wanted; what has an up stays upright."""
    side, whole = int(picture.shape[0] * rng.uniform(0.4, 1)), picture.shape[0]
    x, y = (int(rng.integers(0, whole - side + 1)) for _ in range(2))
    flip, turn = rng.random() < 0.5, int(rng.integers(4))
    cut = picture[y : y + side, x : x + side]
    cut = cut[:, ::-1] if flip else cut
    cut = np.rot90(cut, turn) if kind in (GROUND, WALL) else cut
    return np.asarray(
        Pil.fromarray(np.ascontiguousarray(cut)).resize(
            (size, size), Pil.Resampling.BILINEAR, reducing_gap=2.0
        )
    )


def ground_plane(picture: Bytes, rng: np.random.Generator) -> Drawable:
    """The plane z = 0 far around, tiled with a picture, turned and scaled at random."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * GROUND_HALF_SIZE
    turn, tile = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 2.5)
    c, s = np.cos(turn), np.sin(turn)
    uv = corners @ np.array([[c, -s], [s, c]]) / tile + rng.random(2)
    part = Part(
        np.column_stack([corners, np.zeros(4)]), np.array([[0, 1, 2], [0, 2, 3]]), uv, None,
        Material("ground", texture=Pil.fromarray(picture)),
    )  # fmt: skip
    return drawable([part])


def render_ground(plane: Drawable, camera: Camera, lights: LightArrays) -> tuple[F32, F32]:
    """(light (S, S, 3) of the ground, how much of it is seen (S, S)): lit, with the shadow of the thing that `lights`
    were made for, fading with distance."""
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
    """Cover (S, S) of something in front of a thing with this mask: a lump, a leaf or bars."""
    size = mask.shape[0]
    rows, columns = np.nonzero(mask)
    pick = int(rng.integers(len(rows)))
    reach = max(int(rows.max() - rows.min()), int(columns.max() - columns.min()), 6)
    y, x = np.mgrid[:size, :size] + 0.5
    x, y = x - columns[pick] - 0.5, y - rows[pick] - 0.5
    turn, kind = rng.uniform(0, 2 * np.pi), rng.random()
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    radius = reach * rng.uniform(0.12, 0.4)
    if kind < 0.35:  # bars, upright more often than not
        width, period = reach * rng.uniform(0.02, 0.07), reach * rng.uniform(0.3, 0.9)
        way = u if rng.random() < 0.4 else x + 0.1 * rng.uniform(-1, 1) * y
        inside = width - np.abs((way + period / 2) % period - period / 2)
    else:
        angle = np.arctan2(v, u)
        edge = np.ones_like(angle)
        for k in range(2, 7):
            edge += rng.normal(0, 0.5 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
        slim = rng.uniform(0.25, 1)
        inside = radius * np.maximum(edge, 0.2) - np.hypot(u, v / slim)
    return np.clip(inside / max(size / 128, 1.0) + 0.5, 0, 1).astype(np.float32)


def make_occlusion(
    mask: NDArray[np.bool_], recipe: Recipe, bank: Backgrounds, split: str, rng: np.random.Generator
) -> tuple[F32, F32, Record]:
    """(light (S, S, 3), cover (S, S), what was done) of pieces that hide a share of the mask, never more than wanted."""
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
    held = bank.select(split, GROUND, WALL)
    if held and rng.random() < 0.6:
        chosen = held[int(rng.integers(len(held)))]
        look = random_crop(bank[chosen], WALL, size, rng)
    else:
        look = (
            random_crop(random_texture(rng), WALL, size, rng)
            if rng.random() < 0.6
            else random_gradient(size, rng)
        )
    hidden = float(((cover >= 0.5) & mask).sum() / mask.sum())
    light = srgb8_to_linear(look) * np.float32(rng.uniform(0.35, 1))
    return light, cover, {"hidden": round(hidden, 4)} if hidden else {}


def choose_environment(bank: Backgrounds, split: str, rng: np.random.Generator) -> int:
    """A picture of the bank that gives light to a group of views; -1 where there is none."""
    held = bank.select(split, SKY, SCENE) if rng.random() < 0.5 else bank.select(split)
    return held[int(rng.integers(len(held)))] if held else -1
