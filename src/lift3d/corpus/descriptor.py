"""A shape descriptor that is invariant to rotation about the upright axis, used to find near-duplicates.

Three histograms of unit length: distances between pairs of surface samples (D2 of Osada et al., "Shape distributions",
2002); sample positions by height and distance from the axis; inclination of the normals by height. Then the sides of the
bounding box of the surface voxels, the horizontal ones in descending order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

PAIRS = 8192
D2_BINS, HEIGHTS, RADII, TILTS = 32, 12, 8, 4
LENGTH = D2_BINS + HEIGHTS * RADII + HEIGHTS * TILTS + 3


def describe(points: F64, normals: F64, cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(LENGTH,) float32 descriptor of points (N, 3) and unit normals (N, 3) in the canonical frame and of the (64, 64, 64)
    voxels that the surface touches."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, len(points), (2, PAIRS))
    d2 = np.histogram(np.linalg.norm(points[a] - points[b], axis=1), D2_BINS, (0, 1.75))[0]
    height = np.clip((points[:, 2] * HEIGHTS).astype(int), 0, HEIGHTS - 1)
    radius = np.clip((np.hypot(points[:, 0], points[:, 1]) / 0.72 * RADII).astype(int), 0, RADII - 1)
    position = np.bincount(height * RADII + radius, minlength=HEIGHTS * RADII)
    tilt = np.clip((np.abs(normals[:, 2]) * TILTS).astype(int), 0, TILTS - 1)
    inclination = np.bincount(height * TILTS + tilt, minlength=HEIGHTS * TILTS)
    sides = np.array([np.ptp(np.flatnonzero(cells.any((1, 2)))) if cells.any() else 0,
                      np.ptp(np.flatnonzero(cells.any((0, 2)))) if cells.any() else 0,
                      np.ptp(np.flatnonzero(cells.any((0, 1)))) if cells.any() else 0]) / 64  # fmt: skip
    sides[:2] = np.sort(sides[:2])[::-1]
    # with square roots the Euclidean distance is the Hellinger distance
    histograms = [np.sqrt(h / max(h.sum(), 1)) for h in (d2, position, inclination)]
    return np.concatenate([*histograms, sides]).astype(np.float32)
