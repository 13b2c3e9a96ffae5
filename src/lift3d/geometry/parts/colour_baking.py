"""Vertex colours made part of the texture, for results that have either a texture or vertex colours.

Each triangle gets a cell of its own in a new texture: its old texture, resampled, times its interpolated vertex colours, in
linear light. Two triangles share a square cell. Vertices are split by triangle.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.colour_space import SRGB8_TO_LINEAR, linear_to_srgb8, srgb8_to_linear
from lift3d.types import F32, F64, WHITE, Bytes4, Material, Part

MAX_TEXELS = 1 << 24
"""Most texels of the new texture; cells are smaller in a larger model."""
LARGEST, USUAL, SMALLEST = 2048, 8, 2
"""Largest, usual and smallest leg of a triangle in texels."""
UNIFORM = 2
"""Range of vertex colours, of 255, up to which they count as one colour."""
FRAME = 4
"""Texels of a cell beyond the leg of its triangles, so that no triangle's interpolation reaches its neighbour."""
CHUNK = 1 << 21
"""Texels computed at a time."""


def multiply(a: Bytes4, b: Bytes4) -> Bytes4:
    """The product of two sRGB colours in linear light; alphas are multiplied as they are."""
    if WHITE in (a, b):
        return b if a == WHITE else a
    product = srgb8_to_linear(np.array(a[:3])) * srgb8_to_linear(np.array(b[:3]))
    red, green, blue = linear_to_srgb8(product).tolist()
    return red, green, blue, round(a[3] * b[3] / 255)


def bake_colours(part: Part, needs_texture: bool = False) -> Part:
    """The part with the same look without vertex colours, or without texture where that is uniform.

    needs_texture: give a part without a texture one, too. Parts without vertex colours are returned unchanged.
    """
    colours, material = part.colours, part.material or Material()
    if colours is None or len(part.faces) == 0:
        return part
    picture = material.texture if part.uv is not None else None
    used = colours[np.unique(part.faces)]
    if (np.ptp(used, axis=0) <= UNIFORM).all():
        red, green, blue, alpha = np.median(used, axis=0).astype(int).tolist()
        tint = multiply((red, green, blue, alpha), material.colour)
        return replace(part, colours=None, material=replace(material, colour=tint))
    if picture is not None and (texel := _uniform(picture)) is not None:
        material, picture = replace(material, colour=multiply(texel, material.colour)), None
    if picture is None and not needs_texture:
        tinted = _tinted(colours, material.colour)
        return Part(part.vertices, part.faces, None, tinted, replace(material, colour=WHITE, texture=None))
    return _baked(part, colours, material, picture)


def _uniform(picture: Pil.Image) -> Bytes4 | None:
    """The colour of a texture of one colour, or None."""
    extrema: Any = picture.convert("RGBA").getextrema()
    if any(low != high for low, high in extrema):
        return None
    red, green, blue, alpha = (low for low, _ in extrema)
    return red, green, blue, alpha


def _tinted(colours: NDArray[np.uint8], tint: Bytes4) -> NDArray[np.uint8]:
    """Vertex colours (V, 4) times one colour."""
    if tint == WHITE:
        return colours
    light = srgb8_to_linear(colours[:, :3]) * srgb8_to_linear(np.array(tint[:3]))
    alpha = np.rint(colours[:, 3:] * (tint[3] / 255)).astype(np.uint8)
    return np.column_stack([linear_to_srgb8(light), alpha])


