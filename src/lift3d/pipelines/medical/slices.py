"""Three orthogonal slices of a volume with the outlines of its labels, as radiologists look at them: the right of the patient is
on the left, the front is at the top of an axial slice and on the left of a sagittal one, the head is at the top."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from lift3d.geometry.volume.orientation import canonical_axes, canonical_spacing, to_canonical
from lift3d.types import HOUNSFIELD, Grid, Labels, Volume

SIDE = 480
"""Pixels along the longest side of a slice."""
GAP, BACK = 12, 24
SOFT_TISSUE = (-160.0, 240.0)
"""Window of a CT in Hounsfield units: 400 wide around 40."""
SHARE = 1.0
"""Percent of the values at each end that are shown as black and as white, where there is no window."""
VIEWS = (
    ("axial", 2, 0, 1, "RLAP"),
    ("coronal", 1, 0, 2, "RLSI"),
    ("sagittal", 0, 1, 2, "APSI"),
)
"""Name, axis across the slice, axes to the right and upwards (of R, A, S), and the letters left, right, top and bottom."""


def colour_of(number: int) -> tuple[int, int, int]:
    """An sRGB colour for a label: neighbouring numbers have different hues."""
    hue = (0.03 + 0.618034 * (number - 1)) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return int(255 * red), int(255 * green), int(255 * blue)


def slices_picture(
    volume: Volume | None, labels: Labels | None, window: tuple[float, float] | None = None, side: int = SIDE
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB: an axial, a coronal and a sagittal slice with one scale, through the middle of the labels, or of the
    volume without labels.

    volume, labels: on one grid; one of them may be None. window: values shown as black and white; by default soft tissue of a
    CT, else the range without 1 % at each end."""
    grid: Grid | None = volume if volume is not None else labels
    assert grid is not None
    values = None if volume is None else to_canonical(volume.values, grid)
    ids = None if labels is None else to_canonical(labels.ids, grid)
    spacing = np.array(canonical_spacing(grid))
    shape = tuple(grid.shape[a] for a in canonical_axes(grid)[0])
    at = _middle(ids, shape)
    low, high = _window(volume) if window is None else window
    scale = side / max(float(n * s) for n, s in zip(shape, spacing))
    tiles = [_slice(values, ids, view, at, spacing, scale, (low, high), shape) for view in VIEWS]
    height = max(tile.shape[0] for tile in tiles)
    width = sum(tile.shape[1] for tile in tiles) + GAP * (len(tiles) + 1)
    sheet = np.full((height + 2 * GAP, width, 3), BACK, np.uint8)
    left = GAP
    for tile in tiles:
        top = GAP + (height - tile.shape[0]) // 2
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        left += tile.shape[1] + GAP
    return sheet


def _middle(ids: NDArray[np.generic] | None, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The slices to show: those with most voxels of labels near the median one, or the middle ones."""
    if ids is None or not ids.any():
        return shape[0] // 2, shape[1] // 2, shape[2] // 2
    inside = ids != 0
    out = []
    for axis in range(3):
        count = inside.sum(tuple(a for a in range(3) if a != axis))
        out.append(int(np.searchsorted(np.cumsum(count), count.sum() / 2)))
    return out[0], out[1], out[2]


def _window(volume: Volume | None) -> tuple[float, float]:
    if volume is None:
        return 0.0, 1.0
    if volume.unit == HOUNSFIELD:
        return SOFT_TISSUE
    step = max(1, int(np.ceil((volume.values.size / 2_000_000) ** (1 / 3))))
    part = np.asarray(volume.values[::step, ::step, ::step], np.float32)
    low, high = np.percentile(part, (SHARE, 100 - SHARE))
    return float(low), float(high if high > low else low + 1)


def _slice(
    values: NDArray[np.generic] | None, ids: NDArray[np.generic] | None, view: tuple[str, int, int, int, str],
    at: tuple[int, int, int], spacing: NDArray[np.float64], scale: float, window: tuple[float, float],
    shape: tuple[int, ...],
) -> NDArray[np.uint8]:  # fmt: skip
    """One slice in pixels, with its name, the letters of the sides, and the outlines of labels."""
    name, across, right, up, letters = view
    width, height = (max(1, round(float(shape[a] * spacing[a] * scale))) for a in (right, up))
    size = width, height

    def plane(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.take(array, at[across], across).T[::-1, ::-1]

    if values is None:
        grey = np.zeros(size[::-1], np.uint8)
    else:
        low, high = window
        shown = ((plane(values).astype(np.float32) - low) / (high - low)).clip(0, 1) * 255
        picture = Pil.fromarray(np.rint(shown).astype(np.uint8))
        grey = np.asarray(picture.resize(size, Pil.Resampling.BICUBIC))
    rgb = np.repeat(grey[..., None], 3, 2)
    if ids is not None:
        rows = ((np.arange(size[1]) + 0.5) * shape[up] / size[1]).astype(int)
        columns = ((np.arange(size[0]) + 0.5) * shape[right] / size[0]).astype(int)
        large = plane(ids)[rows][:, columns]
        edge = np.zeros(large.shape, bool)
        edge[1:] |= large[1:] != large[:-1]
        edge[:-1] |= large[1:] != large[:-1]
        edge[:, 1:] |= large[:, 1:] != large[:, :-1]
        edge[:, :-1] |= large[:, 1:] != large[:, :-1]
        for number in np.unique(large[edge]):
            if number:
                rgb[edge & (large == number)] = colour_of(int(number))
    picture = Pil.fromarray(np.ascontiguousarray(rgb))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    style = {"fill": (235, 235, 235), "font": font, "stroke_width": 2, "stroke_fill": (0, 0, 0)}
    middle_x, middle_y = size[0] / 2, size[1] / 2
    draw.text((6, middle_y), letters[0], anchor="lm", **style)  # type: ignore[arg-type]
    draw.text((size[0] - 6, middle_y), letters[1], anchor="rm", **style)  # type: ignore[arg-type]
    draw.text((middle_x, 4), letters[2], anchor="mt", **style)  # type: ignore[arg-type]
    draw.text((middle_x, size[1] - 4), letters[3], anchor="mb", **style)  # type: ignore[arg-type]
    draw.text((6, size[1] - 4), name, anchor="lb", **style)  # type: ignore[arg-type]
    return np.asarray(picture)
