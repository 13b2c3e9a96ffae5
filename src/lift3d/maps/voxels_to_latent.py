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
    input through the decoder; 0 keeps the encoder's output. Gradients need torch. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    refine: int = 16
    runtime: str | None = None

    def apply(self, source: Voxels, context: Context) -> Latent:
        full, frame = resample_to_canonical(source)
        from lift3d.inference.networks import latent_space_id
        from lift3d.inference.shape_encoder import encode_shape

        code, found = encode_shape(full, self.weights, self.refine, self.runtime)
        context.note(NAME, weights=found.name, numbers=int(code.size))
        return Latent(
            code,
            latent_space_id(found),
            np.asarray(np.linalg.inv(frame), np.float64),
        )
