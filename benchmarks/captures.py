"""Ways in which people photograph an object: how many photos, from where, with which zoom, before which background.

A capture is a list of shots. Cameras and lights are in the object's frame (z up, base at z = 0, diagonal 1). On turntables the
object turns by 15 degrees a photo before a camera, a light and a room that stay: in the object's frame, these turn back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lift3d.geometry.camera.orbit import look_at
from lift3d.types import Camera
from photo_studio import Light
from scenery import Surroundings

WIDTH, HEIGHT, FOCAL = 800, 600, 880.0
PHOTOS, HELD_BACK = 26, 4


@dataclass(frozen=True)
class Shot:
    """One photo. light: if None, the sun moves and the exposure varies from photo to photo. surroundings: None for the table in
    the room. effect: "", "fog" or "blur". zoom35: focal length that EXIF states, in mm for 35 mm film; 0 for no EXIF. subject: a
    shape other than that of the set. held_back: whether the photo is kept out of the reconstruction."""

    camera: Camera
    light: Light | None = None
    surroundings: Surroundings | None = None
    effect: str = ""
    zoom35: int = 0
    subject: str = ""
    held_back: bool = False


def orbit(v: np.ndarray, n: int, rng: np.random.Generator, turn: float = 0.0) -> list[Camera]:
    """n cameras around the object as of a walking person: three heights, uneven steps, and jitter."""
    centre, radius = centre_and_radius(v)
    rings = [n - 2 * (n // 3), n // 3, n // 3]
    cameras = []
    for ring, (count, height) in enumerate(zip(rings, (15.0, 33.0, 52.0))):
        for i in range(count):
            azimuth = 2 * math.pi * (i + 0.5 * ring + turn) / count + rng.normal(0, 0.035)
            elevation = math.radians(height + rng.uniform(-4, 4))
            away = FOCAL * 2 * radius / (0.74 * HEIGHT) * rng.uniform(0.94, 1.08)
            out = [
                math.cos(elevation) * math.cos(azimuth),
                math.cos(elevation) * math.sin(azimuth),
                math.sin(elevation),
            ]
            target = centre + rng.normal(0, 0.025, 3)
            cameras.append(
                look_at(centre + away * np.array(out), target, WIDTH, HEIGHT, FOCAL, rng.normal(0, 0.03))
            )
    return cameras


def centre_and_radius(v: np.ndarray) -> tuple[np.ndarray, float]:
    """A point on the axis at half the height, and the distance of the farthest vertex from it."""
    centre = np.array([0, 0, (v[:, 2].min() + v[:, 2].max()) / 2])
    return centre, float(np.linalg.norm(v - centre, axis=1).max())


def walk(
    v: np.ndarray, degrees: Sequence[float], heights: Sequence[float], rng: np.random.Generator, roll: float = 0.0,
    zooms: Sequence[float] = (1.0,), fill: float = 0.74,
) -> list[Camera]:  # fmt: skip
    """Cameras at azimuths and elevations (degrees; elevations and zooms are repeated in turn) with the jitter of a hand. A zoom
    is partly used to step back. fill: of the picture's height by the object's bounding sphere."""
    centre, radius = centre_and_radius(v)
    cameras = []
    for i, azimuth in enumerate(np.radians(degrees)):
        zoom = zooms[i % len(zooms)]
        azimuth += rng.normal(0, 0.035)
        elevation = math.radians(heights[i % len(heights)] + rng.uniform(-4, 4))
        away = FOCAL * 2 * radius / (fill * HEIGHT) * rng.uniform(0.94, 1.08) * zoom**0.7
        c, s = math.cos(elevation), math.sin(elevation)
        out = np.array([c * math.cos(azimuth), c * math.sin(azimuth), s])
        target = centre + rng.normal(0, 0.025, 3)
        cameras.append(
            look_at(centre + away * out, target, WIDTH, HEIGHT, FOCAL * zoom, roll + rng.normal(0, 0.03))
        )
    return cameras


def turned_camera(camera: Camera, turn: float) -> Camera:
    """The camera of a room in the frame of an object that has turned by `turn` radians about the vertical axis."""
    pose = camera.world_to_camera.copy()
    c, s = math.cos(turn), math.sin(turn)
    pose[:3, :3] = pose[:3, :3] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return replace(camera, world_to_camera=pose)


def around(v: np.ndarray, seed: int) -> list[Shot]:
    """26 photos at three heights, and four more held back."""
    held = orbit(v, HELD_BACK, np.random.default_rng(100 + seed), turn=0.4)
    return [
        *(Shot(c) for c in orbit(v, PHOTOS, np.random.default_rng(seed))),
        *(Shot(c, Light(), held_back=True) for c in held),
    ]


def turntable(
    kind: str, rings: Sequence[float] = (25.0,), step: float = 15.0
) -> Callable[[np.ndarray, int], list[Shot]]:
    """The still camera, at one elevation a turn of the table, and `step` degrees between photos."""

    def shots(v: np.ndarray, seed: int) -> list[Shot]:
        rng = np.random.default_rng(400 + seed)
        plate = 1.12 * float(np.hypot(v[:, 0], v[:, 1]).max()) + 0.04
        wide = np.concatenate([v, plate * np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])])
        made = []
        for height in rings:
            azimuth = float(rng.uniform(0, 360))
            (room,) = walk(wide, [azimuth], [height], rng, fill=0.9)
            light = Light(azimuth=math.radians(azimuth) + 0.7, elevation=0.95)
            for i in range(round(360 / step)):
                turn = math.radians(i * step)
                surroundings = Surroundings(kind, turn, plate, seed % 3, (seed + 1) % 3, seed=seed)
                exposure = 1 + rng.normal(0, 0.01)
                now = replace(light, azimuth=light.azimuth - turn, exposure=exposure)
                made.append(Shot(turned_camera(room, turn), now, surroundings))
        return made

    return shots


def walking(
    degrees: Callable[[np.random.Generator], Sequence[float]], heights: Sequence[float], **options: object
) -> Callable[[np.ndarray, int], list[Shot]]:
    """A capture by `walk` in the room."""

    def shots(v: np.ndarray, seed: int) -> list[Shot]:
        rng = np.random.default_rng(500 + seed)
        return [Shot(c) for c in walk(v, degrees(rng), heights, rng, **options)]  # type: ignore[arg-type]

    return shots


def even(n: int, whole: float = 360.0) -> Callable[[np.random.Generator], np.ndarray]:
    """n azimuths at equal steps."""
    return lambda rng: rng.uniform(0, 360) + np.arange(n) * whole / n


def zoomed(exif: bool) -> Callable[[np.ndarray, int], list[Shot]]:
    """26 photos with three zooms in turn, with or without their focal lengths in EXIF."""

    def shots(v: np.ndarray, seed: int) -> list[Shot]:
        rng = np.random.default_rng(600 + seed)
        cameras = walk(v, even(26)(rng), (15, 33, 24, 50), rng, zooms=(1.0, 1.5, 0.75))
        return [Shot(c, zoom35=round(c.fx * 36 / WIDTH) if exif else 0) for c in cameras]

    return shots


def specks(v: np.ndarray, seed: int) -> list[Shot]:
    """26 photos in the open air, with houses and posts up to eighty diagonals away."""
    air = Surroundings("outdoor", table=seed % 3, boxes=far_things(seed), seed=seed)
    return [Shot(c, None, air) for c in orbit(v, PHOTOS, np.random.default_rng(700 + seed))]


def far_things(seed: int, count: int = 40) -> tuple[tuple[float, ...], ...]:
    """Low and high corners (6,) of boxes on the ground, 6 to 80 diagonals away in all directions."""
    rng = np.random.default_rng(800 + seed)
    things = []
    for _ in range(count):
        away, turn = 6 * (80 / 6) ** rng.uniform(0, 1), rng.uniform(0, 2 * math.pi)
        x, y = away * math.cos(turn), away * math.sin(turn)
        half, tall = 0.04 * away * rng.uniform(0.5, 1.5), 0.12 * away * rng.uniform(0.5, 2)
        things.append((x - half, y - half, 0.0, x + half, y + half, tall))
    return tuple(things)


def front(v: np.ndarray, seed: int) -> list[Shot]:
    """22 photos of a front from the street: an arc of 110 degrees, at heights about the middle of the front."""
    rng = np.random.default_rng(900 + seed)
    air = Surroundings("outdoor", table=1, boxes=far_things(seed), seed=seed)
    middle, made = np.array([0, float(v[:, 1].min()), 0.45 * float(v[:, 2].max())]), []
    for i in range(22):
        azimuth = math.radians(-90 + 110 * (i / 21 - 0.5)) + rng.normal(0, 0.03)
        away = rng.uniform(0.85, 1.15)
        eye = middle + [away * math.cos(azimuth), away * math.sin(azimuth), rng.uniform(-0.12, 0.05)]
        target = middle + [rng.normal(0, 0.08), 0, rng.normal(0.02, 0.04)]
        camera = look_at(eye, target, WIDTH, HEIGHT, FOCAL, rng.normal(0, 0.02))
        made.append(Shot(camera, Light(azimuth=-1.1, elevation=0.8, exposure=1 + rng.normal(0, 0.05)), air))
    return made


CAPTURES: dict[str, Callable[[np.ndarray, int], list[Shot]]] = {
    "around": around,
    "turntable_room": turntable("room"),
    "turntable_black": turntable("black"),
    "turntable_white": turntable("white"),
    "turntable_rings": turntable("room", (18.0, 45.0)),
    "arc200": walking(
        lambda rng: np.sort(rng.uniform(0, 360) + 200 * rng.uniform(0, 1, 20) ** 1.4), (14, 32, 46)
    ),
    "ring": walking(even(20), (22,)),
    "eight": walking(even(8), (20, 38)),
    "zooms": zoomed(True),
    "zooms_bare": zoomed(False),
    "portrait": walking(even(26), (15, 33, 24, 50), roll=math.pi / 2, fill=0.9),
    "many": lambda v, seed: [Shot(c) for c in orbit(v, 120, np.random.default_rng(seed))],
    "plain": around,
    "specks": specks,
    "front": front,
}
"""The name of a capture to its shots of a subject with vertices v (V, 3) and a seed. plain: as around, of a white object."""
