"""Solids: meshes, models of parts with materials, voxel grids, and the prediction of a solid from photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.types.arrays import F32, F64, _require
from lift3d.types.views import Views

if TYPE_CHECKING:
    pass


Bytes4 = tuple[int, int, int, int]

GREY: Bytes4 = (200, 200, 200, 255)

WHITE: Bytes4 = (255, 255, 255, 255)


@dataclass(frozen=True, eq=False)
class Material:
    """colour: sRGB with alpha, multiplied with the texture (RGB or RGBA) where there is one."""

    name: str = "material"
    colour: Bytes4 = WHITE
    texture: Pil.Image | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """vertices (V, 3); faces (F, 3); uv (V, 2) or None; colours (V, 4) uint8 sRGB or None."""

    vertices: F64
    faces: NDArray[np.int64]
    uv: F64 | None = None
    colours: NDArray[np.uint8] | None = None
    material: Material | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """What a reader returns: parts in memory's frame, unit "m" or None, and what had to be left out."""

    parts: list[Part]
    unit: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class SymmetryPlane:
    """An upright plane of symmetry. normal (3,) unit, horizontal; offset: normal . x = offset on the plane; score: share
    of the shape that coincides with its reflection, from 0 to 1."""

    normal: F64
    offset: float
    score: float

    def reflection(self) -> F64:
        """(4, 4) float64: reflection of the world in this plane (a Householder matrix)."""
        out = np.eye(4)
        out[:3, :3] -= 2 * np.outer(self.normal, self.normal)
        out[:3, 3] = 2 * self.offset * self.normal
        return out


Mesh = trimesh.Trimesh


@dataclass(frozen=True, eq=False)
class Voxels:
    """values (X, Y, Z) float32 at grid nodes; affine (4, 4) maps node indices to the world;
    quantity: "signed_distance" (negative inside) or "occupancy" (1 inside, 0 outside)."""

    values: F32
    affine: F64 = field(default_factory=lambda: np.eye(4))
    quantity: str = "signed_distance"

    def __post_init__(self) -> None:
        _require(self.values.ndim == 3, "Voxels.values must be (X, Y, Z)")
        _require(self.affine.shape == (4, 4), "Voxels.affine must be 4x4")
        _require(
            self.quantity in ("signed_distance", "occupancy"),
            "Voxels.quantity is signed_distance or occupancy",
        )


@dataclass(frozen=True, eq=False)
class SolidPrediction:
    """A guess of the space that a thing fills: voxels (occupancy: the share of each cell that is full, z up, standing on
    z = 0, longest side 1), the level above which a cell is full, the photo that it was guessed from with its camera, and
    the upright plane in which the thing is most like its mirror image."""

    voxels: Voxels
    level: float
    views: Views
    symmetry_plane: SymmetryPlane | None = None
