"""The upright plane in which a partial surface is most its own mirror image.

Only what is there can speak: the likeness of a plane is the share of samples whose mirror image lies on the surface, with its
normal (cf. Mitra, Guibas & Pauly 2006, whose votes are pairs of points with mirrored normals).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from lift3d.geometry.symmetry.plane import DIRECTIONS
from lift3d.types import F64, SymmetryPlane

NEAR = 0.02
"""Of the longest side: an image so near the surface lies on it."""
ALONG = 0.8
"""Least cosine of its normal with the surface's."""
MOST = 800
"""Samples that vote."""
OFFSETS = 25


def partial_symmetry_plane(points: F64, normals: F64) -> SymmetryPlane:
    """Of samples (N, 3), even over the surface, with outward normals; z is up."""
    some = np.linspace(0, len(points) - 1, min(MOST, len(points))).astype(int)
    p, n, tree = points[some], normals[some], cKDTree(points)
    side = float(np.ptp(points, axis=0).max())
    best = (-1.0, 0.0, 0.0)
    for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
        across = p @ [np.cos(angle), np.sin(angle), 0.0]
        for offset in np.linspace(across.min(), across.max(), OFFSETS):
            best = max(best, (_likeness(p, n, tree, normals, angle, offset, NEAR * side), angle, offset))
    for step in (0.5, 0.25):
        for angle in best[1] + np.array([-1, 0, 1]) * step * np.pi / DIRECTIONS:
            for offset in best[2] + np.array([-1, -0.5, 0, 0.5, 1]) * step * side / OFFSETS:
                near = NEAR * side
                best = max(best, (_likeness(p, n, tree, normals, angle, offset, near), angle, offset))
    normal = np.array([np.cos(best[1]), np.sin(best[1]), 0.0])
    return SymmetryPlane(normal, float(best[2]), best[0])


def _likeness(p: F64, n: F64, tree: cKDTree, normals: F64, angle: float, offset: float, near: float) -> float:
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    image = p - 2 * np.outer(p @ normal - offset, normal)
    turned = n - 2 * np.outer(n @ normal, normal)
    away, which = tree.query(image, distance_upper_bound=near)
    found = np.isfinite(away)
    alike = (turned[found] * normals[which[found]]).sum(1) > ALONG
    return float(alike.sum() / len(p))
