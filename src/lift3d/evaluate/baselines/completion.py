"""Who completes a partial surface: the network, and what it has to beat, behind one interface.

closed    the part itself, its holes closed (mesh_to_solid)
mirror    the part and its image in its best mirror plane (geometry/symmetry/partial_plane.py), closed
nearest   the training shape whose broken part is most like it, in the same frame, joined with the part as the network's guess is
network   nets/completion_net.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import Lift3dError
from lift3d.geometry.completion.partial_frame import fit_partial_frame, partial_voxels
from lift3d.geometry.completion.partial_surface import PartialSurface, partial_surface
from lift3d.geometry.symmetry.partial_plane import partial_symmetry_plane
from lift3d.maps.mesh_to_solid import MeshToSolid
from lift3d.maps.points_to_voxels import PointsToVoxels
from lift3d.pipelines.complete import merged_solid
from lift3d.train.data.shape_set import ShapeSet
from lift3d.train.tasks.completion import MODES, training_pair
from lift3d.types import F32, F64, Mesh, SymmetryPlane, Voxels

Progress = Callable[[float], None]
COARSE = 144
"""Steps of a surface that mesh_to_solid makes anew."""
QUICK = 1000
"""Samples of its Hausdorff distance, which is not used here."""


class Completer(Protocol):
    """A partial mesh to a whole one, in the same place."""

    def complete(self, part: Mesh) -> Mesh: ...


class Closed:
    """Mirrored before that, if wished. What cannot be made solid stays as it is: its surface is judged all the same."""

    def __init__(self, mirrored: bool) -> None:
        self.mirrored = mirrored

    def complete(self, part: Mesh) -> Mesh:
        if self.mirrored:
            known = partial_surface(part)
            assert known.samples.normals is not None
            plane = partial_symmetry_plane(known.samples.xyz, known.samples.normals.astype(np.float64))
            offset = plane.offset * known.scale + float(plane.normal @ known.centre)
            part = with_image(part, SymmetryPlane(plane.normal, offset, plane.score))
        try:
            return MeshToSolid(COARSE, samples=QUICK)(part)
        except Lift3dError:
            return part


def with_image(mesh: Mesh, plane: SymmetryPlane) -> Mesh:
    """The mesh and its mirror image."""
    v, f, mirror = np.asarray(mesh.vertices), np.asarray(mesh.faces), plane.reflection()
    image = v @ mirror[:3, :3].T + mirror[:3, 3]
    return trimesh.Trimesh(
        np.concatenate([v, image]), np.concatenate([f, f[:, ::-1] + len(v)]), process=False, validate=False
    )


class Network:
    """As `lift3d complete` asks it."""

    def __init__(self, weights: str | None, resolution: int) -> None:
        self.weights, self.resolution = weights, resolution

    def complete(self, part: Mesh) -> Mesh:
        known = partial_surface(part)
        guess = PointsToVoxels(self.weights)(known.samples)
        return joined(known, guess, self.resolution)


class Nearest:
    """Training shapes, each broken once in every way, one of so many of them."""

    def __init__(self, train: ShapeSet, every: int, resolution: int, progress: Progress) -> None:
        self.train, self.resolution = train, resolution
        self.held = [(i, kind) for i in range(0, len(train), every) for kind in MODES]
        rows = []
        for number, one in enumerate(self.held):
            rows.append(feature(self._pair(one)[0]))
            progress((number + 1) / len(self.held))
        self.rows = np.stack(rows)

    def _pair(self, one: tuple[int, str]) -> tuple[F32, NDArray[np.uint8]]:
        i, kind = one
        return training_pair(self.train, i, np.random.default_rng([2, i]), kind, False)

    def complete(self, part: Mesh) -> Mesh:
        known = partial_surface(part)
        assert known.samples.normals is not None
        normals = known.samples.normals.astype(np.float64)
        frame = fit_partial_frame(known.samples.xyz, normals)
        wanted = feature(partial_voxels(known.samples.xyz, normals, frame))
        alike = self.rows.astype(np.float32) @ wanted.astype(np.float32)
        full = self._pair(self.held[int(alike.argmax())])[1]
        guess = Voxels((full / 255).astype(np.float32), frame.affine, "occupancy")
        return joined(known, guess, self.resolution)


def feature(cells: F32) -> NDArray[np.float16]:
    """(F,) unit: known cells at 16 a side, and their normals at 8."""
    where = cells[0].reshape(16, 4, 16, 4, 16, 4).mean((1, 3, 5))
    normals = cells[1:4].reshape(3, 8, 8, 8, 8, 8, 8).mean((2, 4, 6))
    parts = [x.reshape(-1) / max(float(np.linalg.norm(x)), 1e-9) for x in (np.sqrt(where), normals)]
    return (np.concatenate(parts) / np.sqrt(2)).astype(np.float16)


def joined(known: PartialSurface, guess: Voxels, resolution: int) -> Mesh:
    """The solid in the part's own place; the part alone where no solid comes of it."""
    try:
        mesh = merged_solid(known, guess, resolution, Context())
    except Lift3dError:
        mesh = known.mesh.copy()
    v: F64 = np.asarray(mesh.vertices, np.float64) * known.scale + known.centre
    return trimesh.Trimesh(v, np.asarray(mesh.faces), process=False, validate=False)
