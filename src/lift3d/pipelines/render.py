"""A model to pictures with everything known about them, or to a film of it turning: what `lift3d render` does.

A folder gets NNN.png, and depth/, normals/ and masks/ with the same names, and transforms.json with the cameras, as
`lift3d reconstruct --cameras` and trainers of radiance fields read them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageColor

from lift3d.context import Progress, silent
from lift3d.errors import InputError
from lift3d.geometry.camera.orbit import orbit_camera, orbit_cameras
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.parts.convert import y_up_to_z_up_parts
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.geometry.render.lights import Environment, Lighting, flat, studio, sunlight
from lift3d.geometry.render.renderer import Rendering, render_many
from lift3d.io.camera.transforms import write_transforms
from lift3d.io.files.atomic import write_error
from lift3d.io.files.read import MAX_BYTES, read_bytes
from lift3d.io.image.animation import ANIMATION_SUFFIXES, write_animation
from lift3d.io.image.decode import open_picture
from lift3d.io.mesh.meshes import SUFFIXES_WITH_UP_AXIS, load_parts
from lift3d.types import Camera, Image, Points, Views

LIGHTS = ("studio", "sun", "flat", "bare")
MAX_VIEWS, SMALLEST, LARGEST = 10_000, 16, 4096
_BATCH = 8


@dataclass(frozen=True)
class Options:
    """views: None is 24 pictures or 72 frames; elevation: degrees, taken in turn, () is 15 and 35, or 20 for a film;
    light: one of LIGHTS or the path of an equirectangular picture; background: "transparent" or a colour's name;
    seed: None walks evenly around the thing, a number looks at it from random places; up: "y" or "z", how a model stands
    whose format does not say it."""

    views: int | None = None
    width: int = 512
    height: int = 512
    elevation: tuple[float, ...] = ()
    light: str = "studio"
    background: str = "white"
    seed: int | None = None
    up: str = "z"


def render_file(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: Options,
    progress: Progress = silent,
) -> str:
    """Make the pictures or the film; returns a sentence about what was written. Nothing half-done is left."""
    output = Path(output)
    film = output.suffix.lower() in ANIMATION_SUFFIXES
    check(output, options, film)
    if film:  # half of the colours: even sides
        options = replace(options, width=options.width // 2 * 2, height=options.height // 2 * 2)
    background, lighting = _background(options.background), _lighting(options.light)
    ready, unit = _loaded(Path(model), options.up)
    cameras = _cameras(ready, options, film)
    empty: list[int] = []
    shots = _counting(_shots(ready, cameras, lighting, background, progress), empty)
    size = f"{options.width}x{options.height}"
    if film:
        write_animation(output, (shot.rgb for shot in shots))
        said = f"wrote {output}: {counted(len(cameras), 'frame')} of {size}"
    else:
        write_set(output, shots, cameras, _farthest(ready, cameras), unit, background is None)
        said = f"wrote {output}: {counted(len(cameras), 'view')} of {size}, depth, normals, masks, cameras"
    if empty:
        said += f"; {len(empty)} of them show nothing, since the model is thinner than a pixel: make them larger (--size)"
    return said


def _counting(shots: Iterator[Rendering], empty: list[int]) -> Iterator[Rendering]:
    """The shots; numbers of those that show nothing are appended to `empty`."""
    for i, shot in enumerate(shots):
        if not shot.mask.any():
            empty.append(i)
        yield shot


def counted(n: int, thing: str) -> str:
    """ "1 view", "2 views"."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _loaded(model: Path, up: str) -> tuple[Drawable, str | None]:
    """The model z up, ready to be drawn, and its unit."""
    if model.is_dir():
        raise InputError(f"{model} is a folder", "name one mesh in it")
    loaded = load_parts(model)
    turn = up == "y" and model.suffix.lower() not in SUFFIXES_WITH_UP_AXIS
    ready = drawable(y_up_to_z_up_parts(loaded.parts) if turn else loaded.parts)
    a, b, c = (ready.v[ready.f[:, k]] for k in range(3))
    if not np.cross(b - a, c - a).any():
        raise InputError(f"{model.name} has no faces with an area to draw", "look at it with `lift3d check`")
    return ready, loaded.unit


