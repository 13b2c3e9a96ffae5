"""The picture of an attribution: the photo on the left, the map over a grey copy of it on the right, and the colour scale."""

from __future__ import annotations

import numpy as np
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.geometry.image.diverging import overlay
from lift3d.types import F32, Image

HEIGHT, MAX_WIDTH = 560, 760
"""Largest height and width of one of the two panels in pixels."""
GAP, MARGIN, BAR, SCALE_WIDTH = 16, 20, 18, 100
"""Pixels between the panels and around them, and the width of the colour bar and of the whole scale."""
PAPER, INK, FAINT = (250, 249, 247), (46, 46, 46), (120, 118, 114)
FADE = 0.45
"""How far the grey copy of the photo is moved towards light grey, so that colours stand out."""
RAISES, NO_EFFECT, LOWERS = "raises", "no effect", "lowers"


def photo_sheet(
    image: Image,
    window: tuple[float, float, float, float],
    values: F32,
    scale: float,
    at: tuple[float, float] | None = None,
) -> Pil.Image:
    """The sheet of a map (h, w) over a window of the image. scale: the value of the full colour; at: a pixel that is marked."""
    x0, y0 = max(int(np.floor(window[0])), 0), max(int(np.floor(window[1])), 0)
    x1, y1 = min(int(np.ceil(window[2])), image.width), min(int(np.ceil(window[3])), image.height)
    factor = min(HEIGHT / (y1 - y0), MAX_WIDTH / (x1 - x0))
    size = max(round((x1 - x0) * factor), 1), max(round((y1 - y0) * factor), 1)
    photo = Pil.fromarray(_without_hidden(image)[y0:y1, x0:x1]).resize(size, Pil.Resampling.LANCZOS)
    shown = resampled(values, window, (x0, y0, x1, y1), size)
    grey = np.asarray(photo.convert("L"), np.float32)
    grey = grey * (1 - FADE) + 236 * FADE
    below = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, 2)
    panel = Pil.fromarray(overlay(shown, scale, below))
    if image.mask is not None:
        part = Pil.fromarray(image.mask[y0:y1, x0:x1]).resize(size, Pil.Resampling.NEAREST)
        panel = _with_outline(panel, np.asarray(part))
    sheet = Pil.new("RGB", (2 * size[0] + 2 * MARGIN + 2 * GAP + SCALE_WIDTH, size[1] + 2 * MARGIN), PAPER)
    sheet.paste(photo, (MARGIN, MARGIN))
    sheet.paste(panel, (MARGIN + size[0] + GAP, MARGIN))
    if at is not None:
        for left in (MARGIN, MARGIN + size[0] + GAP):
            _mark(sheet, left + (at[0] - x0) * factor, MARGIN + (at[1] - y0) * factor)
    _draw_scale(sheet, MARGIN + 2 * size[0] + 2 * GAP, MARGIN, size[1])
    return sheet


def resampled(
    values: F32, window: tuple[float, float, float, float], box: tuple[int, int, int, int], size: tuple[int, int]
) -> F32:  # fmt: skip
    """(height, width) float32: the part of a map over a window that lies in a box of the photo, at a size (width, height)."""
    h, w = values.shape
    sx, sy = w / (window[2] - window[0]), h / (window[3] - window[1])
    part = (
        max((box[0] - window[0]) * sx, 0.0), max((box[1] - window[1]) * sy, 0.0),
        min((box[2] - window[0]) * sx, float(w)), min((box[3] - window[1]) * sy, float(h)),
    )  # fmt: skip
    return np.asarray(Pil.fromarray(values).resize(size, Pil.Resampling.BICUBIC, part), np.float32)


def _with_outline(panel: Pil.Image, mask: NDArray[np.bool_]) -> Pil.Image:
    """The panel with the silhouette of the object as a thin dark line."""
    line = mask ^ ndimage.binary_erosion(mask, border_value=1)
    pixels = np.array(panel)
    pixels[line] = (pixels[line] * 0.35).astype(np.uint8)
    return Pil.fromarray(pixels)


def _mark(sheet: Pil.Image, x: float, y: float) -> None:
    """A ring around a pixel, dark within light."""
    draw = PIL.ImageDraw.Draw(sheet)
    for radius, colour, width in ((11, (255, 255, 255), 5), (10, (0, 0, 0), 2)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)


def _without_hidden(image: Image) -> NDArray[np.uint8]:
    """The pixels, with white in place of the colours that the file's transparency hides."""
    if image.mask is None or image.segmentation is None or image.segmentation.source != "alpha":
        return image.pixels
    return np.where(image.mask[..., None], image.pixels, np.uint8(255))


def _draw_scale(sheet: Pil.Image, left: int, top: int, height: int) -> None:
    """The colour bar, from the largest to the smallest value, and what the colours mean."""
    values = np.repeat(np.linspace(1, -1, height, dtype=np.float32)[:, None], BAR, 1)
    below = np.full((height, BAR, 3), round(160 * (1 - FADE) + 236 * FADE), np.uint8)
    sheet.paste(Pil.fromarray(overlay(values, 1.0, below)), (left, top))
    draw = PIL.ImageDraw.Draw(sheet)
    draw.rectangle((left - 1, top - 1, left + BAR, top + height), outline=FAINT)
    font, x = PIL.ImageFont.load_default(size=16), left + BAR + 8
    for y, word in ((top - 2, RAISES), (top + height // 2 - 10, NO_EFFECT), (top + height - 18, LOWERS)):
        draw.text((x, y), word, fill=INK, font=font)
