"""Recipes for training images: the ranges from which cameras, lights, backgrounds and image degradations are sampled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError

Range = tuple[float, float]
CAMERA, LIGHT, BACKGROUND, OCCLUSION, SENSOR, START = range(6)
"""Stages with independent random numbers, so that a change in one stage leaves the others unchanged."""


@dataclass(frozen=True)
class Recipe:
    """Ranges and probabilities of one style of image; docs/pictures.md explains them. Lengths in pixels refer to an image
    of 128 x 128 and scale with it; fractions and probabilities lie between 0 and 1; angles are in degrees.

    Camera. elevation: its range, within `usual` with probability `often`. field: of view. roll: maximal, either way. fill:
    fraction of the frame that the longer side of the object takes. off: offset from the centre as a fraction of the space.
    Light. studio: the same for all views; otherwise sun and environment change every `lights_each` views. shadows: cast.
    Background. white: none. plain, gradient, noise: probabilities of procedural ones; otherwise a picture. ground:
    probability of a ground with the object's shadow. defocus: maximal blur.
    Occlusion. occluded: probability of occluders. hidden: maximal fraction of the object behind them.
    Sensor. blur, motion: probability with largest sigma or length. read, shot: maximal noise relative to white. exposure:
    maximal stops either way. balance: spread of the channel gains. level: mean linear brightness of the object. jpeg:
    quality.
    """

    name: str
    elevation: Range = (-10, 60)
    usual: Range = (5, 35)
    often: float = 0.7
    field: Range = (20, 65)
    roll: float = 10
    fill: Range = (0.5, 0.95)
    off: float = 0.8
    studio: bool = False
    lights_each: int = 4
    shadows: bool = True
    white: bool = False
    plain: float = 0.1
    gradient: float = 0.1
    noise: float = 0.05
    ground: float = 0.35
    defocus: float = 2.5
    occluded: float = 0.2
    hidden: float = 0.35
    blur: tuple[float, float] = (0.4, 0.9)
    motion: tuple[float, float] = (0.12, 5)
    read: float = 0.007
    shot: float = 0.003
    exposure: float = 0.5
    balance: float = 0.06
    level: Range = (0.13, 0.34)
    jpeg: tuple[int, int] = (60, 96)


RECIPES: dict[str, Recipe] = {
    "clean": Recipe(
        "clean", usual=(5, 45), roll=0, fill=(0.8, 0.92), off=0, studio=True, white=True, plain=0, gradient=0, noise=0,
        ground=0, occluded=0, blur=(0, 0), motion=(0, 0), read=0, shot=0, exposure=0, balance=0, level=(0, 1), jpeg=(95, 95),
    ),
    "natural": Recipe("natural"),
    "close": Recipe(
        "close", fill=(0.8, 0.95), plain=0.6, gradient=0.3, noise=0.1, ground=0, occluded=0.1, lights_each=8,
    ),
    "hard": Recipe(
        "hard", elevation=(-20, 80), often=0.5, field=(15, 75), roll=20, fill=(0.35, 1.12), off=1.0, plain=0.05,
        gradient=0.05, noise=0.1, ground=0.3, occluded=0.6, hidden=0.6, blur=(0.6, 1.6), motion=(0.3, 9), read=0.02,
        shot=0.008, exposure=1.0, balance=0.12, level=(0.07, 0.45), jpeg=(30, 90),
    ),
}  # fmt: skip


def get_recipe(name: str | Recipe) -> Recipe:
    """The recipe of this name, or the recipe itself. Raises InputError for an unknown name."""
    if isinstance(name, Recipe):
        return name
    if name not in RECIPES:
        raise InputError(f"there is no recipe called {name}", f"choose from {', '.join(RECIPES)}")
    return RECIPES[name]


def random_stream(seed: int, key: str, number: int, what: int) -> np.random.Generator:
    """Random numbers for one stage `what` of one view (or group of views) of the shape `key`, independent of all others."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, digest, number, what])
