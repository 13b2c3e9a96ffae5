"""Cameras that frame a thing: from any side, near with a wide lens or far with a long one, a little off the middle."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.pictures.recipes import CAMERA, START, Recipe, random_stream
from lift3d.geometry.camera.orbit import look_at
from lift3d.types import F64, Camera

GOLDEN = 180 * (3 - 5**0.5)
"""Degrees from one view to the next: the first n views are spread evenly for every n."""
_DIRECTIONS, ROUNDS = 256, 30
NEAREST = 0.3
"""Of the camera to the thing, in its longest side."""


def extreme_points(v: F64) -> F64:
    """(N, 3) the points of v that are farthest in one of 256 directions: they frame it as all of them would, to 1 %."""
    k = np.arange(_DIRECTIONS) + 0.5
    z, turn = 1 - 2 * k / _DIRECTIONS, np.radians(k * GOLDEN)
    r = np.sqrt(1 - z * z)
    directions = np.stack([r * np.cos(turn), r * np.sin(turn), z], 1)
    return v[np.unique((v @ directions.T).argmax(0))]


def frame_camera(
    points: F64, recipe: Recipe, size: int, seed: int, key: str, view: int
) -> tuple[Camera, dict[str, float]]:
    """The camera of a view for a thing with this `outline`, and what was drawn."""
    rng = random_stream(seed, key, view, CAMERA)
    start = random_stream(seed, key, 0, START).uniform(0, 360)
    low, high = recipe.usual if rng.random() < recipe.often else recipe.elevation
    elevation = float(rng.uniform(low, high))
    azimuth = float((start + view * GOLDEN + rng.uniform(-20, 20)) % 360)
    field, fill = float(rng.uniform(*recipe.field)), float(rng.uniform(*recipe.fill))
    roll = float(np.clip(rng.normal(0, recipe.roll / 2), -recipe.roll, recipe.roll))
    off = recipe.off * rng.uniform(-1, 1, 2)
    drawn = {"azimuth": azimuth, "elevation": elevation, "field": field, "fill": fill, "roll": roll}
    return _placed(points, drawn, off, size), {name: round(value, 4) for name, value in drawn.items()}


def _placed(points: F64, drawn: dict[str, float], off: F64, size: int) -> Camera:
    """The camera in this direction from which the points' box in the picture has the wanted size and place."""
    a, e = np.radians(drawn["azimuth"]), np.radians(drawn["elevation"])
    out = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    focal = size / 2 / np.tan(np.radians(drawn["field"]) / 2)
    middle = (points.min(0) + points.max(0)) / 2
    turned = look_at(middle + out, middle, size, size, focal, np.radians(drawn["roll"]))
    seen = (points - middle) @ turned.R.T
    room = (
        max(1 - drawn["fill"], 0.0) / 2 * size
        if drawn["fill"] < 1
        else (drawn["fill"] - 1) / 2 * size + 0.05 * size
    )
    wanted = size / 2 + off * room
    shift = np.zeros(2)
    front = float(seen[:, 2].min())
    away = 3.0 * float(np.ptp(seen, axis=0).max()) * focal / size - front
    for _ in range(ROUNDS):  # the place changes the size a little, and the other way round
        at = focal * (seen[:, :2] + shift) / (seen[:, 2:] + away)
        low, high = at.min(0), at.max(0)
        ratio = min(max(float((high - low).max()) / (drawn["fill"] * size), 0.25), 4.0)
        shift += (wanted - size / 2 - (low + high) / 2) * (away + front) / focal
        away = max((away + front) * ratio, NEAREST) - front
    pose = np.eye(4)
    pose[:3, :3] = turned.R
    pose[:3, 3] = [*shift, away] - turned.R @ middle
    return Camera(size, size, focal, focal, size / 2, size / 2, pose)
