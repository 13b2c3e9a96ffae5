"""The vertical symmetry plane of a partial surface.

The symmetry score of a plane is the fraction of samples whose reflection lies on the surface with a matching normal
(cf. Mitra, Guibas & Pauly 2006, whose votes are pairs of points with reflected normals).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from lift3d.geometry.symmetry.plane import DIRECTIONS
from lift3d.types import F64, SymmetryPlane

MAX_DISTANCE = 0.02
"""Largest distance of a reflected sample from the surface, in longest sides."""
MIN_COSINE = 0.8
"""Least cosine between its normal and that of the surface."""
MAX_SAMPLES = 800
"""Most samples that are reflected."""
OFFSETS = 25
"""Offsets per direction in the coarse search."""


def partial_symmetry_plane(points: F64, normals: F64) -> SymmetryPlane:
    """The vertical plane with the highest score, for area-uniform samples (N, 3) with outward unit normals (N, 3); z
    is up."""
    subset = np.linspace(0, len(points) - 1, min(MAX_SAMPLES, len(points))).astype(int)
    p, n, tree = points[subset], normals[subset], cKDTree(points)
    side = float(np.ptp(points, axis=0).max())
    best = (-1.0, 0.0, 0.0)
    for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
        across = p @ [np.cos(angle), np.sin(angle), 0.0]
        for offset in np.linspace(across.min(), across.max(), OFFSETS):
            best = max(best, (_score(p, n, tree, normals, angle, offset, MAX_DISTANCE * side), angle, offset))
    for step in (0.5, 0.25):
        for angle in best[1] + np.array([-1, 0, 1]) * step * np.pi / DIRECTIONS:
            for offset in best[2] + np.array([-1, -0.5, 0, 0.5, 1]) * step * side / OFFSETS:
                near = MAX_DISTANCE * side
                best = max(best, (_score(p, n, tree, normals, angle, offset, near), angle, offset))
    normal = np.array([np.cos(best[1]), np.sin(best[1]), 0.0])
    return SymmetryPlane(normal, float(best[2]), best[0])


def _score(p: F64, n: F64, tree: cKDTree, normals: F64, angle: float, offset: float, near: float) -> float:
    """Fraction of the samples p (M, 3) with normals n whose reflection matches the surface within `near`."""
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    reflected = p - 2 * np.outer(p @ normal - offset, normal)
    reflected_normal = n - 2 * np.outer(n @ normal, normal)
    distance, index = tree.query(reflected, distance_upper_bound=near)
    found = np.isfinite(distance)
    matching = (reflected_normal[found] * normals[index[found]]).sum(1) > MIN_COSINE
    return float(matching.sum() / len(p))
