"""The vertical symmetry plane of an occupancy grid, by search over directions and offsets.

The symmetry score of a plane is the intersection over union of the solid and its reflection (cf. Podolak et al. 2006,
whose planar reflective symmetry transform is the correlation).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32, F64, SymmetryPlane

DIRECTIONS = 36
"""Directions of the coarse search, over 180 degrees."""
PROMISING = 8
"""Number of directions for which offsets are searched as well."""
COARSE = 32
"""Voxels along the longest side in the coarse search."""
SHIFTS = (-0.04, -0.02, 0.0, 0.02, 0.04)
"""Offsets of the plane from the centre of the grid, in longest sides."""


def symmetry_plane(full: NDArray[np.bool_], affine: F64, near: float | None = None) -> SymmetryPlane:
    """The plane with the highest score for the mask full (X, Y, Z).

    affine (4, 4): from voxel indices to a world with z up, axis-aligned with cubic voxels. near: angle of the normal
    from the x axis in radians, where it is known to a few degrees.
    """
    step = float(affine[0, 0])
    factor = max(1, int(max(full.shape) / COARSE))
    coarse = ndimage.zoom(full.astype(np.float32), 1 / factor, order=1, grid_mode=True, mode="grid-constant")
    directions = np.arange(DIRECTIONS) * np.pi / DIRECTIONS if near is None else np.array([near])
    promising = sorted(directions.tolist(), key=lambda a: -_score(coarse, a, 0.0))[:PROMISING]
    best = _best(coarse, np.array(promising), SHIFTS)
    finer = best[0] + np.linspace(-1, 1, 5) * np.pi / DIRECTIONS / 2
    angle, shift, _ = _best(coarse, finer, tuple(best[1] + np.array([-0.01, 0, 0.01])))
    score = _score(full.astype(np.float32), angle, shift)
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    centre = affine[:3, :3] @ ((np.array(full.shape) - 1) / 2) + affine[:3, 3]
    return SymmetryPlane(normal, float(normal @ centre + shift * max(full.shape) * step), score)


def _best(occupancy: F32, angles: F64, shifts: tuple[float, ...]) -> tuple[float, float, float]:
    """(angle, shift, score) of the best combination."""
    tried = [(float(a), float(s), _score(occupancy, float(a), float(s))) for a in angles for s in shifts]
    return max(tried, key=lambda result: result[2])


def _score(occupancy: F32, angle: float, shift: float) -> float:
    """Score of the plane through the centre of the grid with its normal at `angle` from x, moved by `shift` longest
    sides."""
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    reflection = np.eye(3) - 2 * np.outer(normal, normal)
    centre = (np.array(occupancy.shape) - 1) / 2
    offset = centre - reflection @ centre + 2 * shift * max(occupancy.shape) * normal
    intersection, union = _overlap(occupancy, reflection, offset)
    return intersection / union if union > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _overlap(occupancy: F32, reflection: F64, offset: F64) -> tuple[float, float]:
    """(sum of minima, sum of maxima) of voxels and their reflection, interpolated within each layer; zero outside the
    grid."""
    nx, ny, nz = occupancy.shape
    intersection, union = 0.0, 0.0
    for i in range(nx):
        for j in range(ny):
            x = reflection[0, 0] * i + reflection[0, 1] * j + offset[0]
            y = reflection[1, 0] * i + reflection[1, 1] * j + offset[1]
            a, b = int(np.floor(x + 1e-9)), int(np.floor(y + 1e-9))
            if a < -1 or b < -1 or a >= nx or b >= ny:
                for k in range(nz):
                    union += occupancy[i, j, k]
                continue
            p, q = x - a, y - b
            for k in range(nz):
                value = 0.0
                if a >= 0 and b >= 0:
                    value += (1 - p) * (1 - q) * occupancy[a, b, k]
                if a >= 0 and b + 1 < ny:
                    value += (1 - p) * q * occupancy[a, b + 1, k]
                if a + 1 < nx and b >= 0:
                    value += p * (1 - q) * occupancy[a + 1, b, k]
                if a + 1 < nx and b + 1 < ny:
                    value += p * q * occupancy[a + 1, b + 1, k]
                intersection += min(occupancy[i, j, k], value)
                union += max(occupancy[i, j, k], value)
    return intersection, union
