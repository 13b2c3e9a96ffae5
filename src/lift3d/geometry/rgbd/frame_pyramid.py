"""A colour and depth frame prepared for alignment: grey values, denoised points and normals on a pyramid of the depth camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.image.pyramid import halve
from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.geometry.rgbd.depth_noise import CONSTANT, JUMP, QUADRATIC, without_edges
from lift3d.geometry.sfm.sharpness import noise_level
from lift3d.types import F32, Camera, RgbdFrame

FINEST = 400
"""Largest width in pixels of the finest level."""
LEVELS = 3
SMALLEST = 24
"""Least side in pixels of a level."""


@dataclass(frozen=True, eq=False)
class Level:
    """One level of the pyramid, all in the frame of the depth camera.

    grey (H, W) float32 in [0, 255]; gradient (H, W, 2) float32 in x and y; z (H, W) float32 metres, 0 where unknown; normals
    (H, W, 3) float32, facing the camera, 0 where unknown; k (4,) float32: fx, fy, cx, cy; noise: standard deviation of the
    noise of the grey values.
    """

    grey: F32
    gradient: F32
    z: F32
    normals: F32
    k: F32
    noise: float


def prepare(frame: RgbdFrame) -> tuple[Level, ...]:
    """The levels of a frame, coarsest first."""
    z = without_edges(frame.depth.z)
    camera = frame.depth.camera
    grey = _grey_at_depth(frame, camera)
    while camera.width > FINEST and min(camera.height, camera.width) >= 2 * SMALLEST:
        z, grey, camera = _halve_depth(z), halve(grey), _halved(camera)
    smooth = np.empty_like(z)
    _bilateral(z, CONSTANT, QUADRATIC, smooth)
    levels = [_level(grey, smooth, camera)]
    for _ in range(LEVELS - 1):
        if min(camera.width, camera.height) < 2 * SMALLEST:
            break
        smooth, grey, camera = _halve_depth(smooth), halve(grey), _halved(camera)
        levels.append(_level(grey, smooth, camera))
    return tuple(levels[::-1])


def _halved(camera: Camera) -> Camera:
    half = resize_camera(camera, max(camera.width // 2, 1), max(camera.height // 2, 1))
    return replace(half, fx=camera.fx / 2, fy=camera.fy / 2, cx=camera.cx / 2, cy=camera.cy / 2)


def _level(grey: F32, z: F32, camera: Camera) -> Level:
    k = np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32)
    normals = np.zeros((*z.shape, 3), np.float32)
    depth_normals(z, k, 2, normals)
    gradient = np.zeros((*z.shape, 2), np.float32)
    gradient[:, 1:-1, 0] = 0.5 * (grey[:, 2:] - grey[:, :-2])
    gradient[1:-1, :, 1] = 0.5 * (grey[2:] - grey[:-2])
    return Level(np.ascontiguousarray(grey), gradient, z, normals, k, max(noise_level(grey), 0.3))


def _grey_at_depth(frame: RgbdFrame, camera: Camera) -> F32:
    """(h, w) grey values of the colour image at the pixels of the depth camera."""
    grey = frame.image.grey
    pose = camera.world_to_camera
    colour = frame.camera
    k = np.array([colour.fx, colour.fy, colour.cx, colour.cy])
    d = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    if grey.shape == frame.depth.z.shape and np.allclose(k, d) and np.allclose(pose, np.eye(4)):
        return grey
    while grey.shape[1] >= 2 * camera.width:  # averaged first, so that no detail is aliased
        grey, k = halve(grey), k / 2
    out = np.empty(frame.depth.z.shape, np.float32)
    back = np.linalg.inv(pose)
    _sample_grey(frame.depth.z, d, k, np.ascontiguousarray(back[:3, :3]), back[:3, 3].copy(), grey, out)
    return out


@njit_kernel
def _sample_grey(z: Any, d: Any, k: Any, r: Any, t: Any, grey: Any, out: Any) -> None:
    """out (h, w): bilinear grey values at the depth pixels; pixels without depth are taken to be at 2 m."""
    height, width = grey.shape
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            depth = z[i, j] if z[i, j] > 0 else 2.0
            x, y = (j + 0.5 - d[2]) / d[0] * depth, (i + 0.5 - d[3]) / d[1] * depth
            p = r[0, 0] * x + r[0, 1] * y + r[0, 2] * depth + t[0]
            q = r[1, 0] * x + r[1, 1] * y + r[1, 2] * depth + t[1]
            s = max(r[2, 0] * x + r[2, 1] * y + r[2, 2] * depth + t[2], 1e-6)
            u = min(max(k[0] * p / s + k[2] - 0.5, 0.0), width - 1.0)
            v = min(max(k[1] * q / s + k[3] - 0.5, 0.0), height - 1.0)
            j0, i0 = min(int(u), width - 2), min(int(v), height - 2)
            a, b = u - j0, v - i0
            out[i, j] = (1 - b) * ((1 - a) * grey[i0, j0] + a * grey[i0, j0 + 1]) + b * (
                (1 - a) * grey[i0 + 1, j0] + a * grey[i0 + 1, j0 + 1]
            )


@njit_kernel
def _halve_kernel(z: Any, jump: float, constant: float, quadratic: float, out: Any) -> None:
    """Mean of the known depths of 2 x 2 pixels that lie on the nearest of their surfaces; 0 with fewer than two."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            near = np.float32(1e30)
            for a in range(2):
                for b in range(2):
                    value = z[2 * i + a, 2 * j + b]
                    if 0 < value < near:
                        near = value
            out[i, j] = 0
            if near > 1e29:
                continue
            step = max(jump * (constant + quadratic * near * near), 0.02 * near)
            total, count = np.float32(0), 0
            for a in range(2):
                for b in range(2):
                    value = z[2 * i + a, 2 * j + b]
                    if value > 0 and value - near <= step:
                        total += value
                        count += 1
            if count >= 2:
                out[i, j] = total / count


