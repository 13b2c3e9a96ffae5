"""Copy-paste augmentation (Ghiasi et al. 2021, arXiv:2012.07177): objects pasted onto other pictures, with the visible part of
each.

Hard negatives: busy photographs and rooms behind the objects, backgrounds of parts of other objects, backgrounds in the colours
of the object or with its texture, other objects beside, behind and in front of it, and shadows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageFilter

from lift3d.corpus.pictures.photographs import Photographs
from lift3d.corpus.scenes.depth_shards import DepthSet
from lift3d.types import F32

U8 = NDArray[np.uint8]
LEAST = 8
"""Minimum size of an object along each side, in pixels."""
CUTOUTS = 0.6
"""Fraction of the objects that are cut out of photographs and drawings, where there are any; the others are rendered."""
BACKGROUNDS = {"photograph": 0.56, "room": 0.16, "picture": 0.08, "parts": 0.07, "alike": 0.06, "plain": 0.07}
"""Frequencies of the kinds of background."""
RECOLOURED = 0.12
"""Fraction of the backgrounds that take the colours of the object in front."""


class Pictures(Protocol):
    """Objects with their masks, by index."""

    def __len__(self) -> int: ...

    def rgb(self, i: int) -> U8:
        """(S, S, 3) sRGB."""

    def mask(self, i: int) -> NDArray[np.bool_]:
        """(S, S), True on the object."""


@dataclass(frozen=True, eq=False)
class PastedScene:
    """rgb (S, S, 3) uint8; layers: the visible coverage (S, S) in [0, 1] of each object; main: index of the object that was
    meant to stand out."""

    rgb: U8
    layers: tuple[F32, ...]
    main: int


@dataclass(frozen=True, eq=False)
class CopyPaste:
    """Random scenes of pasted objects. pictures: rendered objects with masks; photographs: photographs and cut-outs, or None;
    rooms: rendered rooms, or None."""

    pictures: Pictures
    photographs: Photographs | None = None
    rooms: DepthSet | None = None

    def scene(
        self, number: int, rng: np.random.Generator, side: int, equal: bool = False
    ) -> PastedScene | None:
        """A scene (side, side) around the object of picture `number`, or one cut out of a photograph; None where the picture
        has no object. equal: the other objects may be as large as the main one and cover it, so that only a prompt tells which is
        meant; otherwise they are smaller."""
        main = self._object(number, rng, side * rng.uniform(0.16 if equal else 0.32, 1.0))
        if main is None:
            return None
        canvas = self._background(rng, side, main)
        others = []
        for _ in range(
            int(rng.choice([0, 1, 2, 3], p=[0.2, 0.35, 0.3, 0.15] if equal else [0.4, 0.3, 0.2, 0.1]))
        ):
            largest = 0.9 if equal else 0.5 * max(main.size) / side
            other = self._any_object(rng, side * rng.uniform(0.1, max(largest, 0.12)))
            if other is not None:
                others.append(other)
        in_front = rng.random() < (0.45 if equal else 0.15)
        count = int(rng.integers(len(others) + 1)) if in_front else len(others)
        order = [*others[:count], main, *others[count:]]
        layers: list[F32] = []
        for k, piece in enumerate(order):
            beyond = 0.25 if rng.random() < 0.2 or k != count else 0.0
            at = [_position(n, side, beyond, rng) for n in piece.size]
            if rng.random() < 0.3:
                _shadow(canvas, piece, at, rng)
            canvas.paste(piece, (at[0], at[1]), piece)
            cover = Pil.new("L", (side, side))
            cover.paste(piece.getchannel("A"), (at[0], at[1]))
            alpha = np.asarray(cover, np.float32) / np.float32(255)
            layers = [layer * (1 - alpha) for layer in layers] + [alpha]
        return PastedScene(np.asarray(canvas), tuple(layers), count)

    def _any_object(self, rng: np.random.Generator, longer: float) -> Pil.Image | None:
        return self._object(int(rng.integers(len(self.pictures))), rng, longer)

    def _object(self, number: int, rng: np.random.Generator, longer: float) -> Pil.Image | None:
        """An object as RGBA, cropped to its mask, its longer side `longer` pixels; flipped, turned, cut and relit at random. None
        where the visible part is too small."""
        if self.photographs is not None and self.photographs.cutouts and rng.random() < CUTOUTS:
            cutouts = self.photographs.cutouts
            item = _resize(cutouts[int(rng.integers(len(cutouts)))], longer)
        else:
            rgb, mask = self.pictures.rgb(number), self.pictures.mask(number)
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if len(rows) < LEAST or len(columns) < LEAST:
                return None
            part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            alpha = Pil.fromarray(mask[part] * np.uint8(255))
            if min(alpha.size) > 3 * LEAST:  # without the outermost pixels, which show the old background
                alpha = alpha.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.BoxBlur(0.7))
            item = Pil.fromarray(rgb[part])
            item.putalpha(alpha)
            item = _resize(item, longer)
        if rng.random() < 0.5:
            item = item.transpose(Pil.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.15:
            item = item.rotate(float(rng.normal(0, 25)), Pil.Resampling.BILINEAR, expand=True)
            item = item.crop(item.getchannel("A").getbbox())
        if rng.random() < 0.12:  # a part of the object, cut straight: objects are not always whole
            width = max(LEAST, round(item.width * rng.uniform(0.5, 0.9)))
            item = item.crop((0, 0, width, item.height))
        if rng.random() < 0.4:
            light = rng.uniform(0.55, 1.4) * rng.uniform(0.88, 1.12, 3)
            table = [min(int(code * gain), 255) for gain in (*light, 1.0) for code in range(256)]
            item = item.point(table)
        return item

    def _background(self, rng: np.random.Generator, side: int, item: Pil.Image) -> Pil.Image:
        """A picture (side, side) without the object."""
        kind = str(rng.choice(list(BACKGROUNDS), p=list(BACKGROUNDS.values())))
        if kind == "plain":
            canvas = _gradient(rng, side)
        elif kind == "alike":
            canvas = _tiled(item, side, rng)
        elif kind == "room" and self.rooms is not None:
            canvas = _crop(self.rooms.rgb(int(rng.integers(len(self.rooms)))), side, rng)
        elif kind in ("photograph", "room", "parts") and self.photographs is not None:
            photographs = self.photographs.photographs
            canvas = _crop(photographs[int(rng.integers(len(photographs)))], side, rng)
        else:
            canvas = _crop(self.pictures.rgb(int(rng.integers(len(self.pictures)))), side, rng)
        if kind == "parts":
            self._paste_parts(canvas, rng, side)
        if kind != "plain" and rng.random() < RECOLOURED:
            canvas = _recoloured(canvas, item)
        if rng.random() < 0.25:
            canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5) * side / 128))
        return canvas

    def _paste_parts(self, canvas: Pil.Image, rng: np.random.Generator, side: int) -> None:
        """Paste rectangular and slanted pieces out of objects, which are not whole objects."""
        for _ in range(int(rng.integers(4, 12))):
            other = self._any_object(rng, side * rng.uniform(0.3, 1.2))
            if other is None or min(other.size) < 2 * LEAST:
                continue
            w, h = (max(LEAST, round(n * rng.uniform(0.2, 0.6))) for n in other.size)
            x, y = (
                int(rng.integers(0, max(other.width - w, 1))),
                int(rng.integers(0, max(other.height - h, 1))),
            )
            piece = other.crop((x, y, x + w, y + h))
            canvas.paste(piece, (int(rng.integers(-w // 2, side)), int(rng.integers(-h // 2, side))), piece)


def _position(size: int, side: int, beyond: float, rng: np.random.Generator) -> int:
    """Where a piece of a size begins; a fraction `beyond` of it may lie outside the frame."""
    low, high = -beyond * size, side - size + beyond * size
    return round(rng.uniform(min(low, high), max(low, high)))


def _crop(whole: U8, side: int, rng: np.random.Generator) -> Pil.Image:
    """A random square part, (side, side), reflected now and then."""
    h, w = whole.shape[:2]
    width = int(min(h, w) * rng.uniform(0.35, 1))
    y, x = int(rng.integers(0, h - width + 1)), int(rng.integers(0, w - width + 1))
    picture = Pil.fromarray(whole[y : y + width, x : x + width])
    part = picture.resize((side, side), Pil.Resampling.BILINEAR, reducing_gap=1.5)
    return part.transpose(Pil.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _gradient(rng: np.random.Generator, side: int) -> Pil.Image:
    """A plain backdrop: white, black or any colour, brighter towards one side."""
    colour = rng.choice([255.0, 0.0]) * np.ones(3) if rng.random() < 0.3 else rng.uniform(0, 255, 3)
    t = np.linspace(-1, 1, side)
    slope = rng.normal(0, 20, 2)
    light = slope[0] * t[None, :, None] + slope[1] * t[:, None, None]
    return Pil.fromarray((colour + light).clip(0, 255).astype(np.uint8))


def _tiled(item: Pil.Image, side: int, rng: np.random.Generator) -> Pil.Image:
    """The middle of an object, reflected to a wallpaper: a background with the object's own texture."""
    w, h = item.size
    part = item.crop((w // 4, h // 4, max(3 * w // 4, w // 4 + 4), max(3 * h // 4, h // 4 + 4))).convert(
        "RGB"
    )
    longer = max(8, round(side * rng.uniform(0.25, 0.6)))
    codes = np.asarray(part.resize((longer, longer), Pil.Resampling.BILINEAR))
    codes = np.concatenate([codes, codes[:, ::-1]], 1)
    codes = np.concatenate([codes, codes[::-1]], 0)
    times = -(-side // len(codes))
    return Pil.fromarray(np.tile(codes, (times, times, 1))[:side, :side])


def _recoloured(canvas: Pil.Image, item: Pil.Image) -> Pil.Image:
    """The picture with the mean and the deviation of the object's colours (Reinhard et al. 2001), in part."""
    codes, front = np.asarray(canvas, np.float32), np.asarray(item, np.float32)
    seen = front[..., :3][front[..., 3] > 127]
    if len(seen) < LEAST:
        return canvas
    mean, deviation = codes.mean((0, 1)), codes.std((0, 1)) + 1
    changed = (codes - mean) * ((0.5 * deviation + 0.5 * seen.std(0)) / deviation) + seen.mean(0)
    return Pil.fromarray(changed.clip(0, 255).astype(np.uint8))


def _resize(item: Pil.Image, longer: float) -> Pil.Image:
    """The image scaled so that its longer side has `longer` pixels."""
    scale = longer / max(item.size)
    size = (max(4, round(item.width * scale)), max(4, round(item.height * scale)))
    return item.resize(size, Pil.Resampling.BILINEAR)


def _shadow(canvas: Pil.Image, item: Pil.Image, at: list[int], rng: np.random.Generator) -> None:
    """Draw a soft shadow beside the object. The shadow is not part of the mask."""
    strength, blur = rng.uniform(0.2, 0.6), rng.uniform(0.01, 0.04) * max(item.size)
    dark = item.getchannel("A").point(lambda a: int(a * strength)).filter(ImageFilter.BoxBlur(blur))
    shift = [int(n * rng.uniform(-0.2, 0.2)) for n in item.size]
    canvas.paste((0, 0, 0), (at[0] + shift[0], at[1] + shift[1]), dark)
