"""Small exact scenes for the tests: analytic surfaces with an analytic texture, photographed by exact ray casting."""

from __future__ import annotations

from functools import cache

import numpy as np

from lift3d.geometry.camera.projection import pixel_rays, project
from lift3d.types import Camera, Depth, Image, Points, Views


def look_at(centre, target, width=320, height=240, focal=340.0, up=(0.0, 0.0, 1.0)) -> Camera:
    """A camera at `centre` looking at `target`, world z up."""
    centre, target = np.asarray(centre, float), np.asarray(target, float)
    z = (target - centre) / np.linalg.norm(target - centre)
    x = np.cross(z, up)
    x /= np.linalg.norm(x)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([x, np.cross(z, x), z])
    pose[:3, 3] = -pose[:3, :3] @ centre
    return Camera(width, height, focal, focal, width / 2, height / 2, pose)


def texture(p: np.ndarray) -> np.ndarray:
    """Grey value in [20, 235] at world points (..., 3): a fixed sum of waves, so there is detail everywhere."""
    rng = np.random.default_rng(7)
    p = p.astype(np.float32)
    value = np.zeros(p.shape[:-1], np.float32)
    for _ in range(24):
        k = rng.normal(size=3)
        k *= rng.uniform(6, 90) / np.linalg.norm(k)
        value += np.sin(p @ k.astype(np.float32) + np.float32(rng.uniform(0, 6.28)))
    return np.clip(127 + 22 * value, 20, 235)


def cast(camera: Camera, radius: float = 0.5, height: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Depth (H, W) and world points (H, W, 3) of a sphere (centre 0, 0, height) on the plane z = 0."""
    rays = pixel_rays(camera) @ camera.R
    origin = camera.centre
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(rays[..., 2] < 0, -origin[2] / rays[..., 2], np.inf)
    if radius > 0:
        o = origin - [0, 0, height]
        a, b = (rays**2).sum(-1), rays @ o
        disc = b * b - a * (o @ o - radius**2)
        hit = disc > 0
        t = (-b - np.sqrt(np.where(hit, disc, 0))) / a
        z = np.where(hit & (t > 0) & (t < z), t, z)
    z = np.where(np.isfinite(z), z, 0)
    return z.astype(np.float32), origin + rays * z[..., None]


def photograph(camera: Camera, radius: float = 0.5) -> Image:
    """A 3x3-supersampled photo of the sphere on its table."""
    from lift3d.geometry.camera.projection import resize_camera

    fine = resize_camera(camera, camera.width * 3, camera.height * 3)
    z, p = cast(fine, radius)
    grey = np.where(z > 0, texture(p), 127.0).reshape(camera.height, 3, camera.width, 3).mean((1, 3))
    return Image(np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, 2), name="photo")


def orbit_cameras(count: int, distance: float = 2.4) -> list[Camera]:
    """Cameras around the sphere at two heights."""
    angles = 2 * np.pi * np.arange(count) / count
    places = [
        [distance * np.cos(a), distance * np.sin(a), 1.0 if i % 2 else 1.8] for i, a in enumerate(angles)
    ]
    return [look_at(place, [0, 0, 0.4]) for place in places]


@cache
def orbit_views(count: int = 14, radius: float = 0.5) -> Views:
    """Views around the sphere from two heights, with sparse points on what they see; the same object each time."""
    cameras = orbit_cameras(count)
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(400, 3))
    ball = normal / np.linalg.norm(normal, axis=1, keepdims=True) * radius + [0, 0, 0.5]
    table = np.concatenate([rng.uniform(-1.2, 1.2, (200, 2)), np.zeros((200, 1))], 1)
    xyz = np.concatenate([ball, table])
    observations = []
    for i, camera in enumerate(cameras):
        uv, depth = project(camera, xyz)
        inside = (depth > 0) & (uv >= 0).all(1) & (uv[:, 0] < camera.width) & (uv[:, 1] < camera.height)
        z, _ = cast(camera, radius)
        at = np.nonzero(inside)[0]
        u, v = uv[at].astype(int).T
        at = at[np.abs(z[v, u] - depth[at]) < 0.03]
        observations.append(np.stack([np.full(len(at), i), at], 1))
    images = tuple(photograph(camera, radius) for camera in cameras)
    return Views(images, tuple(cameras), Points(xyz), np.concatenate(observations).astype(np.int32))


def exact_maps(views: Views, confidence: float = 0.9) -> list[Depth]:
    """Exact depths and normals of ball and table."""
    maps = []
    for camera in views.cameras:
        z, p = cast(camera)
        out = (p - [0, 0, 0.5]) / 0.5
        out[np.abs(p[..., 2]) < 1e-6] = [0, 0, 1]
        sure = np.where(z > 0, confidence, 0).astype(np.float32)
        maps.append(Depth(z, camera, (out @ camera.R.T).astype(np.float32), sure))
    return maps
