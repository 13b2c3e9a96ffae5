"""Pinhole projection in OpenCV's convention, pixel centres at integer + 0.5."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.types import F32, F64, Camera


def project(camera: Camera, xyz: F64) -> tuple[F64, F64]:
    """World points (N, 3) to pixels (N, 2) and depths (N,): u = fx x/z + cx (Hartley & Zisserman 6.1).

    Distortion is not applied. Points behind the camera have depth <= 0 and meaningless pixels.
    """
    p = xyz @ camera.R.T + camera.t
    z = p[:, 2]
    safe = np.where(np.abs(z) < 1e-12, 1e-12, z)
    return np.stack([camera.fx * p[:, 0] / safe + camera.cx, camera.fy * p[:, 1] / safe + camera.cy], 1), z


def pixel_rays(camera: Camera) -> F64:
    """(H, W, 3) camera-frame rays with z = 1 through every pixel centre."""
    u = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    rays = np.ones((camera.height, camera.width, 3))
    rays[..., 0], rays[..., 1] = u[None, :], v[:, None]
    return rays


def unproject(camera: Camera, z: F32) -> F64:
    """Depth (H, W) to world points (H, W, 3); where z is 0 the camera centre is returned."""
    return (pixel_rays(camera) * z[..., None] - camera.t) @ camera.R


def resize_camera(camera: Camera, width: int, height: int) -> Camera:
    """The same camera for the photo resized to (width, height): with the half-pixel rule, u scales exactly."""
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
    """(12,) rows of A (3x3) then b (3): x_source ~ A [u, v, 1] + b w for inverse depth w at reference pixel (u, v)."""
    r = source.R @ reference.R.T
    t = source.t - r @ reference.t
    return np.concatenate([(source.K @ r @ np.linalg.inv(reference.K)).ravel(), source.K @ t])
