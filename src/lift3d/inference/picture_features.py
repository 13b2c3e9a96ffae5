"""Features of cut-out pictures by the pre-trained backbone, as arrays (network: nets/dense/backbone_embedding.py)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from lift3d.inference.backbone import BACKBONE, load_backbone
from lift3d.inference.runtimes import ONNX, Network, choose_runtime
from lift3d.nets import require_torch
from lift3d.nets.sizes import BACKBONE_FEATURES
from lift3d.types import F32

if TYPE_CHECKING:
    import torch

    from lift3d.nets.dense.backbone import EfficientNetLite0

BATCH_SIZE = 32


def features_of(pictures: F32, runtime: str | None = None) -> F32:
    """Features (N, F) of cut-outs (N, 4, S, S), in batches. runtime: as in `open_network`. MissingExtra without a runtime or the
    backbone's package."""
    net, out = _network(choose_runtime(runtime)), [np.zeros((0, BACKBONE_FEATURES), np.float32)]
    for at in range(0, len(pictures), BATCH_SIZE):
        out += net.run("features", pictures[at : at + BATCH_SIZE])
    return np.concatenate(out)


def _network(runtime: str) -> Network:
    """The backbone with its head, computed by a runtime."""
    if runtime == ONNX:
        from lift3d.inference.onnx.backbone import open_backbone

        return open_backbone()
    require_torch()
    from lift3d.inference.torch_network import TorchNetwork

    return TorchNetwork(BACKBONE, frozen_backbone())


def features_in_batches(pictures: torch.Tensor) -> torch.Tensor:
    """Features (N, F) in float32 of cut-outs (N, 4, S, S), with the caller's precision and number of torch threads."""
    import torch

    from lift3d.nets.dense.backbone_embedding import FEATURES, picture_features

    backbone, out = frozen_backbone(), [torch.zeros(0, FEATURES)]
    with torch.no_grad():
        for part in pictures.split(BATCH_SIZE):
            out.append(picture_features(backbone, part.to(memory_format=torch.channels_last)))
    return torch.cat(out)


@functools.lru_cache(1)
def frozen_backbone() -> EfficientNetLite0:
    """The backbone with its head, in the memory layout in which it is fastest."""
    import torch

    return load_backbone(classifier=True).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
