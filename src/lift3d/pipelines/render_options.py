"""The options of a rendering, and the cameras, light and background that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageColor

from lift3d.errors import InputError
from lift3d.geometry.camera.orbit import orbit_camera, orbit_cameras
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.lights import Environment, Lighting, flat, studio, sunlight
from lift3d.io.files.read import read_bytes
from lift3d.io.image.animation import ANIMATION_SUFFIXES
from lift3d.io.image.decode import open_picture
from lift3d.pipelines.arguments import require_axis
from lift3d.types import F64, Camera

LIGHTS = ("studio", "sun", "flat", "bare")
VIEWS, FRAMES = 24, 72
"""Views of a folder and frames of a film, if not given."""
MAX_VIEWS, MIN_SIDE, MAX_SIDE = 10_000, 16, 4096
ELEVATIONS, FILM_ELEVATION = (15.0, 35.0), 20.0
"""Degrees above the horizon on an orbit, in turn; and of a film."""
RANDOM_ELEVATIONS = (-10.0, 70.0)
"""Bounds of random elevations in degrees."""


@dataclass(frozen=True)
class Options:
    """Options of a rendering, checked on construction; see `pipelines.render.render`. width, height: pixels."""

    views: int | None = None
    width: int = 512
    height: int = 512
    elevation: tuple[float, ...] = ()
    light: str = "studio"
    background: str = "white"
    seed: int | None = None
    up: str = "z"

    def __post_init__(self) -> None:
        if self.views is not None and not 1 <= self.views <= MAX_VIEWS:
            raise InputError(f"{self.views} views cannot be rendered", f"ask for 1 to {MAX_VIEWS}")
        for side in (self.width, self.height):
            if not MIN_SIDE <= side <= MAX_SIDE:
                raise InputError(
                    f"images of {side} pixels cannot be rendered",
                    f"ask for {MIN_SIDE} to {MAX_SIDE} pixels a side",
                )
        if self.seed is not None and self.seed < 0:
            raise InputError(f"the seed {self.seed} is negative", "give 0 or more")
        require_axis(self.up)
        if not all(-90 <= angle <= 90 for angle in self.elevation):
            raise InputError(
                "an elevation lies outside -90 to 90 degrees", "0 looks from the side, 90 from above"
            )


def require_film(options: Options) -> None:
    """Raise InputError for options that a film cannot have."""
    if options.background == "transparent":
        raise InputError("a film has no transparent background", "name a colour, or write a folder of images")
    if options.seed is not None:
        raise InputError("a film orbits the model in order", "leave --seed out")


def is_film(output: Path) -> bool:
    """Whether an output names a film, by its ending."""
    return output.suffix.lower() in ANIMATION_SUFFIXES


def parse_background(name: str) -> tuple[int, int, int] | None:
    """sRGB of a colour's name or #rrggbb; None for "transparent". Raises InputError for an unknown colour."""
    if name == "transparent":
        return None
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"'{name[:40]}' is not a colour", "use white, transparent, a name, or #rrggbb"
        ) from error
    return red, green, blue


def load_lighting(name: str) -> Lighting | None:
    """One of LIGHTS, or image-based lighting by the equirectangular image at a path; None for "bare", the colour of the material
    alone. Raises InputError for an unknown name or an image that is not equirectangular."""
    if name in LIGHTS:
        return {"studio": studio, "sun": sunlight, "flat": flat, "bare": lambda: None}[name]()
    path = Path(name)
    if not path.is_file():
        raise InputError(
            f"there is no light called '{name[:80]}', nor an image of this name",
            f"use {', '.join(LIGHTS)}, or an equirectangular image",
        )
    picture = open_picture(read_bytes(path), path.name)
    if not 1.5 <= picture.width / picture.height <= 2.5:
        raise InputError(
            f"{path.name} is {picture.width}x{picture.height}, not twice as wide as high",
            "give an equirectangular image of the whole surroundings",
        )
    try:
        if picture.mode.startswith("I"):  # 16-bit grey, which Pillow would cut off at 255
            levels = np.clip(np.rint(np.asarray(picture) / 257.0), 0, 255)
            picture = Pil.fromarray(levels.astype(np.uint8))
        pixels = np.asarray(picture.convert("RGB").resize((512, 256), Pil.Resampling.BOX))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path.name} is damaged or cut short", "save it anew") from error
    environment = Environment.from_panorama(srgb8_to_linear(pixels), shadow=True)
    directions = np.concatenate([np.eye(3), -np.eye(3)])
    exposure = float(0.95 / max(environment.diffuse(directions).max(), 1e-3))
    return Lighting((), (), environment, exposure)


def make_cameras(vertices: F64, options: Options, film: bool) -> tuple[Camera, ...]:
    """Cameras that see all vertices (V, 3): on an orbit, or with a seed in random directions, uniform over the sphere between
    the elevations."""
    count = options.views or (FRAMES if film else VIEWS)
    width, height = options.width, options.height
    if options.seed is None:
        elevation = options.elevation or ((FILM_ELEVATION,) if film else ELEVATIONS)
        return orbit_cameras(vertices, count, width, height, elevation[:1] if film else elevation)
    rng = np.random.default_rng(options.seed)
    azimuths = rng.uniform(0, 360, count)
    low = min(options.elevation, default=RANDOM_ELEVATIONS[0])
    high = max(options.elevation, default=RANDOM_ELEVATIONS[1])
    # the area of a sphere between two elevations is proportional to the difference of their sines
    elevations = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(low)), np.sin(np.radians(high)), count)))
    focal = 1.2 * max(width, height)
    return tuple(
        orbit_camera(vertices, float(a), float(e), width, height, focal) for a, e in zip(azimuths, elevations)
    )
