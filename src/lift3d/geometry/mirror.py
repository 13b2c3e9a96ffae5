"""The upright plane in which a solid is its own mirror image: found on its cells, by trying all directions.

Likeness of a plane: intersection over union of the solid and its mirror image (cf. Podolak et al. 2006, whose planar-reflective
symmetry transform is the correlation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32, F64

DIRECTIONS = 36
"""Planes that are tried first, over half a turn."""
PROMISING = 8
"""Of those, how many are tried beside the middle as well."""
COARSE = 32
"""Cells along the longest side at which they are."""
SHIFTS = (-0.04, -0.02, 0.0, 0.02, 0.04)
"""Of the plane from the middle, in the longest side."""


@dataclass(frozen=True, eq=False)
class Plane:
    """normal (3,) unit, horizontal; offset: normal . x = offset on the plane; likeness from 0 to 1."""

    normal: F64
    offset: float
    likeness: float

    def reflection(self) -> F64:
        """(4, 4) the mirror."""
        out = np.eye(4)
        out[:3, :3] -= 2 * np.outer(self.normal, self.normal)
        out[:3, 3] = 2 * self.offset * self.normal
        return out


def mirror_plane(full: NDArray[np.bool_], affine: F64, near: float | None = None) -> Plane:
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
    return Plane(normal, float(normal @ middle + shift * max(full.shape) * step), likeness)


def _best(cells: F32, angles: F64, shifts: tuple[float, ...]) -> tuple[float, float, float]:
    tried = [(float(a), float(s), _likeness(cells, float(a), float(s))) for a in angles for s in shifts]
    return max(tried, key=lambda one: one[2])


def _likeness(cells: F32, angle: float, shift: float) -> float:
    """Of cells and their mirror image in the plane through their middle, turned by `angle` and moved by `shift`."""
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    mirror = np.eye(3) - 2 * np.outer(normal, normal)
    middle = (np.array(cells.shape) - 1) / 2
    offset = middle - mirror @ middle + 2 * shift * max(cells.shape) * normal
    image = ndimage.affine_transform(cells, mirror, offset, order=1, mode="constant")
    either = np.maximum(cells, image).sum()
    return float(np.minimum(cells, image).sum() / either) if either > 0 else 0.0
