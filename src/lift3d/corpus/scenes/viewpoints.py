"""Cameras in scenes: where a photographer would stand, and lenses from telephoto to wide angle."""

from __future__ import annotations

import math

import numpy as np

from lift3d.corpus.scenes.layout import Layout
from lift3d.geometry.camera.orbit import look_at
from lift3d.types import Camera

FIELDS = (35.0, 100.0)
"""Range of the horizontal field of view in degrees."""
USUAL_FIELDS = (50.0, 75.0)
"""Range of two cameras of three: phones and depth cameras."""
LONG = 2.2
"""Ratio of the sides from which a room is a corridor."""
MARGIN = 0.25
"""Least distance in metres of a camera from walls and floor."""


def sample_camera(place: Layout, rng: np.random.Generator, width: int, height: int) -> Camera:
    """A random pinhole camera in a place, in metres. It looks across the room, at a table from nearby, at an object,
    or at a single object from a few times its size."""
    field = rng.uniform(*(USUAL_FIELDS if rng.random() < 0.67 else FIELDS))
    focal = width / 2 / math.tan(math.radians(field) / 2)
    roll = float(np.radians(rng.normal(0, 2.5 if rng.random() < 0.8 else 9)))
    w, d, h = place.extent
    chance = rng.random()
    if place.objects and chance < 0.9:
        centre, size = place.objects[int(rng.integers(len(place.objects)))]
        target = centre + rng.normal(0, 0.12, 3) * size
        away = max(size * float(np.exp(rng.uniform(np.log(1.1), np.log(4.5)))), 0.35) * min(
            focal / width / 0.9, 1.6
        )
        eye = _around(target, away, rng.uniform(0, 60), rng)
    elif place.tables and chance < 0.35:
        x, y, top, radius = place.tables[int(rng.integers(len(place.tables)))]
        target = np.array([x, y, top + 0.05]) + rng.normal(0, 0.3, 3) * (radius, radius, 0.05)
        away, tilt = rng.uniform(0.5, 1.8) + radius * 0.5, rng.uniform(12, 65)
        eye = _around(target, away, tilt, rng)
    elif place.targets and chance < 0.6:
        target = place.targets[int(rng.integers(len(place.targets)))] + rng.normal(0, 0.2, 3)
        away = rng.uniform(3, 15) if place.outdoors else rng.uniform(0.8, 3.0)
        eye = _around(target, away, rng.uniform(-8, 40), rng)
    elif place.outdoors:
        eye = np.array([w / 2, d / 2, rng.uniform(1.0, 3.0)]) + (*rng.normal(0, 4, 2), 0)
        angle = rng.uniform(0, 2 * np.pi)
        target = eye + (np.cos(angle), np.sin(angle), math.tan(math.radians(rng.normal(-4, 7))))
    elif max(w, d) > LONG * min(w, d) and chance < 0.85:
        eye, target = _along(place, rng)
    else:
        eye = np.array([*(rng.beta(0.6, 0.6, 2) * (w, d)), rng.uniform(0.7, 1.9)])
        centre = np.array([w, d, 0]) * rng.uniform(0.3, 0.7, 3)
        target = centre + np.array([0, 0, rng.uniform(0.1, 1.3)])
        if math.dist(eye[:2], target[:2]) < 0.5:
            target = target + np.array([0.8, 0.5, 0])
    low = np.full(3, MARGIN)
    high = np.maximum(np.array([w, d, h]) - MARGIN, low + 0.01)
    eye = np.clip(eye, low, high)
    if np.linalg.norm(target - eye) < 0.1:
        target = eye + np.array([0.6, 0.6, -0.3])
    return look_at(eye, target, width, height, focal, roll)


def _along(place: Layout, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A camera that looks along a corridor, and a point towards its end, now and then on one of its sides."""
    w, d, _ = place.extent
    axis = int(d > w)
    long, wide = max(w, d), min(w, d)
    eye, target = np.empty(3), np.empty(3)
    start, end = rng.uniform(0, 0.45) * long, long * rng.uniform(0.75, 1.0)
    if rng.random() < 0.5:
        start, end = long - start, long - end
    eye[axis], target[axis] = start, end
    eye[1 - axis], target[1 - axis] = rng.uniform(0.15, 0.85) * wide, rng.normal(0.5, 0.5) * wide
    eye[2], target[2] = rng.uniform(0.9, 1.8), rng.normal(1.2, 0.5)
    return eye, target


def _around(target: np.ndarray, away: float, tilt: float, rng: np.random.Generator) -> np.ndarray:
    """A point at a distance from the target, `tilt` degrees above its horizon, in a random direction."""
    a, e = rng.uniform(0, 2 * np.pi), math.radians(tilt)
    return np.asarray(
        target + away * np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    )
