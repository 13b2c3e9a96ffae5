"""The opacity of a cut-out from the rough probability of its object: fractions at the edge, by the guided filter.

He, Sun & Tang 2013 (doi:10.1109/TPAMI.2012.213, section 4.5) use the filter for matting in the same way, as an approximation of
the closed form of Levin, Lischinski & Weiss 2008: near an edge, opacity is a linear function of the colours in each window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.guided_upsampling import guided_upsample
from lift3d.geometry.image.random_walker import logit
from lift3d.types import F32

SIDE = 448
"""Longer side in pixels at which the coefficients of the filter are computed."""
RADIUS, EPSILON = 7, 1e-4
"""Of the guided filter: half a window's side in pixels of this size, and the regularisation."""
CLEAR, SOLID = 0.15, 0.85
"""Filtered values from which on a pixel is transparent or opaque."""


def matte_of(
    pixels: NDArray[np.uint8], probability: F32, threshold: float, box: tuple[slice, slice]
) -> NDArray[np.uint8]:
    """(H, W) uint8: the opacity, 0 outside the box; the edge is at 128.

    pixels (H, W, 3): sRGB; probability (H, W) in [0, 1]; threshold: its value at the edge; box: rows and columns to filter."""
    log_odds = logit(probability[box]) - float(logit(np.array(threshold)))
    rough = (1 / (1 + np.exp(-log_odds))).astype(np.float32)
    h, w = rough.shape
    scale = min(1.0, SIDE / max(h, w))
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = np.asarray(Pil.fromarray(rough).resize(size, Pil.Resampling.BOX), np.float32)
    fine = guided_upsample(pixels[box], small, RADIUS, EPSILON)
    alpha = np.zeros(probability.shape, np.uint8)
    part = (fine - np.float32(CLEAR)) * np.float32(255 / (SOLID - CLEAR))
    alpha[box] = np.rint(np.clip(part, 0, 255)).astype(np.uint8)
    return alpha
