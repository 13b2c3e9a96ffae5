"""A small rendered scene for the tests of camera finding and of scenes: a textured box in the corner of a textured room."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from lift3d.geometry.camera.projection import pixel_rays
from lift3d.types import Camera, Depth, Image


@cache
def texture(seed: int, size: int = 512) -> np.ndarray:
    """(size, size, 3) in [0, 255]: noise of several scales, so that features are found at any distance."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size, 3))
    for sigma in (1.2, 2.5, 5.0, 12.0):
        noise = gaussian_filter(rng.normal(size=(size, size, 3)), (sigma, sigma, 0), mode="wrap")
        total += noise / noise.std()
    return np.clip(128 + 32 * total, 0, 255)


def look_at(centre, target, width=400, height=300, focal=380.0) -> Camera:
    """World z is up."""
    forward = np.subtract(target, centre).astype(float)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = -pose[:3, :3] @ np.asarray(centre, float)
    return Camera(width, height, focal, focal, width / 2, height / 2, pose)


def rectangles(seed: int | None = None):
    """(corner, edge, edge, texture): floor, two walls, and the five visible faces of a box; without a seed no textures."""
    quads = [
        ((-3, -3, 0), (6, 0, 0), (0, 6, 0)),
        ((-3, 3, 0), (6, 0, 0), (0, 0, 3)),
        ((-3, -3, 0), (0, 6, 0), (0, 0, 3)),
        ((-0.5, -0.5, 0.8), (1, 0, 0), (0, 1, 0)),
        ((-0.5, -0.5, 0), (1, 0, 0), (0, 0, 0.8)),
        ((-0.5, 0.5, 0), (1, 0, 0), (0, 0, 0.8)),
        ((-0.5, -0.5, 0), (0, 1, 0), (0, 0, 0.8)),
        ((0.5, -0.5, 0), (0, 1, 0), (0, 0, 0.8)),
    ]
    pictures = [None if seed is None else texture(100 * seed + n) for n in range(len(quads))]
    return [(*(np.array(x, float) for x in q), picture) for q, picture in zip(quads, pictures)]


def cast(camera: Camera, scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For every pixel the depth (inf where nothing is), the number of the nearest rectangle (-1) and where on it (u, v)."""
    rays = pixel_rays(camera).reshape(-1, 3) @ camera.R
    depth, which, uv = np.full(len(rays), np.inf), np.full(len(rays), -1), np.zeros((len(rays), 2))
    for number, (corner, a, b, _) in enumerate(scene):
        normal = np.cross(a, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = ((corner - camera.centre) @ normal) / (rays @ normal)
        hit = camera.centre + rays * np.where(np.isfinite(t), t, 0)[:, None] - corner
        u, v = hit @ a / (a @ a), hit @ b / (b @ b)
        ok = (t > 1e-6) & (t < depth) & (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
        depth[ok], which[ok], uv[ok] = t[ok], number, np.stack([u, v], 1)[ok]
    return depth, which, uv


def render(camera: Camera, scene, name: str = "", noise: float = 1.5, seed: int = 0) -> Image:
    """Bilinear texture on the nearest rectangle along every pixel's ray, and a little sensor noise."""
    _, which, uv = cast(camera, scene)
    pixels = np.full((len(which), 3), 128.0)
    _paint(pixels, which, uv, scene)
    pixels += np.random.default_rng(seed).normal(scale=noise, size=pixels.shape)
    shape = (camera.height, camera.width, 3)
    return Image(np.clip(pixels + 0.5, 0, 255).astype(np.uint8).reshape(shape), name=name)


def measured(camera: Camera, scene, noise: float = 0.002, seed: int = 0) -> Depth:
    """The depth map of a camera with noise as a share of the depth, and the rectangles' own normals."""
    depth, which, _ = cast(camera, scene)
    world = np.array([np.cross(a, b) / np.linalg.norm(np.cross(a, b)) for _, a, b, _ in scene])
    normals = world[which] @ camera.R.T
    normals *= -np.sign((normals * pixel_rays(camera).reshape(-1, 3)).sum(1, keepdims=True))
    known = which >= 0
    z = np.where(known, depth, 0) * (1 + noise * np.random.default_rng(seed).normal(size=len(depth)))
    shape = (camera.height, camera.width)
    flat = (np.where(known[:, None], normals, 0).astype(np.float32).reshape(*shape, 3),
            known.astype(np.float32).reshape(shape))  # fmt: skip
    return Depth(z.astype(np.float32).reshape(shape), camera, *flat)


def rolled(camera: Camera, degrees: float) -> Camera:
    """The camera turned about its optical axis, picture and all (a quarter turn stands for a photo held upright)."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec([0, 0, np.radians(degrees)]).as_matrix()
    return replace(camera, world_to_camera=turn @ camera.world_to_camera)


def arc(count: int, span: float = 100.0, radius: float = 2.6) -> list[Camera]:
    """Cameras on an arc of `span` degrees around the box, at varied height."""
    out = []
    for k, angle in enumerate(np.radians(np.linspace(-90, -90 + span, count))):
        centre = (radius * np.cos(angle), radius * np.sin(angle), 1.2 + 0.25 * np.sin(1.7 * k))
        out.append(look_at(centre, (0, 0, 0.35)))
    return out


def photos(cameras, seed: int = 1) -> tuple[Image, ...]:
    """One photo per camera of one scene."""
    scene = rectangles(seed)
    return tuple(render(c, scene, f"{k:02d}.png", seed=k) for k, c in enumerate(cameras))


def turntable(
    count: int, backdrop: str, step: float = 15.0, seed: int = 1
) -> tuple[list[Image], list[Camera]]:
    """Photos of a textured box that turns by `step` degrees before a still camera, and the cameras in the frame of the box.

    backdrop: "room" (textured), "black" or "white".
    """
    fixed = look_at((0, -2.9, 1.2), (0, 0, 0.35), 320, 240, 350.0)
    box, room = rectangles(seed)[3:], rectangles(seed + 3)[:3]
    box = [(c * [1, 0.7, 1], a * [1, 0.7, 1], b * [1, 0.7, 1], picture) for c, a, b, picture in box]
    _, behind, at = cast(fixed, room)
    base = np.full((len(behind), 3), {"room": 128.0, "black": 4.0, "white": 250.0}[backdrop])
    if backdrop == "room":
        _paint(base, behind, at, room)
    images, cameras = [], []
    for k in range(count):
        spin = np.eye(4)
        spin[:3, :3] = Rotation.from_rotvec([0, 0, np.radians(step * k)]).as_matrix()
        camera = replace(fixed, world_to_camera=fixed.world_to_camera @ spin)
        pixels = base.copy()
        _paint(pixels, *cast(camera, box)[1:], box)
        pixels += np.random.default_rng(k).normal(scale=1.5, size=pixels.shape)
        shape = (fixed.height, fixed.width, 3)
        images.append(
            Image(np.clip(pixels + 0.5, 0, 255).astype(np.uint8).reshape(shape), name=f"{k:02d}.png")
        )
        cameras.append(camera)
    return images, cameras


def _paint(pixels: np.ndarray, which: np.ndarray, uv: np.ndarray, scene) -> None:
    """Bilinear texture of the rectangles `which` at (u, v), in place."""
    for number, (_, a, b, picture) in enumerate(scene):
        ok = which == number
        scale = 160 * np.array([np.linalg.norm(a), np.linalg.norm(b)])
        at = (uv[ok] * scale).T[::-1]
        for channel in range(3):
            pixels[ok, channel] = map_coordinates(picture[..., channel], at, order=1, mode="grid-wrap")
