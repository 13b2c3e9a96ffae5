"""Surfaces and solids: meshes, models of parts with materials, voxel grids, and results that carry a mesh or a grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.types.arrays import F32, F64, _require
from lift3d.types.views import Image, Views

Bytes4 = tuple[int, int, int, int]

GREY: Bytes4 = (200, 200, 200, 255)

WHITE: Bytes4 = (255, 255, 255, 255)


@dataclass(frozen=True, eq=False)
class Material:
    """A surface material. colour: sRGB with alpha; multiplied with the texture (RGB or RGBA) if there is one."""

    name: str = "material"
    colour: Bytes4 = WHITE
    texture: Pil.Image | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh with one material. vertices (V, 3); faces (F, 3); uv (V, 2) or None; colours (V, 4) uint8 sRGB or None."""

    vertices: F64
    faces: NDArray[np.int64]
    uv: F64 | None = None
    colours: NDArray[np.uint8] | None = None
    material: Material | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """The content of a model file: parts in the world frame (z up), unit "m" or None, and warnings about what the reader
    could not represent."""

    parts: list[Part]
    unit: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane normal . x = offset. normal (3,) float64, unit length."""

    normal: F64
    offset: float

    def height(self, xyz: F64) -> F64:
        """(...,) signed distances of points (..., 3) from the plane, positive on the side of the normal."""
        return xyz @ self.normal - self.offset


@dataclass(frozen=True, eq=False)
class SymmetryPlane:
    """An upright plane of symmetry. normal (3,) unit, horizontal; offset: normal . x = offset on the plane; score: fraction
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


ISO_LEVELS = {"occupancy": 0.5, "signed_distance": 0.0}
"""Default iso-level of each quantity."""


@dataclass(frozen=True, eq=False)
class Voxels:
    """A scalar field on a regular grid whose iso-surface is the surface of a solid.

    values (X, Y, Z) float32 at the grid nodes. affine (4, 4) float64: node indices to the world. quantity: "occupancy"
    (probability in [0, 1], larger inside) or "signed_distance" (negative inside). iso_level: value on the surface; by
    default 0.5 of occupancy and 0.0 of signed distance.
    """

    values: F32
    affine: F64 = field(default_factory=lambda: np.eye(4))
    quantity: str = "signed_distance"
    iso_level: float = float("nan")

    def __post_init__(self) -> None:
        _require(self.values.ndim == 3, "Voxels.values must be (X, Y, Z)")
        _require(self.affine.shape == (4, 4), "Voxels.affine must be 4x4")
        _require(self.quantity in ISO_LEVELS, "Voxels.quantity is signed_distance or occupancy")
        if np.isnan(self.iso_level):
            object.__setattr__(self, "iso_level", ISO_LEVELS[self.quantity])
        _require(bool(np.isfinite(self.iso_level)), "Voxels.iso_level must be finite")

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """(X, Y, Z) bool: True at the nodes inside the iso-surface."""
        if self.quantity == "occupancy":
            return np.asarray(self.values > self.iso_level)
        return np.asarray(self.values < self.iso_level)


@dataclass(frozen=True, eq=False)
class SolidPrediction:
    """The shape that a network predicts from photos of one object.

    voxels: occupancy, upright (z up), standing on z = 0, longest side 1. views: the first photo with its camera in that
    frame. images: all photos with their masks. symmetry_plane: the upright plane of best symmetry. dissimilar: names of
    photos that seem to show another object. confidence: 1 minus the mean entropy of the occupancies in bits.
    """

    voxels: Voxels
    views: Views
    images: tuple[Image, ...] = ()
    symmetry_plane: SymmetryPlane | None = None
    dissimilar: tuple[str, ...] = ()
    confidence: float = 1.0


@dataclass(frozen=True, eq=False)
class Surface:
    """A reconstructed mesh with the views that it was measured from, in one frame (z up).

    kind: "object" (closed) or "scene" (open); reason: how the kind was determined. world_from_model (4, 4) float64: from
    this frame to the frame of the cameras in the input. support_plane: the table or floor, in this frame, or None.
    measured_fraction: fraction of an object's area, without its base, that the photos measured; None if unknown.
    """

    mesh: Mesh
    views: Views
    kind: str = "object"
    reason: str = ""
    world_from_model: F64 = field(default_factory=lambda: np.eye(4))
    support_plane: Plane | None = None
    measured_fraction: float | None = None

    def __post_init__(self) -> None:
        _require(self.kind in ("object", "scene"), "Surface.kind is object or scene")
        _require(self.world_from_model.shape == (4, 4), "Surface.world_from_model must be 4x4")


@dataclass(frozen=True, eq=False)
class RepairResult:
    """A repaired mesh and the record of its repair.

    steps: what was changed, one phrase each, in order. remeshed: whether the surface was extracted anew from winding
    numbers. forward, backward: one-sided Hausdorff distances from the input to the output and back, in percent of the
    input's diagonal. visuals: how colours and textures were transferred. faces_before: number of faces of the input.
    """

    mesh: Mesh
    steps: tuple[str, ...]
    remeshed: bool
    forward: float
    backward: float
    visuals: str
    faces_before: int

    @property
    def hausdorff(self) -> float:
        """Hausdorff distance between input and output, in percent of the input's diagonal."""
        return max(self.forward, self.backward)
