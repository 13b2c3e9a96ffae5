"""Completion of a partial surface: the network and its baselines, with one interface.

closed     the part with its holes closed (mesh_to_solid)
reflected  the part and its reflection in its best symmetry plane (geometry/symmetry/partial_plane.py), closed
nearest    the training shape whose partial surface is most similar, in the same frame, merged with the part like a prediction
network    nets/completion_net.py
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
RESOLUTION = 144
"""Voxels along the longest side if mesh_to_solid remeshes."""
SAMPLES = 1000
"""Samples for mesh_to_solid's Hausdorff distance; few, because the distance is not used here."""


class Completer(Protocol):
    """A method that completes partial meshes."""

    def complete(self, part: Mesh) -> Mesh:
        """The whole shape, in the frame of the part."""
        ...


class CloseHoles:
    """Closes the holes of the part, after adding its reflection if `reflected`. A part that cannot be closed is returned and
    scored unclosed."""

    def __init__(self, reflected: bool) -> None:
        self.reflected = reflected

    def complete(self, part: Mesh) -> Mesh:
        """The closed part."""
        if self.reflected:
            known = partial_surface(part)
            assert known.samples.normals is not None
            plane = partial_symmetry_plane(known.samples.xyz, known.samples.normals.astype(np.float64))
            offset = plane.offset * known.scale + float(plane.normal @ known.centre)
            part = add_reflection(part, SymmetryPlane(plane.normal, offset, plane.score))
        try:
            return MeshToSolid(RESOLUTION, samples=SAMPLES)(part)
        except Lift3dError:
            return part


def add_reflection(mesh: Mesh, plane: SymmetryPlane) -> Mesh:
    """The mesh together with its reflection in a plane. The faces of the reflection are reversed, so that their normals point
    outwards."""
    v, f, reflection = np.asarray(mesh.vertices), np.asarray(mesh.faces), plane.reflection()
    image = v @ reflection[:3, :3].T + reflection[:3, 3]
    return trimesh.Trimesh(
        np.concatenate([v, image]), np.concatenate([f, f[:, ::-1] + len(v)]), process=False, validate=False
    )


class NetworkCompleter:
    """The network, applied as by `lift3d complete`. resolution: voxels along the longest side of the new surface."""

    def __init__(self, weights: str | None, resolution: int) -> None:
        self.weights, self.resolution = weights, resolution

    def complete(self, part: Mesh) -> Mesh:
        """The part merged with the network's prediction."""
        known = partial_surface(part)
        return merge_prediction(known, PointsToVoxels(self.weights)(known.samples), self.resolution)


class NearestShape:
    """Retrieval among every `stride`-th training shape, with one partial surface of each in every mode."""

    def __init__(self, train: ShapeSet, stride: int, resolution: int, progress: Progress) -> None:
        self.train, self.resolution = train, resolution
        self.gallery = [(i, mode) for i in range(0, len(train), stride) for mode in MODES]
        rows = []
        for k, entry in enumerate(self.gallery):
            rows.append(partial_feature(self._pair(entry)[0]))
            progress((k + 1) / len(self.gallery))
        self.rows = np.stack(rows)

    def _pair(self, entry: tuple[int, str]) -> tuple[F32, NDArray[np.uint8]]:
        i, mode = entry
        return training_pair(self.train, i, np.random.default_rng([2, i]), mode, False)

    def complete(self, part: Mesh) -> Mesh:
        """The part merged with the whole of the most similar partial training shape."""
        known = partial_surface(part)
        assert known.samples.normals is not None
        normals = known.samples.normals.astype(np.float64)
        frame = fit_partial_frame(known.samples.xyz, normals)
        query = partial_feature(partial_voxels(known.samples.xyz, normals, frame))
        similarity = self.rows.astype(np.float32) @ query.astype(np.float32)
        whole = self._pair(self.gallery[int(similarity.argmax())])[1]
        prediction = Voxels((whole / 255).astype(np.float32), frame.affine, "occupancy")
        return merge_prediction(known, prediction, self.resolution)


def partial_feature(voxels: F32) -> NDArray[np.float16]:
    """A unit vector of the network's input (C, 64, 64, 64): square roots of the known occupancy at 16^3, and its normals at
    8^3, each part normalised, so that the inner product of two vectors is a similarity."""
    occupancy = voxels[0].reshape(16, 4, 16, 4, 16, 4).mean((1, 3, 5))
    normals = voxels[1:4].reshape(3, 8, 8, 8, 8, 8, 8).mean((2, 4, 6))
    parts = [x.reshape(-1) / max(float(np.linalg.norm(x)), 1e-9) for x in (np.sqrt(occupancy), normals)]
    return (np.concatenate(parts) / np.sqrt(2)).astype(np.float16)


def merge_prediction(known: PartialSurface, prediction: Voxels, resolution: int) -> Mesh:
    """The solid of the known part and the predicted occupancy, in the frame of the input; the part alone where the two do not
    form a solid."""
    try:
        mesh = merged_solid(known, prediction, resolution, Context())
    except Lift3dError:
        mesh = known.mesh.copy()
    v: F64 = np.asarray(mesh.vertices, np.float64) * known.scale + known.centre
    return trimesh.Trimesh(v, np.asarray(mesh.faces), process=False, validate=False)
