"""Signed maps as colours: blue for negative values, red for positive ones, over a picture or a light grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32

POSITIVE, NEGATIVE = (214, 39, 24), (20, 92, 214)
"""sRGB of the largest and of the smallest value; they differ for people who see few colours as well."""
NEUTRAL = (226, 224, 220)
"""sRGB of zero on a surface without a picture."""
OPACITY, GAMMA = 0.9, 0.7
"""Opacity of the largest value, and the exponent by which small values are made visible."""


def opacity_of(values: F32, scale: float) -> F32:
    """Opacity in [0, OPACITY] of values of any shape, whose full colour begins at `scale`."""
    size = np.clip(np.abs(values) / max(scale, 1e-30), 0, 1)
    return np.asarray(OPACITY * size**GAMMA, np.float32)


def overlay(values: F32, scale: float, below: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., 3) uint8: the colours of values (...) over colours (..., 3) uint8."""
    alpha = opacity_of(values, scale)[..., None]
    colour = np.where(values[..., None] >= 0, np.array(POSITIVE, np.float32), np.array(NEGATIVE, np.float32))
    return np.rint(below * (1 - alpha) + colour * alpha).astype(np.uint8)
