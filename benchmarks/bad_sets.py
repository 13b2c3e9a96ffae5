"""Photo sets of which no reconstruction can be right: a run must refuse them, or warn in a true sentence."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import ndimage

from captures import FOCAL, HEIGHT, WIDTH, Shot, even, orbit, turned_camera, walk
from lift3d.geometry.camera.orbit import look_at
from photo_studio import Light, Studio, Subject
from rendered_models import load_subject
from scenery import Surroundings


def bad_set(name: str) -> tuple[Subject, list[Shot]]:
    """The subject and the shots of the bad set `name`, such as bad_fog."""
    kind = name.removeprefix("bad_")
    rng = np.random.default_rng(1000 + sum(map(ord, kind)))
    subject = flat_picture() if kind == "flat" else load_subject("sphere" if kind == "mirror" else "mushroom")
    return subject, KINDS[kind](subject.v, rng)


def static(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """Twenty photos from one place: neither the camera nor the object moves."""
    (camera,) = walk(v, [40], [25], rng)
    return [Shot(camera, Light(exposure=1 + rng.normal(0, 0.02))) for _ in range(20)]


def two(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """Two objects on two tables in one folder."""
    return [Shot(c, subject="" if i % 2 else "stool") for i, c in enumerate(orbit(v, 26, rng))]


def mirror(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """A ball that mirrors the room."""
    ball = Surroundings("room", mirror=True, table=2)
    return [Shot(c, None, ball) for c in orbit(v, 26, rng)]


def fog(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """A thick mist."""
    return [Shot(c, effect="fog") for c in orbit(v, 26, rng)]


def wall(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """A white wall from several places."""
    shots = []
    for i in range(16):
        eye = np.array([0.3 * (i % 4), 0.2 * (i // 4), 1.4])
        camera = look_at(eye, eye + [1.0, rng.normal(0, 0.1), 0.5], WIDTH, HEIGHT, FOCAL)
        shots.append(Shot(camera, Light(exposure=0.8 + rng.normal(0, 0.02)), Surroundings("white")))
    return shots


def six(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """Six photos at steps of 60 degrees before a black backdrop."""
    return [Shot(c, Light(), Surroundings("black")) for c in walk(v, even(6)(rng), (25,), rng)]


def blur(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """All photos are out of focus."""
    return [Shot(c, effect="blur") for c in orbit(v, 26, rng)]


def moved(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """The object is turned on the table between photos while the camera walks around it."""
    shots = []
    for camera in orbit(v, 26, rng):
        turn = float(rng.uniform(0, 2 * math.pi))
        light = Light(azimuth=0.6 - turn)
        shots.append(Shot(turned_camera(camera, turn), light, Surroundings("room", turn, table=2)))
    return shots


def flat(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """A screen that shows a photo, photographed from several sides before black."""
    black = Surroundings("black")
    shots = []
    for i in range(16):
        turn, tilt = 0.5 * math.sin(2.4 * i), 0.3 * math.cos(1.7 * i)
        out = 1.15 * np.array([math.sin(turn), math.sin(tilt), 1.2 * math.cos(turn)])
        shots.append(Shot(look_at(out, np.zeros(3), WIDTH, HEIGHT, FOCAL), Light(elevation=1.4), black))
    return shots


def dark(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """Night: the noise of the sensor alone."""
    return [Shot(c, Light(exposure=0.0006)) for c in orbit(v, 26, rng)]


def pan(v: np.ndarray, rng: np.random.Generator) -> list[Shot]:
    """The camera turns on the spot and does not move."""
    (first,) = walk(v, [10], [20], rng)
    shots = []
    for i in range(20):
        turn = math.radians(-28 + 56 * i / 19)
        c, s = math.cos(turn), math.sin(turn)
        pose = first.world_to_camera.copy()
        pose[:3] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ pose[:3]
        shots.append(Shot(replace(first, world_to_camera=pose), Light(exposure=1 + rng.normal(0, 0.03))))
    return shots


KINDS = {f.__name__: f for f in (static, two, mirror, fog, wall, six, blur, moved, flat, dark, pan)}


def flat_picture() -> Subject:
    """A flat board with a photo of a mushroom on its upper side, facing up."""
    model = load_subject("mushroom")
    (camera,) = walk(model.v, [40], [25], np.random.default_rng(0))
    photo = Studio(model).photograph(camera, Light(), None)
    x, y = 0.4, 0.3
    v = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]])
    v = np.concatenate([v, v - [0, 0, 0.01]])
    f = np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6], [0, 4, 5], [0, 5, 1], [1, 5, 6], [1, 6, 2], [2, 6, 7], [2, 7, 3],
                  [3, 7, 4], [3, 4, 0]], np.int32)  # fmt: skip
    normals = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    normals = np.repeat((normals / np.linalg.norm(normals, axis=1, keepdims=True))[:, None], 3, 1)
    uv = (v[f][:, :, :2] + [x, y]) / [2 * x, 2 * y]
    knobs = np.array([1, 1.0, 0.0, 0.0, 0.0, 0.0])
    linear = (photo.astype(np.float32) / 255) ** 2.2
    return Subject(v, f, normals, np.full((4, 3), 0.5), knobs, uv, linear, own=1.0)


def _fog(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    grey = 0.035 * photo + 0.965 * 190.0 + rng.normal(0, 2.0, photo.shape)
    return np.clip(np.round(grey), 0, 255).astype(np.uint8)


def _blur(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    soft = ndimage.gaussian_filter(photo.astype(np.float32), (9, 9, 0)) + rng.normal(0, 2.0, photo.shape)
    return np.clip(np.round(soft), 0, 255).astype(np.uint8)


EFFECTS = {"fog": _fog, "blur": _blur}
"""What happens to a photo after it was taken."""
