"""Copy-paste augmentation (Ghiasi et al. 2021, arXiv:2012.07177): objects are pasted onto other pictures, because the background
of a photo consists of other objects. The mask is that of the object in front; smaller objects beside and behind it are
background."""

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
"""Minimum size of an object along each side, in pixels."""


@dataclass(frozen=True, eq=False)
class CopyPaste:
    """Random scenes of pasted objects. pictures: source of objects with masks and of backgrounds; photographs: source of
    backgrounds and cut-outs of real photographs, or None."""

    pictures: PictureSet
    photographs: Photographs | None = None

    def scene(self, number: int, rng: np.random.Generator, side: int) -> tuple[U8, NDArray[np.bool_]]:
        """sRGB (side, side, 3) and mask (side, side) of the object of picture `number`, or of one cut out of a photograph, in
        front of a background."""
        item = self._object(number, rng)
        if item is None:
            return self.pictures.rgb(number), self.pictures.mask(number)
        canvas = self._background(rng, side)
        item = _resize(item, side * rng.uniform(0.45, 0.97))
        area = _area(item)
        for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.3, 0.2]))):
            other = self._object(int(rng.integers(len(self.pictures))), rng)
            if other is None:
                continue
            other = _resize(other, side * rng.uniform(0.12, 0.5))
            if _area(other) < 0.4 * area:
                where = [int(rng.integers(-n // 2, side - n // 2)) for n in other.size]
                canvas.paste(other, (where[0], where[1]), other)
        if rng.random() < 0.3:
            canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5) * side / 128))
        at = [int(rng.integers(0, side - n + 1)) for n in item.size]
        if rng.random() < 0.3:
            _shadow(canvas, item, at, rng)
        canvas.paste(item, (at[0], at[1]), item)
        alpha = np.zeros((side, side), np.uint8)
        alpha[at[1] : at[1] + item.height, at[0] : at[0] + item.width] = np.asarray(item.getchannel("A"))
        rgb = np.asarray(canvas, np.float32)
        if rng.random() < 0.5:
            rgb = rgb + rng.normal(0, rng.uniform(1, 8), rgb.shape).astype(np.float32)
        return np.asarray(rgb.clip(0, 255), np.uint8), alpha > 127

    def _object(self, number: int, rng: np.random.Generator) -> Pil.Image | None:
        """An object as RGBA, cropped to its mask, flipped and relit at random; None where the visible part is too small."""
        if self.photographs is not None and self.photographs.cutouts and rng.random() < 0.35:
            photographs = self.photographs.cutouts
            item = photographs[int(rng.integers(len(photographs)))]
        else:
            rgb, mask = self.pictures.rgb(number), self.pictures.mask(number)
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if len(rows) < LEAST or len(columns) < LEAST:
                return None
            part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            item = Pil.fromarray(np.dstack([rgb[part], mask[part] * np.uint8(255)]))
        if rng.random() < 0.5:
            item = item.transpose(Pil.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.4:
            codes = np.asarray(item, np.float32)
            light = rng.uniform(0.6, 1.35) * rng.uniform(0.9, 1.1, 3)
            codes = np.dstack([codes[..., :3] * light, codes[..., 3]])
            item = Pil.fromarray(codes.clip(0, 255).astype(np.uint8))
        return item

    def _background(self, rng: np.random.Generator, side: int) -> Pil.Image:
        """A random square crop of a photograph or of another picture, (side, side)."""
        if self.photographs is not None and rng.random() < 0.75:
            photographs = self.photographs.photographs
            whole = photographs[int(rng.integers(len(photographs)))]
        else:
            whole = self.pictures.rgb(int(rng.integers(len(self.pictures))))
        h, w = whole.shape[:2]
        width = int(min(h, w) * rng.uniform(0.35, 1))
        y, x = int(rng.integers(0, h - width + 1)), int(rng.integers(0, w - width + 1))
        part = Pil.fromarray(whole[y : y + width, x : x + width]).resize(
            (side, side), Pil.Resampling.BILINEAR
        )
        return part.transpose(Pil.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _resize(item: Pil.Image, longer: float) -> Pil.Image:
    """The image scaled so that its longer side has `longer` pixels."""
    scale = longer / max(item.size)
    size = (max(4, round(item.width * scale)), max(4, round(item.height * scale)))
    return item.resize(size, Pil.Resampling.BILINEAR)


def _area(item: Pil.Image) -> int:
    """The number of opaque pixels."""
    return int((np.asarray(item.getchannel("A")) > 127).sum())


def _shadow(canvas: Pil.Image, item: Pil.Image, at: list[int], rng: np.random.Generator) -> None:
    """Draw a soft shadow beside the object. The shadow is not part of the mask."""
    dark = item.getchannel("A").point(lambda a: int(a * 0.5)).filter(ImageFilter.GaussianBlur(2))
    shift = [int(n * rng.uniform(-0.2, 0.2)) for n in item.size]
    canvas.paste((0, 0, 0), (at[0] + shift[0], at[1] + shift[1]), dark)