def _baked(part: Part, colours: NDArray[np.uint8], material: Material, picture: Pil.Image | None) -> Part:
    """The part with a texture of one cell for each triangle."""
    light = np.column_stack([srgb8_to_linear(colours[:, :3]), colours[:, 3] / np.float32(255)])
    pixels = None if picture is None else np.asarray(picture.convert("RGBA"))
    legs = _legs(part, pixels)
    order = np.argsort(-legs, kind="stable")
    sizes = np.unique(legs)[::-1]
    texels = sum(int(-(-(legs == s).sum() // 2)) * int(s + FRAME) ** 2 for s in sizes)
    if texels > 4 * MAX_TEXELS:  # millions of triangles: the texture alone is kept, or the colours alone
        return replace(part, colours=None) if picture is not None else part
    width = max(int(sizes[0]) + FRAME, int(np.ceil(texels**0.5 / 64)) * 64)
    rows: list[NDArray[np.uint8]] = []
    corner_uv = np.empty((len(part.faces), 3, 2))
    top = 0
    for leg in sizes.tolist():
        chosen = order[legs[order] == leg]
        side = leg + FRAME
        across = width // side
        shelf = across * 2 * max(1, CHUNK // (across * side * side))
        for start in range(0, len(chosen), shelf):
            faces = chosen[start : start + shelf]
            block, place = _cells(part, light, pixels, faces, leg, across)
            corner_uv[faces] = place + [0, top]
            rows.append(np.pad(block, ((0, 0), (0, width - block.shape[1]), (0, 0))))
            top += len(block)
    atlas = np.concatenate(rows)
    corner_uv /= [width, top]
    corner_uv[..., 1] = 1 - corner_uv[..., 1]
    texture = Pil.fromarray(atlas if _has_alpha(pixels, colours) else np.ascontiguousarray(atlas[..., :3]))
    n = len(part.faces)
    return Part(
        part.vertices[part.faces].reshape(-1, 3), np.arange(3 * n).reshape(n, 3), corner_uv.reshape(-1, 2),
        None, replace(material, texture=texture),
    )  # fmt: skip


def _has_alpha(pixels: NDArray[np.uint8] | None, colours: NDArray[np.uint8]) -> bool:
    """Whether a texture or vertex colours are anywhere not opaque."""
    return bool((colours[:, 3] < 255).any() or (pixels is not None and (pixels[..., 3] < 255).any()))


def _legs(part: Part, pixels: NDArray[np.uint8] | None) -> NDArray[np.int64]:
    """(F,) legs of the cells in texels, powers of two: the longest side of the triangle in its old texture."""
    legs = np.full(len(part.faces), USUAL, np.int64)
    if pixels is not None and part.uv is not None:
        corners = part.uv[part.faces] * pixels.shape[1::-1]
        sides = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2).max(1)
        legs = 2 ** np.ceil(np.log2(np.clip(np.nan_to_num(sides), USUAL, LARGEST))).astype(np.int64)
    while ((legs + FRAME) ** 2.0).sum() / 2 > MAX_TEXELS and legs.max() > SMALLEST:
        legs = np.minimum(legs, legs.max() // 2)
    return legs


def _cells(
    part: Part, light: F32, pixels: NDArray[np.uint8] | None, faces: NDArray[np.int64], leg: int, across: int
) -> tuple[NDArray[np.uint8], F64]:
    """(texels (h, w, 4), corners (F, 3, 2) in texels, y down) of faces of one size, in rows of `across` cells."""
    side = leg + FRAME
    y, x = np.mgrid[:side, :side].astype(np.float64)
    upper = x + y <= side - 1
    s, t = np.where(upper, x - 1, side - 2 - x) / (leg - 1), np.where(upper, y - 1, side - 2 - y) / (leg - 1)
    weight = np.stack([1 - s - t, s, t], -1)  # continues linearly outside the triangle
    inside = np.maximum(weight, 0)
    inside /= inside.sum(-1, keepdims=True)
    cells = -(-len(faces) // 2)
    pair = np.column_stack([faces[0::2], np.resize(faces[1::2], cells) if len(faces) > 1 else faces])
    corner = part.faces[pair]  # (cells, 2, 3)
    which = np.where(upper, 0, 1)
    value = np.empty((cells, side, side, 4), np.float32)
    for k in (0, 1):
        mine = which == k
        value[:, mine] = np.einsum("pw,cwd->cpd", weight[mine], light[corner[:, k]])
        value[:, mine] = np.clip(value[:, mine], 0, 1)
        if pixels is not None and part.uv is not None:
            uv = np.einsum("pw,cwd->cpd", inside[mine], part.uv[corner[:, k]])
            value[:, mine] *= _sample(pixels, uv)
    down = -(-cells // across)
    full = np.zeros((down * across, side, side, 4), np.uint8)
    full[:cells, ..., :3] = linear_to_srgb8(value[..., :3])
    full[:cells, ..., 3] = np.rint(value[..., 3] * 255)
    block = full.reshape(down, across, side, side, 4).swapaxes(1, 2).reshape(down * side, across * side, 4)
    number = np.arange(len(faces))
    origin = np.column_stack([number // 2 % across, number // 2 // across])[:, None] * float(side)
    first = np.array([[1, 1], [leg, 1], [1, leg]]) + 0.5
    local = np.where((number % 2 == 0)[:, None, None], first, side - first)
    return block, np.asarray(origin + local)


def _sample(pixels: NDArray[np.uint8], uv: F64) -> F32:
    """(..., 4) linear light and alpha of a repeating texture, bilinear. uv (..., 2) with v up."""
    height, width = pixels.shape[:2]
    x, y = uv[..., 0] * width - 0.5, (1 - uv[..., 1]) * height - 0.5
    left, above = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    total = np.zeros((*uv.shape[:-1], 4), np.float32)
    for dx, wx in ((0, 1 - (x - left)), (1, x - left)):
        for dy, wy in ((0, 1 - (y - above)), (1, y - above)):
            texel = pixels[(above + dy) % height, (left + dx) % width]
            lit = np.concatenate([SRGB8_TO_LINEAR[texel[..., :3]], texel[..., 3:] / np.float32(255)], -1)
            total += (wx * wy)[..., None].astype(np.float32) * lit
    return total
