"""Voxels to the latent code of their shape: the encoder of an autoencoder (nets/shape_autoencoder.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import LATENT_IGNORES_SIZE
from lift3d.geometry.voxels.canonical_frame import resample_to_canonical
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Latent, Voxels

NAME = "voxels_to_latent"
WEIGHTS = "autoencoder"


@register(
    Card(
        NAME, "Voxels", "Latent",
        (LATENT_IGNORES_SIZE, SAME_BYTES),
        "learned", "Kingma & Welling 2014; Park et al. 2019",
    )
)  # fmt: skip
@dataclass(frozen=True)
class VoxelsToLatent(Mapping[Voxels, Latent]):
    """weights: a run's folder or a weights file; the package's own if not given. refine: gradient steps that fit the code to the
    input through the decoder; 0 keeps the encoder's output."""

    weights: str | None = None
    refine: int = 16

    def apply(self, source: Voxels, context: Context) -> Latent:
        full, frame = resample_to_canonical(source)
        import torch

        from lift3d.inference.networks import inference_mode, latent_space_id, load_network
        from lift3d.nets.shape_autoencoder import ShapeAutoencoder, refine_latent

        net, found = load_network(WEIGHTS, self.weights)
        assert isinstance(net, ShapeAutoencoder)
        with inference_mode():
            cells = torch.from_numpy(full[None]).float()
            code = refine_latent(net, cells, net.encode(cells), self.refine)[0].numpy()
        context.note(NAME, weights=found.name, numbers=int(code.size))
        return Latent(
            np.ascontiguousarray(code, np.float32),
            latent_space_id(found),
            np.asarray(np.linalg.inv(frame), np.float64),
        )
