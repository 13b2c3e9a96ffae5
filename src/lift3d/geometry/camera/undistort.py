"""Lens distortion: points, and photos resampled to a pinhole camera with the half-pixel rule kept.

The model is OpenCV's (Brown 1966): with normalised x, y and r2 = x^2 + y^2,
    x_d = x (1 + k1 r2 + k2 r2^2) + 2 p1 x y + p2 (r2 + 2 x^2)
    y_d = y (1 + k1 r2 + k2 r2^2) + p1 (r2 + 2 y^2) + 2 p2 x y.
The pinhole camera keeps image size and principal point. Its focal length is the shortest in [0.85, 1.5] of the lens's at
which the photo covers every pixel of the result, so no border is empty. Values between pixels are interpolated by
Catmull and Rom's bicubic ("A class of local interpolating splines", 1974).
"""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64, Camera, Image

NEGLIGIBLE_SHIFT = 0.05
"""Pixels: a lens that displaces no pixel by more than this is treated as a pinhole."""


def distort_points(xy: F64, distortion: tuple[float, ...]) -> F64:
    """Distorted normalised coordinates (..., 2) of pinhole coordinates xy (..., 2). distortion: () or (k1, k2, p1, p2)."""
    if not distortion:
        return xy
    k1, k2, p1, p2 = distortion
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + k2 * r2)
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        -1,
    )


def undistort_points(xy: F64, distortion: tuple[float, ...]) -> F64:
    """The inverse of `distort_points`, by 60 fixed-point iterations as in OpenCV; converges for the distortion of real lenses."""
    straight = xy
    for _ in range(60):
        straight = straight - (distort_points(straight, distortion) - xy)
    return straight


def _source(camera: Camera, pinhole: Camera, uv: F64) -> F64:
    """Pixels (..., 2) of the distorted photo that pixels uv (..., 2) of the pinhole camera show."""
    normal = (uv - [pinhole.cx, pinhole.cy]) / [pinhole.fx, pinhole.fy]
    return distort_points(normal, camera.distortion) * [camera.fx, camera.fy] + [camera.cx, camera.cy]


def _border(width: int, height: int) -> F64:
    """(N, 2) pixel centres along the border of an image."""
    u, v = np.arange(width) + 0.5, np.arange(height) + 0.5
    rows = [np.stack([u, np.full(width, y)], 1) for y in (0.5, height - 0.5)]
    columns = [np.stack([np.full(height, x), v], 1) for x in (0.5, width - 0.5)]
    return np.concatenate(rows + columns)


def undistorted_camera(camera: Camera) -> Camera:
    """The pinhole camera to which `undistort` resamples a photo of `camera`; `camera` itself if it has no distortion."""
    if not camera.distortion:
        return camera
    border = _border(camera.width, camera.height)
    plain = replace(camera, distortion=())
    if np.abs(_source(camera, plain, border) - border).max() < NEGLIGIBLE_SHIFT:
        return plain

    def is_covered(scale: float) -> bool:
        zoomed = replace(plain, fx=camera.fx * scale, fy=camera.fy * scale)
        source = _source(camera, zoomed, border)
        return bool(
            (source > -0.01).all() and (source < np.array([camera.width, camera.height]) + 0.01).all()
        )

    low, high = 0.85, 1.5
    if is_covered(low):
        high = low
    else:
        for _ in range(20):
            centre = (low + high) / 2
            low, high = (low, centre) if is_covered(centre) else (centre, high)
    return replace(plain, fx=camera.fx * high, fy=camera.fy * high)


@numba.njit(cache=True, parallel=True)
def _bicubic(pixels: NDArray[np.uint8], at: F64, out: NDArray[np.uint8]) -> None:  # pragma: no cover
    """out (H, W, 3) = pixels sampled bicubically at the pixel positions `at` (H, W, 2); border pixels are repeated outwards."""
    height, width = pixels.shape[:2]
    for row in numba.prange(out.shape[0]):
        wx, wy = np.empty(4), np.empty(4)
        for column in range(out.shape[1]):
            x = min(max(at[row, column, 0] - 0.5, 0.0), width - 1.0)
            y = min(max(at[row, column, 1] - 0.5, 0.0), height - 1.0)
            x0, y0 = int(x), int(y)
            for t, w in ((x - x0, wx), (y - y0, wy)):
                w[0] = ((-0.5 * t + 1.0) * t - 0.5) * t
                w[1] = (1.5 * t - 2.5) * t * t + 1.0
                w[2] = ((-1.5 * t + 2.0) * t + 0.5) * t
                w[3] = (0.5 * t - 0.5) * t * t
            for channel in range(3):
                total = 0.0
                for j in range(4):
                    v = min(max(y0 + j - 1, 0), height - 1)
                    for i in range(4):
                        u = min(max(x0 + i - 1, 0), width - 1)
                        total += wy[j] * wx[i] * pixels[v, u, channel]
                out[row, column, channel] = np.uint8(min(max(total + 0.5, 0.0), 255.0))


def undistort(image: Image, camera: Camera) -> tuple[Image, Camera]:
    """The photo as `undistorted_camera(camera)` sees it, of the same size, and that camera. The mask takes the nearest pixel."""
    pinhole = undistorted_camera(camera)
    border = _border(camera.width, camera.height)
    if np.abs(_source(camera, pinhole, border) - border).max() < NEGLIGIBLE_SHIFT:
        return image, pinhole
    u, v = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    at = np.ascontiguousarray(_source(camera, pinhole, np.stack([u, v], -1)))
    pixels = np.empty_like(image.pixels)
    _bicubic(np.ascontiguousarray(image.pixels), at, pixels)
    mask = None
    if image.mask is not None:
        column = np.clip(np.floor(at[..., 0]).astype(int), 0, camera.width - 1)
        row = np.clip(np.floor(at[..., 1]).astype(int), 0, camera.height - 1)
        mask = image.mask[row, column]
    focal = pinhole.fx if image.focal is not None else None
    return replace(image, pixels=pixels, mask=mask, focal=focal), pinhole
