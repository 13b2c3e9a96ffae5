"""The upright plane in which a solid is its own mirror image: found on its cells, by trying all directions.

Likeness of a plane: intersection over union of the solid and its mirror image (cf. Podolak et al. 2006, whose planar-reflective
symmetry transform is the correlation).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32, F64, SymmetryPlane

DIRECTIONS = 36
"""Planes that are tried first, over half a turn."""
PROMISING = 8
"""Of those, how many are tried beside the middle as well."""
COARSE = 32
"""Cells along the longest side at which they are."""
SHIFTS = (-0.04, -0.02, 0.0, 0.02, 0.04)
"""Of the plane from the middle, in the longest side."""


def symmetry_plane(full: NDArray[np.bool_], affine: F64, near: float | None = None) -> SymmetryPlane:
    """Of (X, Y, Z) cells; affine (4, 4), axis-aligned with cubic cells, maps their indices to a world with z up. near: the
    normal's angle from x in radians, where it is known to a few degrees."""
    step = float(affine[0, 0])
    factor = max(1, int(max(full.shape) / COARSE))
    coarse = ndimage.zoom(full.astype(np.float32), 1 / factor, order=1, grid_mode=True, mode="grid-constant")
    directions = np.arange(DIRECTIONS) * np.pi / DIRECTIONS if near is None else np.array([near])
    promising = sorted(directions.tolist(), key=lambda a: -_likeness(coarse, a, 0.0))[:PROMISING]
    best = _best(coarse, np.array(promising), SHIFTS)
    finer = best[0] + np.linspace(-1, 1, 5) * np.pi / DIRECTIONS / 2
    angle, shift, _ = _best(coarse, finer, tuple(best[1] + np.array([-0.01, 0, 0.01])))
    likeness = _likeness(full.astype(np.float32), angle, shift)
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    middle = affine[:3, :3] @ ((np.array(full.shape) - 1) / 2) + affine[:3, 3]
    return SymmetryPlane(normal, float(normal @ middle + shift * max(full.shape) * step), likeness)


def _best(cells: F32, angles: F64, shifts: tuple[float, ...]) -> tuple[float, float, float]:
    tried = [(float(a), float(s), _likeness(cells, float(a), float(s))) for a in angles for s in shifts]
    return max(tried, key=lambda one: one[2])


def _likeness(cells: F32, angle: float, shift: float) -> float:
    """Of cells and their mirror image in the plane through their middle, turned by `angle` and moved by `shift`."""
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    mirror = np.eye(3) - 2 * np.outer(normal, normal)
    middle = (np.array(cells.shape) - 1) / 2
    offset = middle - mirror @ middle + 2 * shift * max(cells.shape) * normal
    both, either = _shared(cells, mirror, offset)
    return both / either if either > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _shared(cells: F32, mirror: F64, offset: F64) -> tuple[float, float]:
    """Sums of the smaller and of the larger of each cell and of its image, which is interpolated in its layer; a cell of
    the image beyond the others is empty."""
    nx, ny, nz = cells.shape
    both, either = 0.0, 0.0
    for i in range(nx):
        for j in range(ny):
            x = mirror[0, 0] * i + mirror[0, 1] * j + offset[0]
            y = mirror[1, 0] * i + mirror[1, 1] * j + offset[1]
            a, b = int(np.floor(x + 1e-9)), int(np.floor(y + 1e-9))
            if a < -1 or b < -1 or a >= nx or b >= ny:
                for k in range(nz):
                    either += cells[i, j, k]
                continue
            p, q = x - a, y - b
            for k in range(nz):
                value = 0.0
                if a >= 0 and b >= 0:
                    value += (1 - p) * (1 - q) * cells[a, b, k]
                if a >= 0 and b + 1 < ny:
                    value += (1 - p) * q * cells[a, b + 1, k]
                if a + 1 < nx and b >= 0:
                    value += p * (1 - q) * cells[a + 1, b, k]
                if a + 1 < nx and b + 1 < ny:
                    value += p * q * cells[a + 1, b + 1, k]
                both += min(cells[i, j, k], value)
                either += max(cells[i, j, k], value)
    return both, either
