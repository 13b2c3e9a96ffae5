"""Which photos see a face, and how well: occlusion, angle, resolution and distance from borders.

A photo sees a face if its centre and two of its three corners (moved a little inwards) pass the depth test against the mesh,
all lie in the image and on the mask, and the face points towards the camera. The quality follows the masked photo blending of
Callieri et al. (2008): cosine of the viewing angle, pixels per area, and the distance in pixels to the next border (image, mask,
depth step), so that weights fade out where a small error of camera or surface would sample something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, uniform_filter

from lift3d.geometry.camera.projection import project
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.types import F32, F64, Camera, Image

I32 = NDArray[np.int32]
RAMP = 12.0
"""Pixels from a border at which a photo's weight is full."""


@dataclass(frozen=True, eq=False)
class FaceObservations:
    """Every face in every photo.

    quality: (F, V) float32, 0 where not seen; colours: (F, V, 3) uint8 means of four samples; detail: (F, V) float32 local
    contrast in grey levels; inside: per photo (H, W) bool, True where it shows the mesh and its mask is True.
    """

    quality: F32
    colours: NDArray[np.uint8]
    detail: F32
    inside: tuple[NDArray[np.bool_], ...]


def observe_faces(
    v: F64, f: I32, cameras: tuple[Camera, ...], images: tuple[Image, ...], progress: Any = None
) -> FaceObservations:
    """The observations of all faces f (F, 3) of vertices v (V, 3, world) in all photos. progress: called with the fraction
    done.
    """
    shape = (len(f), len(cameras))
    quality, detail = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    colours = np.zeros((*shape, 3), np.uint8)
    inside: list[NDArray[np.bool_]] = []
    for k, (camera, image) in enumerate(zip(cameras, images)):
        z = depth_map(camera, v, f)
        mask = np.require(_mask_of(image), requirements=["C", "W"])
        inside.append((z > 0) & mask)
        margin = border_distance(z, mask, 6.0 / camera.fx)
        _observe_photo(
            v, f, np.ascontiguousarray(camera.R), np.ascontiguousarray(camera.t),
            np.array([camera.fx, camera.fy, camera.cx, camera.cy]), z, mask, margin,
            np.require(image.pixels, requirements=["C", "W"]), local_contrast(image),
            quality[:, k], colours[:, k], detail[:, k],
        )  # fmt: skip
        if progress is not None:
            progress((k + 1) / len(cameras))
    return FaceObservations(quality, colours, detail, tuple(inside))


def _mask_of(image: Image) -> NDArray[np.bool_]:
    """The mask of a photo, all True without one."""
    return image.mask if image.mask is not None else np.ones((image.height, image.width), bool)


def local_contrast(image: Image) -> F32:
    """(H, W) float32: mean absolute difference between the photo and its own 3x3 mean, averaged over 9x9."""
    grey = image.grey
    return uniform_filter(np.abs(grey - uniform_filter(grey, 3, mode="nearest")), 9, mode="nearest")


@njit(cache=True)
def border_distance(z: Any, mask: Any, steep: float) -> Any:
    """(H, W) float32 distance in pixels to the next border, at most 64, by two chamfer passes (Borgefors 1986).

    A border is a pixel without mesh (z = 0), off the mask or beyond the image, or a depth step: neighbours that differ by more
    than steep x depth.
    """
    height, width = z.shape
    out = np.full((height, width), np.float32(64.0))
    for y in range(height):
        for x in range(width):
            here = z[y, x]
            if here == 0 or not mask[y, x]:
                out[y, x] = 0.0
                continue
            if y + 1 < height and z[y + 1, x] > 0 and abs(z[y + 1, x] - here) > steep * here:
                out[y, x] = out[y + 1, x] = 0.0
            if x + 1 < width and z[y, x + 1] > 0 and abs(z[y, x + 1] - here) > steep * here:
                out[y, x] = out[y, x + 1] = 0.0
    one, diagonal = np.float32(1.0), np.float32(1.4142)
    for y in range(height):
        for x in range(width):
            best = min(out[y, x], np.float32(min(x, y, width - 1 - x, height - 1 - y) + 0.5))
            if y > 0:
                best = min(best, out[y - 1, x] + one)
                if x > 0:
                    best = min(best, out[y - 1, x - 1] + diagonal)
                if x + 1 < width:
                    best = min(best, out[y - 1, x + 1] + diagonal)
            if x > 0:
                best = min(best, out[y, x - 1] + one)
            out[y, x] = best
    for y in range(height - 1, -1, -1):
        for x in range(width - 1, -1, -1):
            best = out[y, x]
            if y + 1 < height:
                best = min(best, out[y + 1, x] + one)
                if x > 0:
                    best = min(best, out[y + 1, x - 1] + diagonal)
                if x + 1 < width:
                    best = min(best, out[y + 1, x + 1] + diagonal)
            if x + 1 < width:
                best = min(best, out[y, x + 1] + one)
            out[y, x] = best
    return out


