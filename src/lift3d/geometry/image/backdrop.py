"""Recognise a plain backdrop (a sheet, a black or white wall) by its colours, and the object before it.

The colour of a backdrop varies slowly over the picture: light falls off, the lens darkens corners. It is modelled by a
quadratic polynomial in x and y for each channel, fitted to the border of the picture by iteratively reweighted least squares with
Tukey's biweight (Beaton & Tukey 1974), then to all pixels that agree with it and are connected with the border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32

SIZE = 320
"""Longer side of the reduced picture on which the backdrop is modelled."""
BORDER = 0.03
"""Width of the border, as a fraction of the longer side."""
MIN_PLAIN_BORDER = 0.72
"""Least fraction of the border that a plain backdrop covers: an object or its plate may stand on the lower edge."""
MIN_NOISE, MAX_NOISE = 1.2, 6.0
"""Standard deviation, in grey levels of the reduced picture, that is assumed at least, and that a plain backdrop has at most."""
DEVIATIONS, LEVELS = 4.0, 3.0
"""A pixel is the object's if it differs from the backdrop by more than this many standard deviations plus these grey levels."""
MIN_OBJECT, MAX_OBJECT = 0.004, 0.85
"""Least and largest fraction of the picture that the object covers."""
MIN_PART = 0.02
"""Smaller parts, as a fraction of the largest, are specks on the backdrop."""


def object_before_backdrop(rgb: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """(H, W) True on the object before a plain backdrop, or None if the backdrop is not plain.

    rgb: (H, W, 3) sRGB bytes. Regions of the backdrop's colour that the object encloses count as the object: they may be either.
    """
    height, width = rgb.shape[:2]
    factor = max(1, round(max(height, width) / SIZE))
    small = _reduced(rgb, factor)
    background = plain_background(small)
    if background is None:
        return None
    colours, noise = background
    full = np.stack([_enlarged(colours[..., c], factor, (height, width)) for c in range(3)], -1)
    smooth = ndimage.gaussian_filter(rgb.astype(np.float32), (1.0, 1.0, 0), truncate=2)
    differs = np.abs(smooth - full).max(-1) > DEVIATIONS * noise + LEVELS
    mask = _solid_parts(differs)
    fraction = float(mask.mean())
    return mask if MIN_OBJECT <= fraction <= MAX_OBJECT else None


def plain_background(rgb: F32) -> tuple[F32, float] | None:
    """The backdrop's colour (H, W, 3) at every pixel of a reduced picture and its noise in grey levels, or None."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / max(width - 1, 1) - 0.5, y / max(height - 1, 1) - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    width_of_border = max(2, round(BORDER * max(height, width)))
    border = np.ones((height, width), bool)
    border[width_of_border:-width_of_border, width_of_border:-width_of_border] = False
    chosen = border
    for _ in range(3):
        colours, noise = _fit(rgb, terms, chosen)
        agrees = np.abs(rgb - colours).max(-1) < DEVIATIONS * max(noise, MIN_NOISE) + LEVELS
        if noise > MAX_NOISE or agrees[border].mean() < MIN_PLAIN_BORDER:
            return None
        labels, _ = ndimage.label(agrees)
        reached = np.unique(labels[border & agrees])
        chosen = agrees & np.isin(labels, reached)
    return colours, max(noise, MIN_NOISE)


def _fit(rgb: F32, terms: NDArray[np.float64], chosen: NDArray[np.bool_]) -> tuple[F32, float]:
    """The polynomial (H, W, 3) of the chosen pixels (H, W), and the robust standard deviation of their residuals."""
    a, b = terms[chosen], rgb[chosen].astype(np.float64)
    middle = np.median(b, 0)
    first = np.abs(b - middle).max(-1)
    weight = np.where(first <= max(3.0 * float(np.median(first)), 4.0), 1.0, 0.0)
    spread = 0.0
    for _ in range(6):
        root = np.sqrt(weight)[:, None]
        coefficients = np.linalg.lstsq(root * a, root * b, rcond=None)[0]
        residual = np.abs(a @ coefficients - b).max(-1)
        spread = 1.48 * float(np.median(residual[weight > 0]))
        scale = 4.7 * max(spread, 0.5)
        weight = np.where(residual < scale, (1 - (residual / scale) ** 2) ** 2, 0.0)
    return (terms @ coefficients).astype(np.float32), spread


def _reduced(rgb: NDArray[np.uint8], factor: int) -> F32:
    """(h, w, 3) float32 mean colours of blocks of factor x factor pixels."""
    height, width = rgb.shape[0] // factor * factor, rgb.shape[1] // factor * factor
    blocks = rgb[:height, :width].reshape(height // factor, factor, width // factor, factor, 3)
    return blocks.mean((1, 3), dtype=np.float32)


def _enlarged(values: F32, factor: int, shape: tuple[int, int]) -> F32:
    """Values (h, w) interpolated linearly at the pixels of the picture (H, W) that they were reduced from."""
    rows = (np.arange(shape[0]) + 0.5) / factor - 0.5
    columns = (np.arange(shape[1]) + 0.5) / factor - 0.5
    at = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(ndimage.map_coordinates(values, at, order=1, mode="nearest"), np.float32)


def _solid_parts(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without specks and with its holes filled."""
    side = max(1, round(0.002 * max(mask.shape)))
    opened = ndimage.binary_opening(mask, iterations=side)
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = np.flatnonzero(sizes >= MIN_PART * sizes.max())
    whole = ndimage.binary_propagation(np.isin(labels, kept), mask=mask)
    # smoothing has widened the outline by about a pixel
    return np.asarray(ndimage.binary_erosion(ndimage.binary_fill_holes(whole), border_value=1))
