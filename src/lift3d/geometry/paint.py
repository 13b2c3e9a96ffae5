"""Colour of rasterised samples: material, soft light, and averaging of samples to pixels.

Light is computed on linear values and encoded to sRGB at the end (IEC 61966-2-1). Textures are looked up
bilinearly in the level of a mip pyramid that suits the size of each face (Williams, "Pyramidal parametrics",
1983, with one level per face).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.projection import project, resized
from lift3d.geometry.raster import rasterize
from lift3d.types import F32, F64, Camera

_LEVELS = 4


@dataclass(frozen=True, eq=False)
class Drawable:
    """A mesh ready to be painted: v (V, 3), f (F, 3), corner normals (F, 3, 3), corner colours (F, 3, 3)
    linear float32, corner uv (F, 3, 2) float32 with v up, and its texture's mip pyramid, texels (N, 3) uint8
    sRGB with levels (L, 3) rows of offset, height, width; texels is empty without texture."""

    v: F64
    f: NDArray[np.int32]
    normals: F32
    colours: F32
    uv: F32
    texels: NDArray[np.uint8]
    levels: NDArray[np.int64]


def linear_from_srgb(values: NDArray[np.generic]) -> F32:
    """sRGB in [0, 255] to linear in [0, 1]."""
    s = np.asarray(values, np.float32) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb_from_linear(linear: F32) -> NDArray[np.uint8]:
    """Linear in [0, 1] to sRGB, rounded to uint8."""
    table = np.arange(4097, dtype=np.float64) / 4096
    table = np.where(table <= 0.0031308, 12.92 * table, 1.055 * np.maximum(table, 1e-9) ** (1 / 2.4) - 0.055)
    place = np.clip(linear, 0, 1) * np.float32(4096)
    low = np.minimum(place.astype(np.int32), 4095)
    first, slope = table[low], (table[1:] - table[:-1])[low]
    return np.round(255 * (first + (place - low) * slope)).astype(np.uint8)


def mip_pyramid(texture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(texels, levels) of `Drawable` for a texture (H, W, 3); a level is the 2x2 mean of the one before."""
    pictures = [texture]
    while len(pictures) < _LEVELS and min(pictures[-1].shape[:2]) >= 8:
        p = pictures[-1][: pictures[-1].shape[0] // 2 * 2, : pictures[-1].shape[1] // 2 * 2].astype(np.uint16)
        pictures.append(
            ((p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2] + 2) // 4).astype(np.uint8)
        )
    sizes = np.array([p.shape[0] * p.shape[1] for p in pictures])
    levels = np.array([[o, *p.shape[:2]] for o, p in zip(np.cumsum(sizes) - sizes, pictures)], np.int64)
    return np.concatenate([p.reshape(-1, 3) for p in pictures]), levels


def paint(drawable: Drawable, camera: Camera, samples: int = 2, shading: float = 0.6) -> tuple[F32, F32]:
    """(rgb, cover): linear colour (H, W, 3) premultiplied by cover (H, W) in [0, 1], the share of a pixel's
    samples x samples points that lie on the mesh. shading 0 shows the bare material, 1 the full light, which
    comes over the photographer's left shoulder; the two sides of a face are lit alike."""
    fine = resized(camera, camera.width * samples, camera.height * samples)
    face_id, _, bary = rasterize(fine, drawable.v, drawable.f)
    levels = _face_levels(drawable, fine)
    out = np.zeros((camera.height, camera.width, 4), np.float32)
    rotation = np.ascontiguousarray(camera.R)
    lut = linear_from_srgb(np.arange(256))
    _paint(
        face_id, bary, drawable.normals, drawable.colours, drawable.uv, drawable.texels, drawable.levels,
        levels, lut, rotation, float(shading), samples, out,
    )  # fmt: skip
    return out[..., :3], out[..., 3]


def _face_levels(drawable: Drawable, camera: Camera) -> NDArray[np.int32]:
    """(F,) the pyramid level whose texels are about as large as the camera's samples on each face."""
    if len(drawable.texels) == 0:
        return np.zeros(len(drawable.f), np.int32)
    pixels, depth = project(camera, drawable.v)
    t, uv = pixels[drawable.f], drawable.uv.astype(np.float64)
    seen = (depth[drawable.f] > 0).all(1)
    _, height, width = drawable.levels[0]
    screen = np.abs(_cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]))
    texels = np.abs(_cross(uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0])) * height * width
    ratio = np.where(seen, texels, 1.0) / np.maximum(screen, 1e-6)
    level = np.floor(0.5 * np.log2(np.maximum(ratio, 1e-9)) + 0.3)
    return np.clip(level, 0, len(drawable.levels) - 1).astype(np.int32)


def _cross(a: F64, b: F64) -> F64:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


@numba.njit(cache=True, parallel=True)
def _paint(  # type: ignore[no-untyped-def]
    face_id, bary, normals, colours, uv, texels, levels, face_level, lut, rotation, shading, samples, out
):
    key = np.array([-0.42, -0.62, -0.66])
    height, width = out.shape[:2]
    for row in numba.prange(height):
        n, value = np.empty(3), np.empty(3)
        for column in range(width):
            for sample in range(samples * samples):
                y, x = row * samples + sample // samples, column * samples + sample % samples
                i = face_id[y, x]
                if i < 0:
                    continue
                a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
                for k in range(3):
                    value[k] = a * colours[i, 0, k] + b * colours[i, 1, k] + c * colours[i, 2, k]
                if len(texels) > 0:
                    base, h, w = levels[face_level[i]]
                    s = (a * uv[i, 0, 0] + b * uv[i, 1, 0] + c * uv[i, 2, 0]) * w - 0.5
                    t = (1 - (a * uv[i, 0, 1] + b * uv[i, 1, 1] + c * uv[i, 2, 1])) * h - 0.5
                    s0, t0 = math.floor(s), math.floor(t)
                    s, t = s - s0, t - t0
                    left, top = int(s0) % w, int(t0) % h
                    right, low = (left + 1) % w, (top + 1) % h
                    for k in range(3):
                        above = lut[texels[base + top * w + left, k]] * (1 - s)
                        above += lut[texels[base + top * w + right, k]] * s
                        below = lut[texels[base + low * w + left, k]] * (1 - s)
                        below += lut[texels[base + low * w + right, k]] * s
                        value[k] *= above * (1 - t) + below * t
                light = 1.0
                if shading > 0:
                    for k in range(3):
                        n[k] = 0.0
                        for m in range(3):
                            n[k] += rotation[k, m] * (
                                a * normals[i, 0, m] + b * normals[i, 1, m] + c * normals[i, 2, m]
                            )
                    size = math.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2) + 1e-12
                    if n[2] > 0:
                        size = -size
                    facing = max(0.0, (n[0] * key[0] + n[1] * key[1] + n[2] * key[2]) / size)
                    light = 1 + shading * (0.34 - 0.16 * n[1] / size + 0.88 * facing - 1)
                for k in range(3):
                    out[row, column, k] += value[k] * light
                out[row, column, 3] += 1
            for k in range(4):
                out[row, column, k] /= samples * samples
