"""The colours of a surface in coarse cells: where a thing is red, said as a small volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32, F64

RESOLUTION = 16
"""Along each side."""


def colour_grid(
    points: F64, colours: NDArray[np.uint8], low: F64, side: float, cells: int = RESOLUTION
) -> F32:
    """(4, X, Y, Z) over the cube from `low` (3,), `side` long: mean sRGB of the points (N, 3) in each cell, from -1 to 1, and
    1 where there are any; zero where there are none. What lies beyond the cube is left out."""
    at = np.floor((points - low) / side * cells).astype(np.int64)
    held = ((at >= 0) & (at < cells)).all(1)
    flat = np.ravel_multi_index(tuple(at[held].T), (cells,) * 3)
    count = np.bincount(flat, minlength=cells**3)
    rgb = colours[held].astype(np.float64) / 127.5 - 1
    sums = [np.bincount(flat, rgb[:, k], cells**3) / np.maximum(count, 1) for k in range(3)]
    return np.stack([*sums, count > 0]).reshape(4, cells, cells, cells).astype(np.float32)
