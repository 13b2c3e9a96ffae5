"""Textures whose samplers do not repeat, made into textures that do: everything after the readers repeats textures.

Clamped textures get a margin of their edge pixels as wide as the texture coordinates reach, mirrored ones their reflection
beside them, and textures that are magnified without interpolation more pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.types import F64, Bytes4

REPEAT, CLAMP, MIRROR, BORDER = "repeat", "clamp", "mirror", "border"
"""Wrap modes of one axis. BORDER: a constant colour outside the texture."""
MAX_PIXELS, MAX_TOTAL = 1 << 25, 1 << 27
"""Most pixels of a texture with its margins, and of all such textures of a model; larger ones are reduced."""
MAX_MARGIN = 32
"""Widest margin in multiples of the texture; texture coordinates beyond it are clipped."""
STEPS = 8
"""Margins are multiples of 1 / STEPS of the texture, so that parts share textures."""
SHARP_SIDE, SHARP_FACTOR = 1024, 8
"""Longest side and greatest magnification of a texture made for magnification without interpolation."""
GUTTER = 2
"""Further pixels of a margin, so that interpolation at its end does not reach the opposite side."""
_INSIDE = 1e-6


@dataclass(frozen=True, eq=False)
class _Wrapped:
    """A texture with margins: texture coordinates are clipped to low and high (2,), then scaled and shifted."""

    source: Pil.Image
    picture: Pil.Image
    low: F64
    high: F64
    scale: F64
    shift: F64


class TextureWrapper:
    """Repeating textures for one model; parts that reach equally far share a texture."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], _Wrapped] = {}
        self._used = 0

    def repeating(
        self, uv: F64, picture: Pil.Image, wraps: tuple[str, str], border: Bytes4 = (0, 0, 0, 255)
    ) -> tuple[F64, Pil.Image]:
        """(uv (V, 2), texture) that show with repetition what the arguments show with the wrap modes `wraps` of u and v.

        uv (V, 2) with v up; picture RGB or RGBA; border: the colour of the mode BORDER. The arguments themselves are returned
        where the modes make no difference.
        """
        if len(uv) == 0 or wraps == (REPEAT, REPEAT):
            return uv, picture
        uv = np.where(np.isfinite(uv), uv, 0.0)
        low, high = uv.min(0), uv.max(0)
        beyond = [bool(low[k] < -_INSIDE or high[k] > 1 + _INSIDE) and wraps[k] != REPEAT for k in (0, 1)]
        if not any(beyond):
            return uv, picture
        before = np.clip(np.ceil(-low * STEPS - _INSIDE), 0, MAX_MARGIN * STEPS).astype(int)
        after = np.clip(np.ceil((high - 1) * STEPS - _INSIDE), 0, MAX_MARGIN * STEPS).astype(int)
        modes = [wraps[k] if beyond[k] else REPEAT for k in (0, 1)]
        reach = tuple(
            (mode, *((int(before[k]), int(after[k])) if mode in (CLAMP, BORDER) else (0, 0)))
            for k, mode in enumerate(modes)
        )
        key = (id(picture), reach, border)
        if key not in self._made:
            self._made[key] = self._make(picture, reach, border)
        made = self._made[key]
        return np.clip(uv, made.low, made.high) * made.scale + made.shift, made.picture

    def _make(self, source: Pil.Image, reach: tuple[tuple[str, int, int], ...], border: Bytes4) -> _Wrapped:
        """The texture with margins, reduced where it would be too large."""
        growth = [2.0 if mode == MIRROR else 1 + (before + after) / STEPS for mode, before, after in reach]
        needed = source.width * source.height * growth[0] * growth[1]
        limit = min(MAX_PIXELS, max(MAX_TOTAL - self._used, 1 << 12))
        reduced = source.reduce(int(np.ceil((needed / limit) ** 0.5))) if needed > limit else source
        pixels = np.asarray(reduced)
        low, high, scale, shift = np.full(2, -np.inf), np.full(2, np.inf), np.ones(2), np.zeros(2)
        for k, (mode, before, after) in enumerate(reach):
            axis = 1 - k
            if mode == MIRROR:
                pair = [pixels, np.flip(pixels, axis)]
                pixels = np.concatenate(pair if k == 0 else pair[::-1], axis)
                scale[k] = 0.5
            elif mode != REPEAT:
                side = pixels.shape[axis]
                widths = [-(-side * steps // STEPS) + GUTTER for steps in (before, after)]
                pixels = _padded(pixels, axis, widths if k == 0 else widths[::-1], mode, border)
                low[k], high[k] = -before / STEPS, 1 + after / STEPS
                scale[k], shift[k] = np.array([side, widths[0]]) / (side + sum(widths))
        self._used += pixels.shape[0] * pixels.shape[1]
        return _Wrapped(source, Pil.fromarray(np.ascontiguousarray(pixels)), low, high, scale, shift)


def _padded(
    pixels: NDArray[np.uint8], axis: int, widths: list[int], mode: str, border: Bytes4
) -> NDArray[np.uint8]:
    """The pixels (H, W, 3 or 4) with margins along an axis: their edge, or the border's colour."""
    if mode == CLAMP:
        margins = [(0, 0)] * 3
        margins[axis] = (widths[0], widths[1])
        return np.pad(pixels, margins, mode="edge")
    if border[3] < 255 and pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    colour = np.array(border[: pixels.shape[2]], np.uint8)
    shapes = [[w if a == axis else n for a, n in enumerate(pixels.shape)] for w in widths]
    before, after = (np.broadcast_to(colour, shape) for shape in shapes)
    return np.concatenate([before, pixels, after], axis)


def without_interpolation(picture: Pil.Image) -> Pil.Image:
    """The texture with each pixel repeated, so that interpolation blends only at the borders of its pixels."""
    factor = min(SHARP_FACTOR, SHARP_SIDE // max(picture.size))
    if factor < 2:
        return picture
    return picture.resize((picture.width * factor, picture.height * factor), Pil.Resampling.NEAREST)
