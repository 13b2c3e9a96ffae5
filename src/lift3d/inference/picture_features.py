"""Features of cut-out pictures by the pre-trained backbone, as arrays (network: nets/dense/backbone_embedding.py)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from lift3d.inference.backbone import load_backbone
from lift3d.types import F32

if TYPE_CHECKING:
    import torch

    from lift3d.nets.dense.backbone import EfficientNetLite0

BATCH_SIZE = 32


def features_of(pictures: F32) -> F32:
    """Features (N, F) of cut-outs (N, 4, S, S), in batches. MissingExtra without torch or the backbone's package."""
    import torch

    from lift3d.inference.networks import inference_mode

    with inference_mode():
        return features_in_batches(torch.from_numpy(np.ascontiguousarray(pictures))).numpy()


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
