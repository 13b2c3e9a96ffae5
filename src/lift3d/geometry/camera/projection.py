"""Pinhole projection in OpenCV's convention (x right, y down, z forward), pixel centres at integers + 0.5."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.types import F32, F64, Camera


def project(camera: Camera, xyz: F64) -> tuple[F64, F64]:
    """Pixels (N, 2) and camera depths (N,) of world points (N, 3): u = fx x / z + cx (Hartley & Zisserman 6.1).

    Distortion is not applied. Points behind the camera have depth <= 0 and meaningless pixels.
    """
    p = xyz @ camera.R.T + camera.t
    z = p[:, 2]
    safe = np.where(np.abs(z) < 1e-12, 1e-12, z)
    return np.stack([camera.fx * p[:, 0] / safe + camera.cx, camera.fy * p[:, 1] / safe + camera.cy], 1), z


def pixel_rays(camera: Camera) -> F64:
    """Rays (H, W, 3) in the camera frame, with z = 1, through the centre of every pixel."""
    u = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    rays = np.ones((camera.height, camera.width, 3))
    rays[..., 0], rays[..., 1] = u[None, :], v[:, None]
    return rays


def unproject(camera: Camera, z: F32) -> F64:
    """World points (H, W, 3) of a depth map z (H, W); the camera centre where z is 0."""
    return (pixel_rays(camera) * z[..., None] - camera.t) @ camera.R


def resize_camera(camera: Camera, width: int, height: int) -> Camera:
    """The same camera for its photo resized to (width, height).

    Pixel centres lie at integers + 0.5, so every intrinsic parameter scales by the ratio of the sizes.
    """
    sx, sy = width / camera.width, height / camera.height
    return replace(
        camera,
        width=width,
        height=height,
        fx=camera.fx * sx,
        fy=camera.fy * sy,
        cx=camera.cx * sx,
        cy=camera.cy * sy,
    )


def relative_pose(reference: Camera, source: Camera) -> F64:
    """(12,) the entries of A (3, 3), row by row, then of b (3,).

    Pixel (u, v) of the reference with inverse depth w projects to x ~ A [u, v, 1]^T + b w in the source view
    (Hartley & Zisserman 13.2), with A = K_s R K_r^-1 and b = K_s t.
    """
    r = source.R @ reference.R.T
    t = source.t - r @ reference.t
    return np.concatenate([(source.K @ r @ np.linalg.inv(reference.K)).ravel(), source.K @ t])