def check(output: Path, options: Options, film: bool) -> None:
    """Refuse what cannot be done before any work."""
    if options.views is not None and not 1 <= options.views <= MAX_VIEWS:
        raise InputError(f"{options.views} views cannot be made", f"ask for 1 to {MAX_VIEWS}")
    for side in (options.width, options.height):
        if not SMALLEST <= side <= LARGEST:
            raise InputError(
                f"pictures of {side} pixels cannot be made", f"ask for {SMALLEST} to {LARGEST} pixels a side"
            )
    if options.seed is not None and options.seed < 0:
        raise InputError(f"the seed {options.seed} is negative", "give 0 or more")
    if options.up not in ("y", "z"):
        raise InputError(f"'{options.up[:40]}' is no upright axis", "--up takes y or z")
    if not all(-90 <= angle <= 90 for angle in options.elevation):
        raise InputError(
            "an elevation lies outside -90 to 90 degrees", "0 looks from the side, 90 from above"
        )
    if film:
        if options.background == "transparent":
            raise InputError(
                "a film has no transparent background", "name a colour, or write a folder of pictures"
            )
        if options.seed is not None:
            raise InputError("a film walks around the thing in order", "leave --seed away")
    elif output.is_file():
        raise InputError(
            f"{output} is a file",
            f"name a folder for the pictures, or a film that ends in {' or '.join(ANIMATION_SUFFIXES)}",
        )
    elif output.suffix:
        raise InputError(
            f"{output.name} is neither a folder nor a film",
            f"end it in {' or '.join(ANIMATION_SUFFIXES)}, or name a folder",
        )
    else:
        _require_free(output)


def _require_free(folder: Path) -> None:
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise write_error(error, folder) from error
    if taken:
        raise InputError(f"{folder} is there already and not empty", "name another folder for the pictures")


def _background(name: str) -> tuple[int, int, int] | None:
    if name == "transparent":
        return None
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"'{name[:40]}' is no colour", "use white, transparent, a name, or #rrggbb"
        ) from error
    return red, green, blue


def _lighting(name: str) -> Lighting | None:
    """One of LIGHTS (None for "bare": the material as it is), or light from all around, as in a picture."""
    if name in LIGHTS:
        return {"studio": studio, "sun": sunlight, "flat": flat, "bare": lambda: None}[name]()
    path = Path(name)
    if not path.is_file():
        raise InputError(
            f"there is no light called '{name[:80]}', nor such a picture",
            f"use {', '.join(LIGHTS)}, or an equirectangular picture",
        )
    picture = open_picture(read_bytes(path, MAX_BYTES), path.name)
    if not 1.5 <= picture.width / picture.height <= 2.5:
        raise InputError(
            f"{path.name} is {picture.width}x{picture.height}, not twice as wide as high",
            "give an equirectangular picture of the whole surroundings",
        )
    try:
        pixels = np.asarray(picture.convert("RGB").resize((512, 256), Pil.Resampling.BOX))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path.name} is damaged or cut short", "save it anew") from error
    around = Environment.of_picture(srgb8_to_linear(pixels), shadow=True)
    ways = np.concatenate([np.eye(3), -np.eye(3)])
    return Lighting((), (), around, float(0.95 / max(around.seen(ways).max(), 1e-3)))


def _cameras(ready: Drawable, options: Options, film: bool) -> tuple[Camera, ...]:
    n = options.views or (72 if film else 24)
    width, height = options.width, options.height
    v = ready.v[np.unique(ready.f)]
    if options.seed is None:
        elevation = options.elevation or ((20.0,) if film else (15.0, 35.0))
        if film:
            elevation = elevation[:1]
        return orbit_cameras(v, n, width, height, elevation)
    rng = np.random.default_rng(options.seed)
    angles = rng.uniform(0, 360, n)
    low, high = min(options.elevation, default=-10.0), max(options.elevation, default=70.0)
    sines = rng.uniform(np.sin(np.radians(low)), np.sin(np.radians(high)), n)  # even by area of the sphere
    focal = 1.2 * max(width, height)
    heights = np.degrees(np.arcsin(sines))
    return tuple(orbit_camera(v, float(a), float(e), width, height, focal) for a, e in zip(angles, heights))