def _halve_depth(z: F32) -> F32:
    """(H // 2, W // 2) depth map at half the size, without means across depth steps."""
    out = np.empty((max(z.shape[0] // 2, 1), max(z.shape[1] // 2, 1)), np.float32)
    _halve_kernel(np.ascontiguousarray(z), JUMP, CONSTANT, QUADRATIC, out)
    return out


@njit_kernel
def _bilateral(z: Any, constant: float, quadratic: float, out: Any) -> None:
    """Bilateral filter of radius 2 (Tomasi & Manduchi 1998); the range weight is 1 / (1 + (d / 3 sigma)^2)^2."""
    h, w = z.shape
    for i in range(h):
        for j in range(w):
            here = z[i, j]
            out[i, j] = 0
            if here <= 0:
                continue
            scale = 1.0 / (3 * (constant + quadratic * here * here)) ** 2
            total, weight = 0.0, 0.0
            for a in range(max(i - 2, 0), min(i + 3, h)):
                for b in range(max(j - 2, 0), min(j + 3, w)):
                    value = z[a, b]
                    if value <= 0:
                        continue
                    d = (value - here) * (value - here) * scale
                    if d > 9:
                        continue
                    c = 1.0 / ((1.0 + d) * (1.0 + d) * (2.0 + (a - i) * (a - i) + (b - j) * (b - j)))
                    total += c * value
                    weight += c
            out[i, j] = total / weight


@njit_inline
def _point(z: Any, k: Any, i: int, j: int) -> tuple[float, float, float]:
    return (j + 0.5 - k[2]) / k[0] * z[i, j], (i + 0.5 - k[3]) / k[1] * z[i, j], z[i, j]


@njit_kernel
def depth_normals(z: Any, k: Any, reach: int, out: Any) -> None:
    """Unit normals (H, W, 3) into `out`, facing the camera, from points `reach` pixels to the four sides; 0 where one is missing
    or the normal is at more than 84 degrees to the viewing ray."""
    h, w = z.shape
    for i in range(reach, h - reach):
        for j in range(reach, w - reach):
            if z[i, j] <= 0 or z[i, j - reach] <= 0 or z[i, j + reach] <= 0:
                continue
            if z[i - reach, j] <= 0 or z[i + reach, j] <= 0:
                continue
            lx, ly, lz = _point(z, k, i, j - reach)
            rx, ry, rz = _point(z, k, i, j + reach)
            ux, uy, uz = _point(z, k, i - reach, j)
            dx, dy, dz = _point(z, k, i + reach, j)
            ax, ay, az = rx - lx, ry - ly, rz - lz
            bx, by, bz = dx - ux, dy - uy, dz - uz
            nx, ny, nz = by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax
            px, py, pz = _point(z, k, i, j)
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            facing = nx * px + ny * py + nz * pz
            if facing >= -0.1 * length * np.sqrt(px * px + py * py + pz * pz):
                continue
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = nx / length, ny / length, nz / length
