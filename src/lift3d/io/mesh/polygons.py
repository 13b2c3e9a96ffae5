"""Polygons cut into triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fan_triangles(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """(F, 3) triangles of polygons with `counts` corners each, as positions in the list of all corners.

    Each polygon becomes a fan around its first corner; one with fewer than three corners gives no triangle.
    """
    starts = np.cumsum(counts) - counts
    triangles = np.maximum(counts - 2, 0)
    first = np.repeat(starts, triangles)
    step = np.arange(triangles.sum()) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.column_stack([first, first + step + 1, first + step + 2])
