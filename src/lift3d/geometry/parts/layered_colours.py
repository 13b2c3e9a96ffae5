"""Colours in layers on a triangle mesh: colours by corner and textures, blended into one colouring.

Each layer is sampled in sRGB on its own, then blended in linear light over the layers below it. Layers of colours blend
at the corners; a single texture below and above uniform colours blends in its own pixels; all else is baked into an atlas
in which each triangle has a square of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.types import F64, Material, Part

TILE_STYLES = ("wrap", "mirror", "clamp", "none")
MAX_ATLAS = 4096
"""Largest side of a baked atlas in pixels."""
MAX_BAKED = 200_000
"""Most triangles that are baked; a mesh with more is coloured at its corners."""
_GUTTER = 1
_SIDES = (2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture (H, W, 4) of sRGB bytes with alpha, its tile styles, and how it is filtered ("linear" or "nearest")."""

    pixels: NDArray[np.uint8]
    style_u: str = "wrap"
    style_v: str = "wrap"
    filter: str = "linear"


@dataclass(frozen=True, eq=False)
class Layer:
    """Colours (F, 3, 4) in [0, 1] sRGB with alpha at the corners of triangles, or a texture with uv (F, 3, 2); and how it
    is blended over what lies below: "mix" or "multiply"."""

    colours: F64 | None = None
    texture: Texture | None = None
    uv: F64 | None = None
    method: str = "mix"

    @property
    def uniform(self) -> bool:
        """Whether the layer has one colour all over."""
        return self.colours is not None and bool((self.colours == self.colours[:1, :1]).all())

    def rows(self, chosen: NDArray[np.int64]) -> Layer:
        """The layer of some of the triangles."""
        if self.colours is not None:
            return replace(self, colours=self.colours[chosen])
        return replace(self, uv=None if self.uv is None else self.uv[chosen])

    def at(self, weights: F64) -> F64:
        """(F, K, 4) samples at barycentric weights (K, 3) of every triangle."""
        if self.colours is not None:
            return np.clip(np.einsum("kc,fcd->fkd", weights, self.colours), 0, 1)
        assert self.texture is not None and self.uv is not None
        return sample(self.texture, np.einsum("kc,fcd->fkd", weights, self.uv))


def sample(texture: Texture, uv: F64) -> F64:
    """(..., 4) samples in sRGB at uv (..., 2), v up. Outside the picture a style "none" is transparent."""
    height, width = texture.pixels.shape[:2]
    u, outside_u = _tiled(uv[..., 0], texture.style_u)
    v, outside_v = _tiled(uv[..., 1], texture.style_v)
    x, y = u * width - 0.5, (1 - v) * height - 0.5
    if texture.filter == "nearest":
        out = _pixel(texture, np.rint(x).astype(np.int64), np.rint(y).astype(np.int64))
    else:
        left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        a, b = (x - left)[..., None], (y - top)[..., None]
        upper = _pixel(texture, left, top) * (1 - a) + _pixel(texture, left + 1, top) * a
        lower = _pixel(texture, left, top + 1) * (1 - a) + _pixel(texture, left + 1, top + 1) * a
        out = upper * (1 - b) + lower * b
    out[outside_u | outside_v] = 0
    return out


def _tiled(t: F64, style: str) -> tuple[F64, NDArray[np.bool_]]:
    """(coordinate in [0, 1], whether it lies where a style "none" has no picture)."""
    outside = ((t < 0) | (t > 1)) & (style == "none")
    if style in ("clamp", "none"):
        return np.clip(t, 0, 1), outside
    if style == "mirror":
        return 1 - np.abs(np.mod(t, 2) - 1), outside
    return t - np.floor(t), outside


def _pixel(texture: Texture, x: NDArray[np.int64], y: NDArray[np.int64]) -> F64:
    """(..., 4) pixels; neighbours beyond the border continue it by the tile style."""
    height, width = texture.pixels.shape[:2]
    x = np.mod(x, width) if texture.style_u == "wrap" else np.clip(x, 0, width - 1)
    y = np.mod(y, height) if texture.style_v == "wrap" else np.clip(y, 0, height - 1)
    return texture.pixels[y, x] / 255.0


