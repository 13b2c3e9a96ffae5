"""A latent code decoded to a closed mesh: latent -> latent_to_voxels -> voxels_to_mesh -> (mesh_to_solid)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.geometry.repair.flat_base import cut_flat_base
from lift3d.geometry.symmetry.symmetrize import symmetrize
from lift3d.geometry.voxels.bridge_components import bridge_components
from lift3d.pipelines.models import longest_side
from lift3d.types import Latent, Mesh, Voxels
from lift3d.units import set_unit

MIN_VOXELS = 40
"""Occupied voxels that a shape must have."""
MAX_FACES = 12_000
BASE_CUT = 0.004
"""Height, as a fraction of the longest side, of the layer that is cut off for a flat base."""


@dataclass
class DecodedSolid:
    """mesh: closed, z up, standing on a flat base, in the decoder's unit frame; occupancy (X, Y, Z) bool; samples: latent codes
    that were sampled until this solid was accepted."""

    mesh: Mesh
    occupancy: NDArray[np.bool_]
    samples: int


def decode_solid(
    code: Latent, autoencoder: str | None = None, seed: int = 0, symmetric: bool = False
) -> DecodedSolid | None:
    """The solid of a latent code; None where the code fills fewer than `MIN_VOXELS` voxels or no closed mesh can be made.

    autoencoder: its weights, None for the package's own. symmetric: make a nearly symmetric shape exactly symmetric.
    """
    from lift3d.maps.latent_to_voxels import LatentToVoxels

    context = Context(seed=seed)
    voxels = LatentToVoxels(autoencoder)(code, context)
    iso_level = voxels.iso_level
    values = symmetrize(voxels.values, iso_level)[0] if symmetric else voxels.values
    values = bridge_components(values, iso_level, feet=True)
    occupancy = np.asarray(values > iso_level)
    if int(occupancy.sum()) < MIN_VOXELS:
        return None
    mesh = extract_solid(replace(voxels, values=values), context)
    if mesh is None:
        return None
    vertices, faces, _ = cut_flat_base(
        np.asarray(mesh.vertices, np.float64),
        np.asarray(mesh.faces, np.int32),
        BASE_CUT * longest_side(mesh),
    )
    mesh = trimesh.Trimesh(vertices, faces, process=False, validate=False)
    return DecodedSolid(mesh, occupancy, 1)


def extract_solid(voxels: Voxels, context: Context) -> Mesh | None:
    """The surface of occupancy voxels as a solid, repaired where necessary; None where the repair fails."""
    from lift3d.errors import Lift3dError
    from lift3d.geometry.mesh.solidity import inspect_solid
    from lift3d.maps.mesh_to_solid import MeshToSolid
    from lift3d.maps.voxels_to_mesh import VoxelsToMesh

    mesh, solid = VoxelsToMesh(smooth_within_voxels=True, faces=MAX_FACES).extract(voxels, context)
    if solid or inspect_solid(mesh).is_solid:
        return mesh
    try:
        mesh = MeshToSolid()(mesh, context)
    except Lift3dError:
        return None
    return mesh if inspect_solid(mesh).is_solid else None


def scale_to_longest_side(mesh: Mesh, size: float | None) -> Mesh:
    """The mesh scaled in place to a longest side of `size` metres; to 1, without a unit, for None."""
    mesh.vertices = np.asarray(mesh.vertices) * ((1.0 if size is None else size) / longest_side(mesh))
    return set_unit(mesh, None if size is None else "m")
