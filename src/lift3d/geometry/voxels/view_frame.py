"""The volume that one photo of an object spans: the pixels of its crop, and depth along the ray through the crop's
centre.

View frame: the camera's frame after the smallest rotation that brings the ray through the centre of the crop onto z.
Cell space: u right and v down over the crop, w away from the camera, each in [-1, 1]. Planes of equal w have equal
depth, and lines of equal (u, v) are rays: what a pixel shows lies in one column, whatever the lens. The map from cell
space to the world is one-to-one, so a solid extracted in cell space stays closed and free of self-intersections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.crop import Crop
from lift3d.types import F32, F64, Camera

U8 = NDArray[np.uint8]
DEPTH_MARGIN = 1.06
"""Depth extent of the grid by that of the object."""


@dataclass(frozen=True, eq=False)
class ViewFrame:
    """K (3, 3) of the photo; its crop; centre_depth: depth of w = 0 in the view frame; half_depth: depth from there
    to w = 1."""

    K: F64
    crop: Crop
    centre_depth: float
    half_depth: float

    @cached_property
    def rotation(self) -> F64:
        """(3, 3) rotation from the camera frame to the view frame."""
        return rotation_to_ray(self.K, self.crop)

    @cached_property
    def homography(self) -> F64:
        """(3, 3) homography from a point (x, y, z) of the view frame to (u, v, 1), up to scale."""
        c = self.crop
        pixel_to_cell = np.array(
            [[1 / c.half, 0, -c.x / c.half], [0, 1 / c.half, -c.y / c.half], [0, 0, 1.0]]
        )
        return pixel_to_cell @ self.K @ self.rotation.T

    @cached_property
    def half_width(self) -> float:
        """Half the width of the crop at the depth of w = 0, the unit of length for a single photo."""
        left, right = (self.ray_slopes(np.array([[u, 0.0]]))[0, 0] for u in (-1.0, 1.0))
        return float(self.centre_depth * (right - left) / 2)

    def camera(self, n: int) -> Camera:
        """The photo's camera with the view frame as its world, and n x n pixels over the crop."""
        pose, k, crop = np.eye(4), self.K, self.crop
        pose[:3, :3] = self.rotation.T
        scale = n / (2 * crop.half)
        return Camera(
            n, n, float(k[0, 0] * scale), float(k[1, 1] * scale), float((k[0, 2] - crop.x + crop.half) * scale),
            float((k[1, 2] - crop.y + crop.half) * scale), pose,
        )  # fmt: skip

    def ray_slopes(self, uv: F64) -> F64:
        """(N, 2) x/z and y/z in the view frame of the rays with coordinates uv (N, 2)."""
        ray = np.column_stack([uv, np.ones(len(uv))]) @ np.linalg.inv(self.homography).T
        return np.asarray(ray[:, :2] / ray[:, 2:])

    def unproject(self, uvw: F64) -> F64:
        """(N, 3) points of the view frame, from cell coordinates uvw (N, 3)."""
        z = self.centre_depth + self.half_depth * uvw[:, 2:]
        return np.column_stack([self.ray_slopes(uvw[:, :2]) * z, z])

    def project(self, points: F64) -> F64:
        """(N, 3) cell coordinates uvw of points (N, 3) of the view frame: the inverse of `unproject`."""
        uv = points @ self.homography.T
        return np.column_stack([uv[:, :2] / uv[:, 2:], (points[:, 2] - self.centre_depth) / self.half_depth])


def rotation_to_ray(K: F64, crop: Crop) -> F64:
    """(3, 3) the smallest rotation that brings the ray through the centre of the crop onto z (Rodrigues 1840)."""
    ray = np.linalg.solve(K, np.array([crop.x, crop.y, 1.0]))
    ray /= np.linalg.norm(ray)
    x, y, z = ray
    k = 1 / (1 + z)
    return np.array([[1 - x * x * k, -x * y * k, -x], [-x * y * k, 1 - y * y * k, -y], [x, y, z]])


def fit_view_frame(camera: Camera, crop: Crop, points: F64) -> tuple[ViewFrame, F64]:
    """(frame whose depth extent contains the world points (N, 3), world_to_view (4, 4))."""
    to_view = np.eye(4)
    to_view[:3, :3] = rotation_to_ray(camera.K, crop)
    to_view = to_view @ camera.world_to_camera
    z = points @ to_view[2, :3] + to_view[2, 3]
    near, far = float(z.min()), float(z.max())
    half_depth = max((far - near) / 2 * DEPTH_MARGIN, 1e-3)
    return ViewFrame(camera.K, crop, (near + far) / 2, half_depth), to_view