def blend(samples: list[F64], methods: list[str], material: bool = False) -> F64:
    """(..., 4) sRGB of layers (..., 4), the lowest first; the method of each is "mix" or "multiply". Broadcasts.

    The lowest layer is opaque unless it is the only one. material: it is a material, which the other layers, accumulated
    among themselves with their opacity, cover (3MF materials extension, chapter 5).
    """
    if len(samples) == 1:
        return samples[0]
    below = srgb_to_linear(samples[0][..., :3])
    out, opacity = below, np.ones((*below.shape[:-1], 1))
    start = 1
    if material:
        out, start = srgb_to_linear(samples[1][..., :3]), 2
        opacity = samples[1][..., 3:] if methods[1] == "mix" else np.ones_like(samples[1][..., 3:])
    for layer, method in zip(samples[start:], methods[start:]):
        colour, alpha = srgb_to_linear(layer[..., :3]), layer[..., 3:]
        if method == "multiply":
            out, opacity = colour * out, alpha * opacity
        else:
            out, opacity = colour * alpha + out * (1 - alpha), alpha + opacity * (1 - alpha)
    if material:
        out = out * opacity + below * (1 - opacity)
    rgb = np.clip(linear_to_srgb(out), 0, 1)
    return np.concatenate([rgb, np.ones((*rgb.shape[:-1], 1))], -1)


def coloured_part(
    points: F64, faces: NDArray[np.int64], layers: list[Layer], name: str, material: bool = False
) -> Part:
    """Triangles (F, 3) of points (V, 3) under layers, the lowest first, blended as `blend` does. name: of the material."""
    methods = [layer.method for layer in layers]
    textured = [layer for layer in layers if layer.texture is not None]
    if not textured:
        rgba = blend([layer.colours for layer in layers if layer.colours is not None], methods, material)
        return _with_corner_colours(points, faces, rgba, name)
    picture = _shared_pixels(textured)
    if picture is not None and all(layer.uniform for layer in layers if layer.texture is None):
        pixels = np.empty((*picture, 4), np.uint8)
        for row in range(picture[0]):
            centres = (np.arange(picture[1]) + 0.5) / picture[1]
            uv = np.stack([centres, np.full(picture[1], 1 - (row + 0.5) / picture[0])], -1)
            sampled = [
                sample(layer.texture, uv) if layer.texture is not None else _one(layer) for layer in layers
            ]
            pixels[row] = _bytes(blend(sampled, methods, material))
        return _with_texture(points, faces, textured[0].uv, pixels, name)
    if len(faces) > MAX_BAKED:
        rgba = blend([layer.at(np.eye(3)) for layer in layers], methods, material)
        return _with_corner_colours(points, faces, rgba, name)
    return _baked(points, faces, layers, name, material)


def opaque(layer: Layer) -> Layer:
    """The layer without its alpha."""
    if layer.colours is not None:
        return replace(
            layer,
            colours=np.concatenate([layer.colours[..., :3], np.ones((*layer.colours.shape[:2], 1))], -1),
        )
    assert layer.texture is not None
    pixels = layer.texture.pixels.copy()
    pixels[..., 3] = 255
    return replace(layer, texture=replace(layer.texture, pixels=pixels))


def _one(layer: Layer) -> F64:
    """(1, 4) the colour of a uniform layer."""
    assert layer.colours is not None
    return layer.colours[:1, 0]


def _bytes(rgba: F64) -> NDArray[np.uint8]:
    """Colours in [0, 1] as bytes."""
    return np.rint(np.clip(rgba, 0, 1) * 255).astype(np.uint8)


def _shared_pixels(textured: list[Layer]) -> tuple[int, int] | None:
    """(height, width) of one picture that can hold all textures; None where there is none: their uv differ, or leave the
    picture in a way that it could not repeat."""
    first = textured[0]
    assert first.uv is not None
    inside = float(first.uv.min()) >= -1e-6 and float(first.uv.max()) <= 1 + 1e-6
    sizes = []
    for layer in textured:
        assert layer.uv is not None and layer.texture is not None
        wraps = layer.texture.style_u == layer.texture.style_v == "wrap"
        if not (wraps or inside) or not np.array_equal(layer.uv, first.uv):
            return None
        sizes.append(layer.texture.pixels.shape[:2])
    return max(h for h, _ in sizes), max(w for _, w in sizes)


