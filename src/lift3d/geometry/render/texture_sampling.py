"""Texture pyramids in linear light, their sampling, and the alpha modes of textures.

Levels are box means (Williams, "Pyramidal parametrics", 1983) of light times alpha, so that the removed parts of a masked texture
do not bleed into the rest. The alpha of a masked texture is scaled level by level until as many texels pass the cutoff of one
half as in the finest level (Castaño, "Computing alpha mipmaps", 2010), so that leaves neither thin out nor swell with distance.
Sampling is bilinear within a level and linear between two.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import LINEAR_TO_SRGB8, SRGB8_TO_LINEAR, encode_srgb
from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.types import F32, F64

OPAQUE, MASKED, BLENDED = 0, 1, 2
"""Alpha modes as in glTF: opaque; masked, cut at alpha one half; blended."""
_SEEN, _CLEAR, _HALF = 16, 230, 128
"""Alpha bytes: below the first a texel is absent, from the second on opaque; the cutoff of a masked texture."""


_MAX_TEXELS = 1e8
"""Most texels inspected to classify the faces of a part; beyond, the mode of the whole texture is used."""


def alpha_mode(texture: NDArray[np.uint8]) -> int:
    """OPAQUE, MASKED or BLENDED, the alpha mode of a texture (H, W, 3 or 4).

    BLENDED if more than half of the texels that are present let light through: the edges of leaves are few texels, a pane of
    glass fills most of its texture.
    """
    if texture.shape[2] == 3 or int(texture[..., 3].min()) >= _CLEAR:
        return OPAQUE
    alpha = texture[..., 3]
    present = alpha >= _SEEN
    return _masked_or_blended(int(present.sum()), int((present & (alpha < _CLEAR)).sum()))


def _masked_or_blended(present: int, between: int) -> int:
    """The mode for a number of present texels, of which `between` are translucent."""
    return BLENDED if between > 0.5 * max(present, 1) else MASKED


def face_alpha_modes(texture: NDArray[np.uint8], uv: F32) -> NDArray[np.uint8]:
    """(F,) uint8 alpha modes of the faces with texture coordinates uv (F, 3, 2).

    OPAQUE for faces without a translucent texel; all other faces of the part together are MASKED or BLENDED. One texture may
    show a hull, its windows and a fence.
    """
    texture_mode = alpha_mode(texture)
    if texture_mode == OPAQUE:
        return np.full(len(uv), OPAQUE, np.uint8)
    sides = np.minimum(np.ptp(uv.astype(np.float64), axis=1) * texture.shape[1::-1], texture.shape[1::-1])
    if float((sides + 2).prod(1).sum()) > _MAX_TEXELS:
        return np.full(len(uv), texture_mode, np.uint8)
    counts = np.zeros((len(uv), 3), np.int64)
    _count(np.ascontiguousarray(texture[..., 3]), np.ascontiguousarray(uv, np.float64), counts)
    translucent = counts[:, 2] > 0
    present, between = counts[translucent, :2].sum(0)
    mode = _masked_or_blended(int(present), int(between)) if present else texture_mode
    return np.where(translucent, mode, OPAQUE).astype(np.uint8)


def mip_pyramid(texture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The levels of a texture (H, W, 3 or 4) uint8 sRGB, down to one texel.

    Returns texels (N, 4) uint8, sRGB and alpha, and levels (L, 3), rows of offset, height, width.
    """
    opaque = np.full((*texture.shape[:2], 1), 255, np.uint8)
    images = [np.ascontiguousarray(texture if texture.shape[2] == 4 else np.dstack([texture, opaque]))]
    while max(images[-1].shape[:2]) > 1:
        p = images[-1]
        smaller = np.empty((max(p.shape[0] // 2, 1), max(p.shape[1] // 2, 1), 4), np.uint8)
        _halve(p, SRGB8_TO_LINEAR, LINEAR_TO_SRGB8, smaller)
        images.append(smaller)
    if alpha_mode(texture) == MASKED:
        fraction = float((images[0][..., 3] >= _HALF).mean())
        images[1:] = [_preserve_coverage(p, fraction) for p in images[1:]]
    sizes = np.array([p.shape[0] * p.shape[1] for p in images])
    levels = np.array([[o, *p.shape[:2]] for o, p in zip(np.cumsum(sizes) - sizes, images)], np.int64)
    return np.concatenate([p.reshape(-1, 4) for p in images]), levels


def _preserve_coverage(level: NDArray[np.uint8], fraction: float) -> NDArray[np.uint8]:
    """The level with its alpha scaled so that the given fraction of its texels reaches one half."""
    alpha = np.sort(level[..., 3].ravel())[::-1]
    count = min(max(round(fraction * len(alpha)), 1), len(alpha))
    out = level.copy()
    scale = (_HALF + 0.5) / max(float(alpha[count - 1]), 1.0)
    out[..., 3] = np.clip(np.round(level[..., 3] * min(scale, 8.0)), 0, 255).astype(np.uint8)
    return out


@njit_kernel
def _count(alpha: NDArray[np.uint8], uv: F64, counts: NDArray[np.int64]) -> None:
    """Write counts (F, 3): per face the texels inside it that are present, those of them that are not opaque, and the texels
    in its bounding box that are not opaque. Of a face that repeats the texture, all texels count once.
    """
    height, width = alpha.shape
    for i in range(len(uv)):
        x0, x1 = (
            min(uv[i, 0, 0], uv[i, 1, 0], uv[i, 2, 0]) * width,
            max(uv[i, 0, 0], uv[i, 1, 0], uv[i, 2, 0]) * width,
        )
        y0, y1 = (
            min(uv[i, 0, 1], uv[i, 1, 1], uv[i, 2, 1]) * height,
            max(uv[i, 0, 1], uv[i, 1, 1], uv[i, 2, 1]) * height,
        )
        first, low = int(math.floor(x0 - 0.5)), int(math.floor(y0 - 0.5))
        wide, high = min(int(x1 - first) + 2, width), min(int(y1 - low) + 2, height)
        repeats = x1 - x0 >= width or y1 - y0 >= height
        ax, ay = uv[i, 0, 0] * width, uv[i, 0, 1] * height
        ux, uy = uv[i, 1, 0] * width - ax, uv[i, 1, 1] * height - ay
        wx, wy = uv[i, 2, 0] * width - ax, uv[i, 2, 1] * height - ay
        area = ux * wy - uy * wx
        for row in range(low, low + high):
            for column in range(first, first + wide):
                a = alpha[height - 1 - row % height, column % width]
                if a < _CLEAR:
                    counts[i, 2] += 1
                if a < _SEEN:
                    continue
                x, y = column + 0.5 - ax, row + 0.5 - ay
                s, t = (x * wy - y * wx) / area, (ux * y - uy * x) / area
                if repeats or not (s < 0 or t < 0 or s + t > 1):
                    counts[i, 0] += 1
                    if a < _CLEAR:
                        counts[i, 1] += 1


@njit_kernel
def _halve(p: NDArray[np.uint8], decoded: F32, table: F64, out: NDArray[np.uint8]) -> None:
    """Mean over the box of each new texel; boxes of an odd side share texels by their overlap."""
    height, width = p.shape[:2]
    sy, sx = height / out.shape[0], width / out.shape[1]
    for row in range(out.shape[0]):
        y0, y1 = row * sy, (row + 1) * sy
        for column in range(out.shape[1]):
            x0, x1 = column * sx, (column + 1) * sx
            r, g, b, a, bare, whole = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for clear in range(2):  # second pass: the plain mean, for transparent boxes
                if clear == 1 and a > 0:
                    break
                for y in range(int(y0), min(int(math.ceil(y1 - 1e-9)), height)):
                    for x in range(int(x0), min(int(math.ceil(x1 - 1e-9)), width)):
                        w = (min(y + 1.0, y1) - max(float(y), y0)) * (min(x + 1.0, x1) - max(float(x), x0))
                        alpha = w * (p[y, x, 3] if clear == 0 else 1.0)
                        r += alpha * decoded[p[y, x, 0]]
                        g += alpha * decoded[p[y, x, 1]]
                        b += alpha * decoded[p[y, x, 2]]
                        if clear == 0:
                            a += alpha
                            whole += w
                        else:
                            bare += alpha
            total = a if a > 0 else bare
            out[row, column, 0] = int(encode_srgb(r / total, table) + 0.5)
            out[row, column, 1] = int(encode_srgb(g / total, table) + 0.5)
            out[row, column, 2] = int(encode_srgb(b / total, table) + 0.5)
            out[row, column, 3] = int(a / whole + 0.5)


@njit_inline
def _bilinear(
    texels: Any, levels: Any, level: int, decoded: F32, u: float, v: float, factor: float, out: F64
) -> None:
    """Add `factor` of the level's light times alpha, and of alpha, at (u, v) to out (4,); the texture repeats beyond [0, 1]."""
    base, h, w = levels[level, 0], levels[level, 1], levels[level, 2]
    s, t = u * w - 0.5, (1 - v) * h - 0.5
    s0, t0 = math.floor(s), math.floor(t)
    s, t = s - s0, t - t0
    left, top = int(s0) % w, int(t0) % h
    right, low = left + 1 if left + 1 < w else 0, top + 1 if top + 1 < h else 0
    for k in range(4):
        if k == 0:
            at, weight = base + top * w + left, (1 - s) * (1 - t)
        elif k == 1:
            at, weight = base + top * w + right, s * (1 - t)
        elif k == 2:
            at, weight = base + low * w + left, (1 - s) * t
        else:
            at, weight = base + low * w + right, s * t
        weight *= factor * texels[at, 3]
        out[0] += weight * decoded[texels[at, 0]]
        out[1] += weight * decoded[texels[at, 1]]
        out[2] += weight * decoded[texels[at, 2]]
        out[3] += weight


@njit_inline
def sample_texture(
    texels: Any, levels: Any, first: int, end: int, decoded: F32, u: float, v: float, lod: float, out: F64
) -> None:
    """Write out (4,): linear colour and alpha in [0, 1] of the texture with levels first..end at (u, v) and level of detail
    `lod`.
    """
    for k in range(4):
        out[k] = 0.0
    last = end - 1 - first
    lod = min(max(lod, 0.0), float(last))
    low = int(lod)
    part = lod - low
    if part < 0.02 or low == last:
        _bilinear(texels, levels, first + low, decoded, u, v, 1.0, out)
    elif part > 0.98:
        _bilinear(texels, levels, first + low + 1, decoded, u, v, 1.0, out)
    else:
        _bilinear(texels, levels, first + low, decoded, u, v, 1 - part, out)
        _bilinear(texels, levels, first + low + 1, decoded, u, v, part, out)
    if out[3] > 0:
        for k in range(3):
            out[k] /= out[3]
    out[3] /= 255.0
