"""A descriptor of shapes that does not change when a thing is turned about its upright axis, to find near-duplicates by.

Three histograms, each of unit length: distances of pairs of surface samples (D2 of Osada et al., "Shape distributions",
2002); where the samples lie by height and by distance from the axis; and how upright their normals are by height. With
them the sides of the box around the cells, the horizontal ones in falling order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

PAIRS = 8192
D2_BINS, HEIGHTS, RADII, TILTS = 32, 12, 8, 4
LENGTH = D2_BINS + HEIGHTS * RADII + HEIGHTS * TILTS + 3


def describe(points: F64, normals: F64, cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(LENGTH,) float32 of samples in the corpus' frame and the cells that the surface touches."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, len(points), (2, PAIRS))
    d2 = np.histogram(np.linalg.norm(points[a] - points[b], axis=1), D2_BINS, (0, 1.75))[0]
    height = np.clip((points[:, 2] * HEIGHTS).astype(int), 0, HEIGHTS - 1)
    radius = np.clip((np.hypot(points[:, 0], points[:, 1]) / 0.72 * RADII).astype(int), 0, RADII - 1)
    where = np.bincount(height * RADII + radius, minlength=HEIGHTS * RADII)
    tilt = np.clip((np.abs(normals[:, 2]) * TILTS).astype(int), 0, TILTS - 1)
    lean = np.bincount(height * TILTS + tilt, minlength=HEIGHTS * TILTS)
    sides = np.array([np.ptp(np.flatnonzero(cells.any((1, 2)))) if cells.any() else 0,
                      np.ptp(np.flatnonzero(cells.any((0, 2)))) if cells.any() else 0,
                      np.ptp(np.flatnonzero(cells.any((0, 1)))) if cells.any() else 0]) / 64  # fmt: skip
    sides[:2] = np.sort(sides[:2])[::-1]
    pieces = [
        np.sqrt(h / max(h.sum(), 1)) for h in (d2, where, lean)
    ]  # roots: Hellinger's distance is Euclid's
    return np.concatenate([*pieces, sides]).astype(np.float32)
