"""Encoding of occupancy to latent codes: the encoder's output, optionally refined by gradients through the decoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import MissingExtra
from lift3d.inference.network import open_network
from lift3d.inference.runtimes import ONNX, choose_runtime
from lift3d.inference.shape_decoder import AUTOENCODER
from lift3d.types import F32
from lift3d.weights import PretrainedCfg


def encode_shape(
    full: NDArray[np.bool_], autoencoder: str | None, refine: int, runtime: str | None = None
) -> tuple[F32, PretrainedCfg]:
    """The code (Z, P, P, P) of occupancy (64, 64, 64), and the card of the autoencoder. refine: gradient steps, which only torch
    computes: MissingExtra for another runtime unless it is 0."""
    if choose_runtime(runtime, autoencoder) == ONNX:
        if refine > 0:
            raise MissingExtra("the refinement of a latent code", "learn")
        net = open_network(AUTOENCODER, autoencoder, runtime)
        return np.ascontiguousarray(net.run("encode", full[None])[0][0], np.float32), net.found
    from lift3d.inference.networks import inference_mode, load_network

    module, found = load_network(AUTOENCODER, autoencoder)
    import torch

    from lift3d.nets.shape_autoencoder import ShapeAutoencoder, refine_latent

    assert isinstance(module, ShapeAutoencoder)
    with inference_mode():
        cells = torch.from_numpy(full[None]).float()
        code = refine_latent(module, cells, module.encode(cells), refine)[0].numpy()
    return np.ascontiguousarray(code, np.float32), found