def _farthest(ready: Drawable, cameras: Sequence[Camera]) -> float:
    """A depth that none exceeds."""
    centre, radius = ready.ball
    return max(float(camera.R[2] @ centre + camera.t[2]) for camera in cameras) + radius


def _shots(
    ready: Drawable,
    cameras: Sequence[Camera],
    lighting: Lighting | None,
    background: tuple[int, int, int] | None,
    progress: Progress,
) -> Iterator[Rendering]:
    """The views in order, a few at a time."""
    for at in range(0, len(cameras), _BATCH):
        progress("render", at / len(cameras))
        yield from render_many(ready, cameras[at : at + _BATCH], 2, 0.0, background, lighting)
    progress("render", 1.0)


def write_set(
    folder: Path,
    shots: Iterator[Rendering],
    cameras: Sequence[Camera],
    farthest: float,
    unit: str | None,
    transparent: bool,
) -> None:
    """The folder of pictures; it appears whole or not at all. Depth is 16 bits: z = value * depth_scale, 0 is none."""
    folder = Path(os.path.realpath(folder))
    part = folder.with_name(f".{folder.name}.{os.getpid()}.parts")
    scale = farthest / 65535
    try:
        for name in ("depth", "normals", "masks"):
            (part / name).mkdir(parents=True)
        with ThreadPoolExecutor(2) as pool:
            jobs = []
            for number, shot in enumerate(shots):
                jobs.append(pool.submit(_write_view, part, f"{number:03d}.png", shot, scale, transparent))
                if len(jobs) > 2 * _BATCH:
                    jobs.pop(0).result()
            for job in jobs:
                job.result()
        _write_cameras(part / "transforms.json", cameras, unit, scale)
        if folder.exists():
            folder.rmdir()
        os.replace(part, folder)
    except OSError as error:
        raise write_error(error, folder) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_view(part: Path, name: str, shot: Rendering, scale: float, transparent: bool) -> None:
    def save(pixels: NDArray[Any], path: Path) -> None:
        Pil.fromarray(pixels).save(path, compress_level=4)

    save(shot.rgba if transparent else shot.rgb, part / name)
    save(np.round(shot.depth.z / scale).astype(np.uint16), part / "depth" / name)
    save(np.where(shot.mask, 255, 0).astype(np.uint8), part / "masks" / name)
    normals = shot.depth.normals
    if normals is not None:
        out = np.round((normals * np.array([1, -1, -1]) + 1) * 127.5)
        save(np.where(shot.mask[..., None], out, 0).astype(np.uint8), part / "normals" / name)


def _write_cameras(path: Path, cameras: Sequence[Camera], unit: str | None, scale: float) -> None:
    """`write_transforms`, and where the other pictures of each view are and what their values mean."""
    names = [f"{number:03d}.png" for number in range(len(cameras))]
    blank = [Image(np.zeros((c.height, c.width, 3), np.uint8), n) for c, n in zip(cameras[:1], names)]
    images = tuple(replace(blank[0], name=name) for name in names)
    write_transforms(
        Views(images, tuple(cameras), Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32), unit), path
    )
    document = json.loads(path.read_text())
    frames = document.pop("frames")
    document["depth_scale"] = scale
    document["depth"] = (
        "16-bit grey: z along the optical axis = value * depth_scale, 0 where there is nothing"
    )
    document["normals"] = (
        "8-bit RGB: (value / 127.5 - 1) is the normal with x right, y up, z to the camera; 0 is none"
    )
    for frame, name in zip(frames, names):
        frame["depth_file_path"] = f"depth/{name}"
        frame["normal_file_path"] = f"normals/{name}"
        frame["mask_path"] = f"masks/{name}"
    document["frames"] = frames
    path.write_text(json.dumps(document, indent=1) + "\n")