def resample_to_view(values: U8, to_index: F64, frame: ViewFrame, n: int) -> U8:
    """(n, n, n) uint8 occupancy (w, v, u) in cell space, resampled from values (X, Y, Z) on a grid; zero outside.

    to_index: (4, 4) transform from the view frame to grid indices, voxel centres at integers.
    """
    centre = (np.arange(n) + 0.5) / n * 2 - 1
    u, v = np.meshgrid(centre, centre)
    slopes = frame.ray_slopes(np.column_stack([u.ravel(), v.ravel()]))
    rays = np.column_stack([slopes, np.ones(len(slopes))]) @ to_index[:3, :3].T
    return _along_rays(
        values, rays.reshape(n, n, 3), to_index[:3, 3].copy(), frame.centre_depth + frame.half_depth * centre
    )


@numba.njit(cache=True, nogil=True)
def _trilinear(values: U8, x: float, y: float, z: float) -> float:
    """Value at indices (x, y, z), interpolated; zero outside the grid."""
    a, b, c = values.shape
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if i < 0 or j < 0 or k < 0 or i >= a - 1 or j >= b - 1 or k >= c - 1:
        return 0.0
    fx, fy, fz = x - i, y - j, z - k
    p = values[i, j, k] * (1 - fz) + values[i, j, k + 1] * fz
    q = values[i, j + 1, k] * (1 - fz) + values[i, j + 1, k + 1] * fz
    r = values[i + 1, j, k] * (1 - fz) + values[i + 1, j, k + 1] * fz
    s = values[i + 1, j + 1, k] * (1 - fz) + values[i + 1, j + 1, k + 1] * fz
    return (p * (1 - fy) + q * fy) * (1 - fx) + (r * (1 - fy) + s * fy) * fx


@numba.njit(cache=True, nogil=True)
def _along_rays(values: U8, rays: F64, start: F64, depths: F64) -> U8:
    """(D, H, W) values at depth * ray + start; rays (H, W, 3) in grid indices."""
    h, w, _ = rays.shape
    out = np.zeros((len(depths), h, w), np.uint8)
    for d in range(len(depths)):
        z = depths[d]
        for i in range(h):
            for j in range(w):
                out[d, i, j] = np.uint8(
                    _trilinear(values, z * rays[i, j, 0] + start[0], z * rays[i, j, 1] + start[1],
                               z * rays[i, j, 2] + start[2]) + 0.5
                )  # fmt: skip
    return out


@numba.njit(cache=True, nogil=True)
def resample_affine(values: U8, first: F64, steps: F64, n: int) -> U8:
    """(n, n, n) uint8 values at indices first + steps @ (i, j, k), with first (3,) and steps (3, 3); zero outside."""
    out = np.zeros((n, n, n), np.uint8)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                out[i, j, k] = np.uint8(
                    _trilinear(
                        values,
                        first[0] + steps[0, 0] * i + steps[0, 1] * j + steps[0, 2] * k,
                        first[1] + steps[1, 0] * i + steps[1, 1] * j + steps[1, 2] * k,
                        first[2] + steps[2, 0] * i + steps[2, 1] * j + steps[2, 2] * k,
                    )
                    + 0.5
                )
    return out


def resample_from_view(occupancy: F32, frame: ViewFrame, first: F64, step: float, n: int) -> F32:
    """(n, n, n) float32 occupancy at the points first + step * (i, j, k) of the view frame, resampled from cell space
    (w, v, u); zero outside."""
    return _project(
        np.ascontiguousarray(occupancy, np.float32),
        frame.homography,
        frame.centre_depth,
        frame.half_depth,
        first,
        step,
        n,
    )


@numba.njit(cache=True, nogil=True)
def _project(
    occupancy: F32, homography: F64, centre_depth: float, half_depth: float, first: F64, step: float, n: int
) -> F32:
    """Perspective resampling for `resample_from_view`."""
    out = np.zeros((n, n, n), np.float32)
    size = len(occupancy)
    for i in range(n):
        x = first[0] + step * i
        for j in range(n):
            y = first[1] + step * j
            for k in range(n):
                z = first[2] + step * k
                d = homography[2, 0] * x + homography[2, 1] * y + homography[2, 2] * z
                if d <= 0:
                    continue
                u = (homography[0, 0] * x + homography[0, 1] * y + homography[0, 2] * z) / d
                v = (homography[1, 0] * x + homography[1, 1] * y + homography[1, 2] * z) / d
                w = (z - centre_depth) / half_depth
                a, b, c = (w + 1) / 2 * size - 0.5, (v + 1) / 2 * size - 0.5, (u + 1) / 2 * size - 0.5
                out[i, j, k] = _trilinear(occupancy, a, b, c)
    return out
