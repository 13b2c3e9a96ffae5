"""What a picture promises as a lithophane or a relief: flat pictures, drawings and extreme shapes, found before any work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError

FLAT, LOW_CONTRAST = 0.012, 0.12
"""Range of the sRGB luma (1st to 99th percentile, in [0, 1]) below which a picture shows nothing, or little."""
FEW_SHADES = 0.8
"""Fraction of the pixels in three narrow ranges of luma above which a picture has the shades of a drawing or text."""
ELONGATED = 4.0
"""Ratio of the sides from which a picture is a strip."""


def luma(pixels: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """(H, W) float32 in [0, 1]: Rec. 601 luma of (H, W, 3) sRGB bytes, 1 outside the mask (H, W)."""
    out = pixels @ (np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255))
    if mask is not None:
        out[~mask] = 1.0
    return np.asarray(out, np.float32)


def require_contrast(values: NDArray[np.float32], name: str) -> None:
    """Raise InputError for a picture (H, W) of luma in [0, 1] that is the same shade everywhere."""
    low, high = np.percentile(values, (1, 99))
    if max(high - low, float(values.max() - values.min()) * 0.2) < FLAT:
        middle = (low + high) / 2
        shade = "white" if middle > 0.95 else "black" if middle < 0.05 else "of one shade"
        raise InputError(
            f"{name} is {shade} everywhere, so that the model would be a plain plate",
            "use a photo with light and dark parts",
        )


def doubts(values: NDArray[np.float32]) -> list[str]:
    """Sentences, without the name of the picture, on what may disappoint. values: (H, W) luma in [0, 1]."""
    found = []
    low, high = np.percentile(values, (1, 99))
    if high - low < LOW_CONTRAST:
        found.append(
            f"its contrast is low ({100 * (high - low):.0f} % of the range from black to white) and is stretched, which shows "
            "its noise as well"
        )
    counts = np.histogram(values, 64, (0.0, 1.0))[0] / values.size
    if np.sort(counts)[-3:].sum() > FEW_SHADES:
        found.append(
            "it has few shades, as text, logos and screenshots have: the model has steps between flat parts and no modelling"
        )
    sides = max(values.shape) / min(values.shape)
    if sides >= ELONGATED:
        found.append(
            f"one of its sides is {sides:.3g} times as long as the other, so that the model is a strip"
        )
    return found