@njit(cache=True, parallel=True)
def _observe_photo(
    v: Any,
    f: Any,
    R: Any,
    t: Any,
    k: Any,
    z: Any,
    mask: Any,
    margin: Any,
    pixels: Any,
    contrast: Any,
    quality: Any,
    colours: Any,
    detail: Any,
) -> None:
    """Write quality (F,), colours (F, 3) and detail (F,) of one photo. k: fx, fy, cx, cy; margin: see `border_distance`."""
    height, width = z.shape
    for i in prange(len(f)):
        p = np.empty((3, 3))
        for a in range(3):
            q = v[f[i, a]]
            for r in range(3):
                p[a, r] = R[r, 0] * q[0] + R[r, 1] * q[1] + R[r, 2] * q[2] + t[r]
        centre = (p[0] + p[1] + p[2]) / 3
        n = np.cross(p[1] - p[0], p[2] - p[0])
        twice = np.sqrt((n * n).sum())
        reach = np.sqrt((centre * centre).sum())
        if twice < 1e-300 or centre[2] <= 0:
            continue
        cosine = -(n * centre).sum() / (twice * reach)
        if cosine < 0.05:
            continue
        slope = min(np.sqrt(1 / (cosine * cosine) - 1), 8.0)
        seen, hidden, nearest = True, 0, np.float32(64.0)
        red, green, blue = 0.0, 0.0, 0.0
        for s in range(4):
            q = centre if s == 3 else 0.9 * p[s] + 0.1 * centre
            if q[2] <= 0:
                seen = False
                break
            x, y = k[0] * q[0] / q[2] + k[2], k[1] * q[1] / q[2] + k[3]
            c, r = int(np.floor(x)), int(np.floor(y))
            if not (x >= 1 and y >= 1 and x < width - 1 and y < height - 1):
                seen = False
                break
            # The pixel's depth, with a tolerance for the slope of the surface within the pixel.
            if z[r, c] > 0 and q[2] > z[r, c] * 1.001 + 1.5 * slope * q[2] / k[0]:
                hidden += 1
                if s == 3 or hidden > 1:
                    seen = False
                    break
            nearest = min(nearest, margin[r, c])
            red += pixels[r, c, 0]
            green += pixels[r, c, 1]
            blue += pixels[r, c, 2]
            if not mask[r, c]:
                seen = False
                break
            if s == 3:
                detail[i] = contrast[r, c]
        if not seen:
            detail[i] = 0
            continue
        # At a border of the mesh (not of the mask), or with a hidden corner, a photo has a millionth of the weight: it
        # counts only where no other photo sees the face better.
        nearest = max(nearest, np.float32(0.012)) if hidden == 0 else np.float32(0.012)
        ramp = min(nearest / RAMP, 1.0)
        quality[i] = cosine * cosine * k[0] * k[1] / (centre[2] * centre[2]) * ramp * ramp
        colours[i, 0], colours[i, 1], colours[i, 2] = (
            int(red / 4 + 0.5),
            int(green / 4 + 0.5),
            int(blue / 4 + 0.5),
        )


def exclude_faces(
    s: FaceObservations, dropped: NDArray[np.bool_], v: F64, f: I32, cameras: tuple[Camera, ...]
) -> tuple[NDArray[np.bool_], ...]:
    """s.inside without the pixels, and their eight neighbours, at the centres of excluded faces; dropped: (F, V) bool."""
    out = []
    for k, (camera, inside) in enumerate(zip(cameras, s.inside)):
        pixels, _ = project(camera, v[f[dropped[:, k]]].mean(1))
        x, y = np.floor(pixels).astype(np.int64).T
        in_image = (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
        hit = np.zeros(inside.shape, bool)
        hit[y[in_image], x[in_image]] = True
        out.append(inside & ~binary_dilation(hit, np.ones((3, 3), bool)))
    return tuple(out)
