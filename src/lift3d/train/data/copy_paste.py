"""Things put before other pictures: what stands behind a thing in a photo is other things (copy and paste: Ghiasi et al.
2021, arXiv:2012.07177). The thing in front is the mask; smaller ones beside and behind it are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageFilter

from lift3d.corpus.pictures.photographs import Photographs
from lift3d.train.data.picture_set import PictureSet

U8 = NDArray[np.uint8]
LEAST = 8
"""Pixels along each side that a thing has at least."""


@dataclass(frozen=True, eq=False)
class CopyPaste:
    """pictures: things by their masks, and pictures behind things; photographs: the same, of the real world, if any."""

    pictures: PictureSet
    photographs: Photographs | None = None

    def scene(self, number: int, rng: np.random.Generator, side: int) -> tuple[U8, NDArray[np.bool_]]:
        """(side, side, 3) and the mask: the thing of picture `number`, or one cut out of a photograph, before something."""
        thing = self._thing(number, rng)
        if thing is None:
            return self.pictures.rgb(number), self.pictures.mask(number)
        canvas = self._behind(rng, side)
        thing = _sized(thing, side * rng.uniform(0.45, 0.97))
        area = _area(thing)
        for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.3, 0.2]))):
            other = self._thing(int(rng.integers(len(self.pictures))), rng)
            if other is None:
                continue
            other = _sized(other, side * rng.uniform(0.12, 0.5))
            if _area(other) < 0.4 * area:
                where = [int(rng.integers(-n // 2, side - n // 2)) for n in other.size]
                canvas.paste(other, (where[0], where[1]), other)
        if rng.random() < 0.3:
            canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5) * side / 128))
        at = [int(rng.integers(0, side - n + 1)) for n in thing.size]
        if rng.random() < 0.3:
            _shadow(canvas, thing, at, rng)
        canvas.paste(thing, (at[0], at[1]), thing)
        alpha = np.zeros((side, side), np.uint8)
        alpha[at[1] : at[1] + thing.height, at[0] : at[0] + thing.width] = np.asarray(thing.getchannel("A"))
        rgb = np.asarray(canvas, np.float32)
        if rng.random() < 0.5:
            rgb = rgb + rng.normal(0, rng.uniform(1, 8), rgb.shape).astype(np.float32)
        return np.asarray(rgb.clip(0, 255), np.uint8), alpha > 127

    def _thing(self, number: int, rng: np.random.Generator) -> Pil.Image | None:
        """RGBA, cut to what is seen, in a light of its own; None where a picture shows too little of its thing."""
        if self.photographs is not None and self.photographs.cutouts and rng.random() < 0.35:
            held = self.photographs.cutouts
            thing = held[int(rng.integers(len(held)))]
        else:
            rgb, mask = self.pictures.rgb(number), self.pictures.mask(number)
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if len(rows) < LEAST or len(columns) < LEAST:
                return None
            part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            thing = Pil.fromarray(np.dstack([rgb[part], mask[part] * np.uint8(255)]))
        if rng.random() < 0.5:
            thing = thing.transpose(Pil.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.4:
            codes = np.asarray(thing, np.float32)
            light = rng.uniform(0.6, 1.35) * rng.uniform(0.9, 1.1, 3)
            codes = np.dstack([codes[..., :3] * light, codes[..., 3]])
            thing = Pil.fromarray(codes.clip(0, 255).astype(np.uint8))
        return thing

    def _behind(self, rng: np.random.Generator, side: int) -> Pil.Image:
        """A part of a photograph, or of another picture with what it shows."""
        if self.photographs is not None and rng.random() < 0.75:
            held = self.photographs.photographs
            whole = held[int(rng.integers(len(held)))]
        else:
            whole = self.pictures.rgb(int(rng.integers(len(self.pictures))))
        h, w = whole.shape[:2]
        width = int(min(h, w) * rng.uniform(0.35, 1))
        y, x = int(rng.integers(0, h - width + 1)), int(rng.integers(0, w - width + 1))
        part = Pil.fromarray(whole[y : y + width, x : x + width]).resize(
            (side, side), Pil.Resampling.BILINEAR
        )
        return part.transpose(Pil.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _sized(thing: Pil.Image, longer: float) -> Pil.Image:
    scale = longer / max(thing.size)
    size = (max(4, round(thing.width * scale)), max(4, round(thing.height * scale)))
    return thing.resize(size, Pil.Resampling.BILINEAR)


def _area(thing: Pil.Image) -> int:
    return int((np.asarray(thing.getchannel("A")) > 127).sum())


def _shadow(canvas: Pil.Image, thing: Pil.Image, at: list[int], rng: np.random.Generator) -> None:
    """A soft dark trace of the thing beside it, which is not the thing."""
    dark = thing.getchannel("A").point(lambda a: int(a * 0.5)).filter(ImageFilter.GaussianBlur(2))
    shift = [int(n * rng.uniform(-0.2, 0.2)) for n in thing.size]
    canvas.paste((0, 0, 0), (at[0] + shift[0], at[1] + shift[1]), dark)
