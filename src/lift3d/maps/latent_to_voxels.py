"""A latent code to the occupancy of its shape: the decoder of an autoencoder (nets/shape_autoencoder.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import EMPTY_BORDER, PROBABILITIES
from lift3d.geometry.voxels.canonical_frame import canonical_affine
from lift3d.mapping import Card, Mapping, register
from lift3d.maps.voxels_to_latent import WEIGHTS
from lift3d.types import F32, F64, Latent, Voxels

NAME = "latent_to_voxels"
MARGIN = 1
"""Empty voxels around the grid, so that a solid that touches its boundary is closed."""


@register(
    Card(
        NAME, "Latent", "Voxels",
        (PROBABILITIES, EMPTY_BORDER, SAME_BYTES),
        "learned", "Kingma & Welling 2014; Park et al. 2019",
    )
)  # fmt: skip
@dataclass(frozen=True)
class LatentToVoxels(Mapping[Latent, Voxels]):
    """weights, runtime: as in VoxelsToLatent."""

    weights: str | None = None
    runtime: str | None = None

    def apply(self, source: Latent, context: Context) -> Voxels:
        from lift3d.inference.network import open_network
        from lift3d.inference.networks import latent_space_id
        from lift3d.inference.shape_decoder import decode_occupancy

        found = open_network(WEIGHTS, self.weights, self.runtime).found
        if latent_space_id(found) != source.space:
            raise InputError(
                f"the code is not one of the autoencoder {found.name}", "give the weights that made it"
            )
        occupancy = decode_occupancy(source.values, self.weights, self.runtime)
        threshold = found.threshold
        context.note(NAME, weights=found.name, threshold=threshold)
        values, affine = pad_grid(occupancy, source.affine @ canonical_affine())
        return Voxels(values, affine, "occupancy", threshold)


def pad_grid(occupancy: F32, affine: F64) -> tuple[F32, F64]:
    """Occupancy (X, Y, Z) with MARGIN empty voxels on every side, and the affine (4, 4) of the larger grid."""
    moved = affine.copy()
    moved[:3, 3] -= affine[:3, :3].sum(1) * MARGIN
    return np.pad(occupancy, MARGIN), moved
