"""The square crop around a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MARGIN = 1.12
"""Side of the crop over the longer side of the mask's bounding box."""


@dataclass(frozen=True)
class Crop:
    """A square of an image: its centre (x, y) and half its side, in pixels. It may extend beyond the image."""

    x: float
    y: float
    half: float


def square_crop(mask: NDArray[np.bool_], margin: float = MARGIN) -> Crop:
    """The square around the True pixels of `mask` (H, W), `margin` times as large. Raises ValueError if the mask is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("an empty mask has no crop")
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    half = max(bottom - top, right - left) / 2 * margin
    return Crop((left + right) / 2, (top + bottom) / 2, max(half, 1.0))
