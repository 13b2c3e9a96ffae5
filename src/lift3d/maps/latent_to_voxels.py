"""From a code to the space that its solid fills: the decoder of an autoencoder (nets/shape_autoencoder.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.voxels.canonical_frame import canonical_affine
from lift3d.mapping import Card, Mapping, register
from lift3d.maps.voxels_to_latent import WEIGHTS
from lift3d.types import F32, F64, Latent, Voxels

NAME = "latent_to_voxels"
EDGE = 1
"""Empty cells around the grid, so that what touches its wall is closed."""


@register(
    Card(
        NAME, "Latent", "Voxels",
        ("any code gives a solid or none, never half a one", "same code, same bytes"),
        "learned", "Kingma & Welling 2014; Park et al. 2019",
    )
)  # fmt: skip
@dataclass(frozen=True)
class LatentToVoxels(Mapping[Latent, Voxels]):
    """weights: as in VoxelsToLatent."""

    weights: str | None = None

    def apply(self, source: Latent, context: Context) -> Voxels:
        from lift3d.inference.networks import latent_space_id, load_network
        from lift3d.inference.shape_decoder import decode_occupancy

        _, found = load_network(WEIGHTS, self.weights)
        if latent_space_id(found) != source.space:
            raise InputError(
                f"the code is not one of the autoencoder {found.name}", "give the weights that made it"
            )
        share = decode_occupancy(source.values, self.weights)
        context.note(NAME, weights=found.name, level=found.threshold)
        return Voxels(*edged(share, source.affine @ canonical_affine()), "occupancy")


def edged(share: F32, affine: F64) -> tuple[F32, F64]:
    """With empty cells around."""
    moved = affine.copy()
    moved[:3, 3] -= affine[:3, :3].sum(1) * EDGE
    return np.pad(share, EDGE), moved
