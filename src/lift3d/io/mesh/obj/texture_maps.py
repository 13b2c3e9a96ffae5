"""Texture maps of MTL: a file name behind options, and what the options do to the picture and its coordinates."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pil

from lift3d.types import F64

_OPTIONS = {
    "-blendu": 1, "-blendv": 1, "-boost": 1, "-bm": 1, "-cc": 1, "-clamp": 1, "-imfchan": 1, "-texres": 1, "-type": 1,
    "-colorspace": 1, "-mm": 2, "-o": 3, "-s": 3, "-t": 3,
}  # fmt: skip
"""Options with the number of their values; of three, the last two may be absent."""
_FAR = 3
"""A clamped picture is extended by its edge pixels to at most this many times its size on each side."""


_UNREAD = {
    "bump maps": ("bump", "map_bump"), "normal maps": ("norm", "map_norm", "map_kn"), "reflection maps": ("refl",),
    "maps of gloss": ("map_ks", "map_ns"), "maps of metal and roughness": ("map_pm", "map_pr", "map_rma", "map_orm"),
    "displacement maps": ("disp", "map_disp"), "decals": ("decal",),
}  # fmt: skip
"""Statements with maps that are not read, by what they are called in warnings."""


def unread_maps(statements: Collection[str]) -> list[str]:
    """What the statements of a material state besides colour and opacity."""
    return [what for what, keys in _UNREAD.items() if any(key in statements for key in keys)]


@dataclass(frozen=True)
class TextureMap:
    """file: as the statement names it. scale, offset (2,): the coordinates become uv * scale + offset. base, gain: the values
    become base + gain * value. channel: that is the opacity of a map_d."""

    file: str
    scale: F64
    offset: F64
    base: float = 0.0
    gain: float = 1.0
    clamp: bool = False
    channel: str = ""
    turbulent: bool = False

    def key(self) -> tuple[object, ...]:
        """Equal for maps with equal pictures."""
        return self.file, self.base, self.gain, self.channel

    def placed_as(self, other: TextureMap) -> bool:
        """Whether both have the same coordinates."""
        same = np.array_equal(self.scale, other.scale) and np.array_equal(self.offset, other.offset)
        return same and self.clamp == other.clamp


def parse_map(text: str) -> TextureMap:
    """The map of a statement such as "-s 2 2 1 -clamp on my wood.png"; options may also follow the name."""
    words = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    values: dict[str, list[str]] = {}
    name: tuple[int, int] | None = None
    at = 0
    while at < len(words):
        word = text[slice(*words[at])].lower()
        rest = len(words) - at - 1
        if word in _OPTIONS and rest:
            count = min(_OPTIONS[word], rest)
            if _OPTIONS[word] == 3:
                numbers = [_is_number(text[slice(*w)]) for w in words[at + 1 : at + 1 + count]]
                count = numbers.index(False) if False in numbers else count
            if name is None and count == rest:
                count -= 1  # the last word is the name
            values[word] = [text[slice(*w)] for w in words[at + 1 : at + 1 + count]]
            at += 1 + count
        else:
            name = (words[at][0] if name is None else name[0], words[at][1])
            at += 1
    file = text[slice(*name)] if name else ""
    if file.startswith("-"):  # an option that is not known
        file = file.split()[-1]
    scale, offset = _numbers(values.get("-s"), 1.0), _numbers(values.get("-o"), 0.0)
    base, gain = [*_numbers(values.get("-mm"), float("nan"))[:2]]
    return TextureMap(
        file.strip('"'),
        scale,
        offset,
        float(base) if np.isfinite(base) else 0.0,
        float(gain) if np.isfinite(gain) else 1.0,
        values.get("-clamp", ["off"])[:1] == ["on"],
        "".join(values.get("-imfchan", []))[:1].lower(),
        any(_numbers(values.get("-t"), 0.0)),
    )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _number(word: str) -> float | None:
    return float(word) if _is_number(word) and abs(float(word)) < 1e6 else None


def _numbers(words: list[str] | None, default: float) -> F64:
    """(2,) u and v of an option."""
    found = [_number(w) for w in (words or [])[:2]]
    return np.array([default if v is None else v for v in [*found, None, None][:2]])


def adjusted(picture: Pil.Image, source: TextureMap, opacity: bool) -> Pil.Image:
    """The picture after -mm (RGB or RGBA), or its opacity (mode L): the channel of -imfchan, else its alpha if that varies, else
    its luminance."""
    if opacity:
        bands = dict(zip(picture.mode.lower(), picture.split()))
        matte = bands.get("a")
        varies = matte is not None and np.asarray(matte).min() < 255
        if source.channel in ("r", "g", "b"):
            picture = bands[source.channel]
        elif matte is not None and (source.channel == "m" or (varies and not source.channel)):
            picture = matte
        else:
            picture = picture.convert("RGB").convert("L")
    if (source.base, source.gain) == (0.0, 1.0):
        return picture
    table = (
        np.rint(np.clip(source.base + source.gain * np.arange(256) / 255, 0, 1) * 255).astype(int).tolist()
    )
    bands_out = [
        band if name == "A" else band.point(table) for name, band in zip(picture.mode, picture.split())
    ]
    return Pil.merge(picture.mode, bands_out)


def constant_alpha(picture: Pil.Image) -> bool:
    """Whether all pixels are transparent to the same degree, which is not meant where only the colours are used."""
    if picture.mode != "RGBA":
        return False
    alpha = np.asarray(picture.getchannel("A"))
    return bool(alpha.max() < 255 and alpha.min() == alpha.max())


def with_opacity(picture: Pil.Image, alpha: Pil.Image) -> Pil.Image:
    """RGBA: the picture with another opacity, resampled to its size; RGB where all of it is opaque."""
    if alpha.size != picture.size:
        alpha = alpha.resize(picture.size, Pil.Resampling.BILINEAR)
    rgb = picture.convert("RGB")
    if alpha.getextrema() == (255, 255):
        return rgb
    rgb.putalpha(alpha)
    return rgb


def without_repeats(picture: Pil.Image, uv: F64) -> tuple[Pil.Image, F64]:
    """The picture extended by its edge pixels as far as the coordinates (V, 2) reach, and the coordinates in it."""
    low = np.clip(np.floor(uv.min(0)), -_FAR, 0).astype(int)
    high = np.clip(np.ceil(uv.max(0)), 1, _FAR + 1).astype(int)
    if not low.any() and (high == 1).all():
        return picture, uv
    w, h = picture.size
    while w * h * int(np.prod(high - low)) > 1 << 26 and min(w, h) > 1:
        picture = picture.reduce(2)
        w, h = picture.size
    pixels = np.asarray(picture)
    edges = ((high[1] - 1) * h, -low[1] * h), (-low[0] * w, (high[0] - 1) * w), (0, 0)
    pixels = np.pad(pixels, edges[: pixels.ndim], mode="edge")
    return Pil.fromarray(pixels), (np.clip(uv, low, high) - low) / (high - low)
