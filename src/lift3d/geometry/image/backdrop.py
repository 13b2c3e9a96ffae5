"""Recognise a plain backdrop (a sheet, a black or white wall) by its colours, and the object before it.

The colour of a backdrop varies slowly over the picture: light falls off, the lens darkens corners. It is modelled by a
quadratic polynomial in x and y for each channel, fitted to the border of the picture by iteratively reweighted least squares with
Tukey's biweight (Beaton & Tukey 1974), then to all pixels that agree with it and are connected with the border.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.image.colour_space import srgb8_to_linear
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
MIN_BRIGHT = 70.0
"""Median grey level of a backdrop on which shadows can be seen."""
SHADOW_SIZE = 800
"""Longer side of the reduced picture in which shadows are found."""
MAX_HUE, MIN_SHADE, MAX_SHADE, MAX_SLOPE = 0.12, 0.08, 1.1, 4.0
"""Shadows on a backdrop: largest relative difference of the channels, as ratios to the backdrop; least and largest ratio;
steepest slope in grey levels per pixel of a picture of SHADOW_SIZE pixels."""
MIN_SURE, MAX_ABOVE = 0.5, 0.05
"""Least fraction of the object without shadows that is not of the backdrop's hue; largest fraction of the shadows that lie above
the object in the picture."""
MAIN_PART = 0.1
"""Smaller parts, as a fraction of the largest, may be scraps of a shadow."""
MAX_FITTED = 20_000
"""Most pixels to which a backdrop is fitted."""


class BeforeBackdrop(NamedTuple):
    """mask (H, W): the object, its shadows, and edges on the backdrop, such as a plate's rim. unshaded (H, W): without shadows
    and edges; clear: whether these can be told from the object, which they cannot where a side of it is plain and of the
    backdrop's hue."""

    mask: NDArray[np.bool_]
    unshaded: NDArray[np.bool_]
    clear: bool


def object_before_backdrop(rgb: NDArray[np.uint8]) -> BeforeBackdrop | None:
    """The object before a plain backdrop, or None if the backdrop is not plain.

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
    differs = _largest(np.abs(smooth - full)) > DEVIATIONS * noise + LEVELS
    mask = _solid_parts(differs)
    fraction = float(mask.mean())
    if not MIN_OBJECT <= fraction <= MAX_OBJECT:
        return None
    if float(np.median(colours)) < MIN_BRIGHT:
        return BeforeBackdrop(mask, mask, False)
    step = max(1, round(max(height, width) / SHADOW_SIZE))
    reduced = smooth if step == 1 else _reduced(rgb, step)
    h, w = reduced.shape[:2]
    part = np.s_[step // 2 :: step, step // 2 :: step]
    shadow, hue = (
        _repeated(x, step, (height, width))
        for x in _shadows(reduced, full[part][:h, :w], differs[part][:h, :w], noise)
    )
    return BeforeBackdrop(mask, *_without(differs, shadow, hue))


def _shadows(
    smooth: F32, full: F32, differs: NDArray[np.bool_], noise: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(H, W) masks of shadows on the backdrop, and of all pixels of its hue. Hue: equal ratios of linear light to the backdrop's
    in all channels (Finlayson et al. 2006). Shadows have it, are smooth, and are connected with the backdrop by such pixels."""
    ratio = srgb8_to_linear(smooth) / np.maximum(srgb8_to_linear(full), 1e-4)
    level = (ratio[..., 0] + ratio[..., 1] + ratio[..., 2]) / 3
    hue = _largest(ratio) + _largest(-ratio) < MAX_HUE * level + 4e-3 * noise
    hue &= (level > MIN_SHADE) & (level < MAX_SHADE)
    grey = (smooth[..., 0] + smooth[..., 1] + smooth[..., 2]) / 3
    steepest = MAX_SLOPE * SHADOW_SIZE / min(max(grey.shape), SHADOW_SIZE) + noise
    smooth_there = ndimage.gaussian_gradient_magnitude(grey, 1.0, truncate=2.5) < steepest
    reached = ndimage.binary_propagation(
        ndimage.binary_dilation(~differs, iterations=2), mask=(differs & hue & smooth_there) | ~differs
    )
    return ndimage.binary_dilation(reached, iterations=2) & hue & differs, hue


def _without(
    differs: NDArray[np.bool_], shadow: NDArray[np.bool_], hue: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], bool]:
    """The object without shadows and without other parts of the backdrop's hue, such as the rim of a plate; and whether these are
    clearly not the object's: what is left is mostly of another hue, and no shadow lies above it. Above small parts there may be
    some: where a shadow crosses the rim of a plate, scraps are left."""
    left = _solid_parts(differs & ~shadow)
    labels, _ = ndimage.label(left)
    sizes = np.bincount(labels.ravel(), minlength=1)[1:]
    main = np.zeros_like(left)
    for k, part in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[part] == k
        if hue[part][inside].mean() > 0.9:
            left[part][inside] = False
        elif sizes[k - 1] >= MAIN_PART * sizes.max():
            main[part][inside] = True
    if not left.any() or (left & ~hue).sum() < MIN_SURE * left.sum():
        return left, False
    removed = shadow & ~left
    top = np.where(main.any(0), main.argmax(0), 0)
    above = (removed & (np.arange(len(left))[:, None] < top)).sum()
    return left, bool(above <= MAX_ABOVE * max(int(removed.sum()), 1))


def _repeated(mask: NDArray[np.bool_], step: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A reduced mask at the size of its picture; rows and columns beyond its blocks repeat the last one."""
    rows, columns = (np.minimum(np.arange(n) // step, m - 1) for n, m in zip(shape, mask.shape))
    return mask[np.ix_(rows, columns)]


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
        agrees = _largest(np.abs(rgb - colours)) < DEVIATIONS * max(noise, MIN_NOISE) + LEVELS
        if noise > MAX_NOISE or agrees[border].mean() < MIN_PLAIN_BORDER:
            return None
        labels, _ = ndimage.label(agrees)
        reached = np.unique(labels[border & agrees])
        chosen = agrees & np.isin(labels, reached)
    return colours, max(noise, MIN_NOISE)


def _fit(rgb: F32, terms: NDArray[np.float64], chosen: NDArray[np.bool_]) -> tuple[F32, float]:
    """The polynomial (H, W, 3) of the chosen pixels (H, W), and the robust standard deviation of their residuals."""
    a, b = terms[chosen], rgb[chosen].astype(np.float64)
    step = -(-len(a) // MAX_FITTED)
    a, b = a[::step], b[::step]
    middle = np.median(b, 0)
    first = _largest(np.abs(b - middle))
    weight = np.where(first <= max(3.0 * float(np.median(first)), 4.0), 1.0, 0.0)
    spread = 0.0
    for _ in range(6):
        root = np.sqrt(weight)[:, None]
        coefficients = np.linalg.lstsq(root * a, root * b, rcond=None)[0]
        residual = _largest(np.abs(a @ coefficients - b))
        spread = 1.48 * float(np.median(residual[weight > 0]))
        scale = 4.7 * max(spread, 0.5)
        weight = np.where(residual < scale, (1 - (residual / scale) ** 2) ** 2, 0.0)
    return (terms @ coefficients).astype(np.float32), spread


def _largest(channels: NDArray[np.floating]) -> NDArray[np.floating]:
    """The largest of the three channels (..., 3), several times faster than `max`."""
    return np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2])


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
