"""Arrays of a volume in canonical order, whose axes run to the right, the front and the head, and how far two grids lie apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types.volumes import Grid

_ORDER = {letter: axis for axis, letters in enumerate(("RL", "AP", "SI")) for letter in letters}


def canonical_axes(grid: Grid) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """(for each axis right, anterior, superior the axis of the array that runs along it; whether that axis is reversed)."""
    letters = grid.orientation
    axes = tuple(next(k for k in range(3) if _ORDER[letters[k]] == axis) for axis in range(3))
    return axes, tuple(letters[axis] in "LPI" for axis in axes)


def to_canonical(values: NDArray[np.generic], grid: Grid) -> NDArray[np.generic]:
    """A view (I, J, K) of the array of a grid whose axes run to the right, the front and the head."""
    axes, reverse = canonical_axes(grid)
    return values.transpose(axes)[tuple(slice(None, None, -1) if r else slice(None) for r in reverse)]


def from_canonical(values: NDArray[np.generic], grid: Grid) -> NDArray[np.generic]:
    """The inverse of `to_canonical`: an array whose axes are those of the grid."""
    axes, reverse = canonical_axes(grid)
    back = values[tuple(slice(None, None, -1) if r else slice(None) for r in reverse)]
    return back.transpose(tuple(int(k) for k in np.argsort(axes)))


def canonical_spacing(grid: Grid) -> tuple[float, float, float]:
    """Spacing in millimetres along the canonical axes."""
    x, y, z = (float(grid.spacing[axis]) for axis in canonical_axes(grid)[0])
    return x, y, z


def corner_distance(a: Grid, b: Grid) -> float:
    """Largest distance in millimetres between equal corner nodes of two grids of one shape."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(a.shape) - 1)
    moved = corners @ (a.affine - b.affine)[:3, :3].T + (a.affine - b.affine)[:3, 3]
    return float(np.linalg.norm(moved, axis=1).max())
