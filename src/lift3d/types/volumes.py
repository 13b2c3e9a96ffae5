"""Volumes of measured values (CT, MR) and of labels, on a grid whose nodes lie at known places of a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lift3d.types.arrays import F64, _require

HOUNSFIELD = "HU"
_AXES = (("L", "R"), ("P", "A"), ("I", "S"))
"""The directions of negative and positive patient coordinates: left to right, posterior to anterior, inferior to superior."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The nodes of a volume: shape (I, J, K), and affine (4, 4) float64 from indices (i, j, k) of node centres to patient
    coordinates in millimetres, RAS+: x to the right, y to the front, z to the head. Any invertible affine is allowed: a tilted
    gantry is a shear."""

    shape: tuple[int, int, int]
    affine: F64

    def __post_init__(self) -> None:
        _require(len(self.shape) == 3 and min(self.shape) > 0, "a volume has three axes")
        _require(self.affine.shape == (4, 4), "an affine is 4x4")
        _require(bool(np.isfinite(self.affine).all()), "an affine must be finite")
        _require(np.array_equal(self.affine[3], [0, 0, 0, 1]), "the last row of an affine is 0 0 0 1")
        _require(abs(float(np.linalg.det(self.affine[:3, :3]))) > 1e-12, "an affine must be invertible")

    @cached_property
    def spacing(self) -> F64:
        """(3,) lengths in millimetres of the steps between neighbouring nodes along each axis."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @cached_property
    def voxel_volume(self) -> float:
        """Volume of a voxel in cubic millimetres."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @cached_property
    def plane_distances(self) -> F64:
        """(3,) distances in millimetres of neighbouring planes of nodes, along their normals: less than `spacing` under shear."""
        return np.asarray(1 / np.linalg.norm(np.linalg.inv(self.affine[:3, :3]), axis=1))

    @cached_property
    def is_sheared(self) -> bool:
        """Whether two axes are not perpendicular, by more than 0.1 degrees."""
        unit = self.affine[:3, :3] / self.spacing
        return bool(np.abs(unit.T @ unit - np.eye(3)).max() > np.sin(np.radians(0.1)))

    @cached_property
    def orientation(self) -> str:
        """Three letters: the patient directions nearest to the axes i, j and k, for example "RAS" or "LPS"."""
        left = np.abs(self.affine[:3, :3] / self.spacing)
        letters = [""] * 3
        for _ in range(3):
            row, column = np.unravel_index(int(left.argmax()), left.shape)
            letters[column] = _AXES[row][int(self.affine[row, column] > 0)]
            left[row], left[:, column] = -1, -1
        return "".join(letters)

    @property
    def is_mirrored(self) -> bool:
        """Whether the axes i, j, k are left-handed in the patient."""
        return bool(np.linalg.det(self.affine[:3, :3]) < 0)


@dataclass(frozen=True, eq=False)
class Volume(Grid):
    """Measured values on a grid.

    values (I, J, K): real numbers of any type, finite. unit: of the values, "HU" for Hounsfield units, or None where it is not
    stated. source: where it was read, to show. shape and affine: see `Grid`."""

    values: NDArray[np.generic] = field(default_factory=lambda: np.zeros((1, 1, 1), np.int16))
    unit: str | None = None
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.values.shape == self.shape, "the values of a volume fill its grid")
        _require(self.values.dtype.kind in "iuf", "the values of a volume are real numbers")

    @classmethod
    def of(
        cls, values: NDArray[np.generic], affine: F64, unit: str | None = None, source: str = ""
    ) -> Volume:
        """The volume of an array (I, J, K) with its affine."""
        i, j, k = values.shape
        return cls((i, j, k), np.asarray(affine, np.float64), values, unit, source)


@dataclass(frozen=True, eq=False)
class Labels(Grid):
    """Which structure each voxel belongs to.

    ids (I, J, K): unsigned integers, 0 for none. names: of the ids, where they are known. source: where it was read, to show."""

    ids: NDArray[np.unsignedinteger] = field(default_factory=lambda: np.zeros((1, 1, 1), np.uint8))
    names: Mapping[int, str] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.ids.shape == self.shape, "the ids of labels fill their grid")
        _require(self.ids.dtype.kind == "u", "the ids of labels are unsigned integers")
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))

    @classmethod
    def of(
        cls,
        ids: NDArray[np.unsignedinteger],
        affine: F64,
        names: Mapping[int, str] | None = None,
        source: str = "",
    ) -> Labels:
        """The labels of an array (I, J, K) with its affine."""
        i, j, k = ids.shape
        return cls((i, j, k), np.asarray(affine, np.float64), ids, names or {}, source)

    @cached_property
    def present(self) -> tuple[int, ...]:
        """The ids that occur, without 0, in ascending order."""
        return tuple(int(one) for one in np.unique(self.ids) if one)

    def name(self, number: int) -> str:
        """The name of an id, or "label NUMBER"."""
        return self.names.get(number, f"label {number}")
