"""Mesh to voxels: occupancy or signed distance of any mesh, including open and self-intersecting ones.

Rays through the centre of every voxel vote on whether it is inside (`lift3d.geometry.voxels.inside_test`). Distances to
the nearest point of the surface are exact, and negative inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import EXACT_DISTANCES, EXACT_INSIDE
from lift3d.geometry.mesh.distances import nondegenerate_faces
from lift3d.geometry.voxels.field import sample_field
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Mesh, Voxels

NAME = "mesh_to_voxels"
MARGIN = 0.05
"""Empty space around the mesh, as a fraction of its longest side."""
LARGEST = 512


@register(
    Card(
        NAME,
        "Mesh",
        "Voxels",
        (EXACT_INSIDE, EXACT_DISTANCES, SAME_BYTES),
        reference="Nooruddin & Turk 2003; Jacobson et al. 2013",
    )
)
@dataclass(frozen=True)
class MeshToVoxels(Mapping[Mesh, Voxels]):
    """resolution: voxels along each side of a cube around the mesh; quantity: "occupancy" or "signed_distance"."""

    resolution: int = 64
    quantity: str = "occupancy"

    def apply(self, source: Mesh, context: Context) -> Voxels:
        if not 2 <= self.resolution <= LARGEST:
            raise InputError(
                f"a grid of {self.resolution} voxels a side is not supported", f"use 2 to {LARGEST}"
            )
        v, f = np.asarray(source.vertices, np.float64), np.asarray(source.faces, np.int32)
        f = f[nondegenerate_faces(v, f)]
        if not len(f):
            raise InputError("the mesh has no faces with an area", "check the file it was read from")
        low, high = v[f].min((0, 1)), v[f].max((0, 1))
        side = float((high - low).max()) * (1 + 2 * MARGIN)
        step = side / self.resolution
        origin = (low + high) / 2 - side / 2 + step / 2
        values = sample_field(v, f, origin, step, (self.resolution,) * 3, self.quantity)
        affine = np.diag([step, step, step, 1.0])
        affine[:3, 3] = origin
        share = float((values < 0).mean() if self.quantity == "signed_distance" else values.mean())
        context.note(NAME, resolution=self.resolution, inside_share=round(share, 5))
        return Voxels(values, affine, self.quantity)
