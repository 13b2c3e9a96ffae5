"""Cameras that look at a target: one camera by eye and target, and orbits around a set of points. Worlds have z up."""

from __future__ import annotations

import math

import numpy as np

from lift3d.types import F64, Camera


def look_at(eye: F64, target: F64, width: int, height: int, focal: float, roll: float = 0.0) -> Camera:
    """A pinhole camera at `eye` (3,) that looks at `target` (3,), both in the world.

    The image's vertical axis lies in the vertical plane of the viewing direction, then the camera rolls by `roll` radians about
    its optical axis. focal: in pixels. The principal point is the image centre. A vertical view has world +y up in the image.
    """
    eye, target = np.asarray(eye, np.float64), np.asarray(target, np.float64)
    forward = (target - eye) / np.linalg.norm(target - eye)
    up = np.array([0.0, 0, 1]) if abs(forward[2]) < 1 - 1e-9 else np.array([0.0, 1, 0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([c * right + s * down, -s * right + c * down, forward])
    pose[:3, 3] = -pose[:3, :3] @ eye
    return Camera(width, height, focal, focal, width / 2, height / 2, pose)


def orbit_camera(
    v: F64, azimuth: float, elevation: float, width: int, height: int, focal: float, fill: float = 0.9
) -> Camera:
    """The camera in direction (azimuth, elevation) of the points v (N, 3), looking at the centre of their bounding box.

    Angles in degrees: azimuth 0 is +x, 90 is +y. The bounding sphere of the points fills the fraction `fill` of the image's
    shorter side; the sphere does not depend on the direction, so all cameras of an orbit show one scale.
    """
    centre = (v.min(0) + v.max(0)) / 2
    radius = max(float(np.linalg.norm(v - centre, axis=1).max()), 1e-12)
    a, e = math.radians(azimuth), math.radians(elevation)
    out = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    half = math.atan(fill * min(width, height) / 2 / focal)
    return look_at(centre + radius / math.sin(half) * out, centre, width, height, focal)


def orbit_cameras(
    v: F64,
    n: int,
    width: int = 800,
    height: int = 600,
    elevation: float | tuple[float, ...] = (15.0, 35.0),
    focal: float | None = None,
    fill: float = 0.9,
) -> tuple[Camera, ...]:
    """n cameras at equal azimuth steps around the points v (N, 3); their elevations (degrees) cycle through `elevation`.

    focal: in pixels, 1.2 times the longer side if None. fill: see `orbit_camera`.
    """
    heights = (elevation,) if isinstance(elevation, (int, float)) else elevation
    focal = 1.2 * max(width, height) if focal is None else focal
    return tuple(
        orbit_camera(v, 360.0 * i / n, heights[i % len(heights)], width, height, focal, fill)
        for i in range(n)
    )
