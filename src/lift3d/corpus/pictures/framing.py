"""Random cameras that frame an object: any direction, field of view, size in the image and offset from the centre."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.pictures.recipes import CAMERA, START, Recipe, random_stream
from lift3d.geometry.camera.orbit import look_at
from lift3d.types import F64, Camera

GOLDEN = 180 * (3 - 5**0.5)
"""Golden angle in degrees between consecutive views, so that the first n views are evenly spread for every n."""
_DIRECTIONS, ROUNDS = 256, 30
NEAREST = 0.3
"""Minimum distance of the camera from the object, in longest sides."""


def extreme_points(v: F64) -> F64:
    """(N, 3) the points of v (V, 3) that are extreme in one of 256 directions; their extent is that of v to 1 %."""
    k = np.arange(_DIRECTIONS) + 0.5
    z, angle = 1 - 2 * k / _DIRECTIONS, np.radians(k * GOLDEN)
    r = np.sqrt(1 - z * z)
    directions = np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)
    return v[np.unique((v @ directions.T).argmax(0))]


def frame_camera(
    points: F64, recipe: Recipe, size: int, seed: int, key: str, view: int
) -> tuple[Camera, dict[str, float]]:
    """The camera of a view, size x size pixels, for an object with these extreme points, and the sampled parameters."""
    rng = random_stream(seed, key, view, CAMERA)
    start = random_stream(seed, key, 0, START).uniform(0, 360)
    low, high = recipe.usual if rng.random() < recipe.often else recipe.elevation
    elevation = float(rng.uniform(low, high))
    azimuth = float((start + view * GOLDEN + rng.uniform(-20, 20)) % 360)
    field, fill = float(rng.uniform(*recipe.field)), float(rng.uniform(*recipe.fill))
    roll = float(np.clip(rng.normal(0, recipe.roll / 2), -recipe.roll, recipe.roll))
    off = recipe.off * rng.uniform(-1, 1, 2)
    sampled = {"azimuth": azimuth, "elevation": elevation, "field": field, "fill": fill, "roll": roll}
    return _solve_camera(points, sampled, off, size), {name: round(x, 4) for name, x in sampled.items()}


def _solve_camera(points: F64, sampled: dict[str, float], off: F64, size: int) -> Camera:
    """The camera in the sampled direction for which the bounding box of the points in the image has the sampled size and
    offset, by fixed-point iteration."""
    a, e = np.radians(sampled["azimuth"]), np.radians(sampled["elevation"])
    out = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    focal = size / 2 / np.tan(np.radians(sampled["field"]) / 2)
    centre = (points.min(0) + points.max(0)) / 2
    direction = look_at(centre + out, centre, size, size, focal, np.radians(sampled["roll"]))
    seen = (points - centre) @ direction.R.T
    room = (
        max(1 - sampled["fill"], 0.0) / 2 * size
        if sampled["fill"] < 1
        else (sampled["fill"] - 1) / 2 * size + 0.05 * size
    )
    wanted = size / 2 + off * room
    shift = np.zeros(2)
    front = float(seen[:, 2].min())
    away = 3.0 * float(np.ptp(seen, axis=0).max()) * focal / size - front
    for _ in range(ROUNDS):  # the offset changes the size a little, and the size the offset
        at = focal * (seen[:, :2] + shift) / (seen[:, 2:] + away)
        low, high = at.min(0), at.max(0)
        ratio = min(max(float((high - low).max()) / (sampled["fill"] * size), 0.25), 4.0)
        shift += (wanted - size / 2 - (low + high) / 2) * (away + front) / focal
        away = max((away + front) * ratio, NEAREST) - front
    pose = np.eye(4)
    pose[:3, :3] = direction.R
    pose[:3, 3] = [*shift, away] - direction.R @ centre
    return Camera(size, size, focal, focal, size / 2, size / 2, pose)