def _with_corner_colours(points: F64, faces: NDArray[np.int64], rgba: F64, name: str) -> Part:
    """The part with colours (F, 3, 4) in [0, 1]: one material if they are equal, else split vertices with colours."""
    codes = _bytes(rgba).reshape(-1, 4)
    if (codes == codes[0]).all():
        r, g, b, a = codes[0].tolist()
        return Part(points, faces, None, None, Material(name, (r, g, b, a)))
    keys = np.column_stack([faces.reshape(-1), codes.astype(np.int64) @ (1 << np.array([24, 16, 8, 0]))])
    unique, index, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return Part(points[unique[:, 0]], inverse.reshape(-1, 3), None, codes[index])


def _with_texture(
    points: F64, faces: NDArray[np.int64], uv: F64 | None, pixels: NDArray[np.uint8], name: str
) -> Part:
    """The part with a picture (H, W, 4) and uv (F, 3, 2); corners with equal uv stay joined."""
    assert uv is not None
    keys = np.column_stack([faces.reshape(-1), uv.reshape(-1, 2)])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    corners = points[unique[:, 0].astype(np.int64)]
    picture = Pil.fromarray(pixels)
    picture = picture.convert("RGB") if pixels[..., 3].min() == 255 else picture
    material = Material(name, texture=picture)
    return Part(corners, inverse.reshape(-1, 3), np.ascontiguousarray(unique[:, 1:]), None, material)


def _baked(points: F64, faces: NDArray[np.int64], layers: list[Layer], name: str, material: bool) -> Part:
    """The part with all layers in one atlas, a square of pixels for each triangle."""
    methods = [layer.method for layer in layers]
    sides = np.full(len(faces), 2)
    for layer in layers:
        if layer.texture is not None and layer.uv is not None:
            size = np.array(layer.texture.pixels.shape[1::-1])
            edges = np.abs(layer.uv - np.roll(layer.uv, 1, axis=1)) * size
            sides = np.maximum(sides, np.ceil(edges.max((1, 2))).clip(2, _SIDES[-1]).astype(int))
        else:
            sides = np.maximum(sides, 8)
    sides = np.array(_SIDES)[np.searchsorted(_SIDES, sides)]
    while True:
        cells = sides + 2 * _GUTTER
        width = min(MAX_ATLAS, int(2 ** np.ceil(np.log2(max(cells.max(), np.sqrt((cells**2.0).sum()))))))
        order = np.argsort(-sides, kind="stable")
        corner, height = _placed(cells, order, width)
        if height <= MAX_ATLAS or sides.max() == _SIDES[0]:
            break
        sides = np.maximum(sides // 2, _SIDES[0])
    atlas = np.full((height, width, 4), 255, np.uint8)
    uv = np.zeros((len(faces), 3, 2))
    for side in np.unique(sides).tolist():
        steps = np.arange(-_GUTTER, side + _GUTTER)
        x, y = np.meshgrid(steps, steps)
        # Corners at the centres of the first and the last pixel, (0, 0), (side - 1, 0) and (0, side - 1).
        b, c = x.reshape(-1) / (side - 1), y.reshape(-1) / (side - 1)
        weights = np.clip(np.column_stack([1 - b - c, b, c]), 0, 1)
        weights /= weights.sum(1, keepdims=True)
        rows = np.flatnonzero(sides == side)
        for chunk in np.array_split(rows, max(1, len(rows) * len(b) // 2_000_000)):
            colours = blend([layer.rows(chunk).at(weights) for layer in layers], methods, material)
            left, top = corner[chunk, 0], corner[chunk, 1]
            across = left[:, None] + _GUTTER + x.reshape(-1)
            down = top[:, None] + _GUTTER + y.reshape(-1)
            atlas[down, across] = _bytes(colours)
            start = np.stack([left, top], -1) + _GUTTER + 0.5
            ends = start[:, None] + np.array([[0, 0], [1, 0], [0, 1]]) * (side - 1)
            uv[chunk] = ends / (width, height)
    uv[..., 1] = 1 - uv[..., 1]
    return _with_texture(points, faces, uv, atlas, name)


def _placed(cells: NDArray[np.int64], order: NDArray[np.int64], width: int) -> tuple[NDArray[np.int64], int]:
    """((F, 2) left-top corners of square cells, in an order from large to small, in rows of a width; total height)."""
    corner = np.zeros((len(cells), 2), np.int64)
    top = 0
    for side in np.unique(cells)[::-1].tolist():
        rows = order[cells[order] == side]
        across = width // side
        position = np.arange(len(rows))
        corner[rows, 0] = position % across * side
        corner[rows, 1] = top + position // across * side
        top += -(-len(rows) // across) * side
    return corner, top
