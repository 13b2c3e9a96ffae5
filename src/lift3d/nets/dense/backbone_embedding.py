"""The embedding space on a frozen, pre-trained backbone (nets/dense/backbone.py): features of a picture, pooled over the image,
and a small projection that is all that is trained.

Generic features of a network that has seen a million photographs separate shapes better than those of a network trained on the
shapes alone (Su et al. 2015, arXiv:1505.00880; Su et al. 2018, arXiv:1809.06236). The space has the two halves and the losses of
nets/multimodal_embedding.py, but no tower for voxels: a model is known by its views alone.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from lift3d.nets.dense.backbone import CHANNELS, HEAD, EfficientNetLite0
from lift3d.nets.multimodal_embedding import (
    CATEGORY_SIZE,
    EMBEDDING_SIZE,
    MAX_LOG_SCALE,
    SENTENCE_SIZE,
    ProjectionHead,
    normalize_halves,
)
from lift3d.nets.sizes import BACKBONE_SIZE

IMAGE_SIZE = BACKBONE_SIZE
"""Side in pixels of the cut-out that the backbone receives."""
MIDDLE, COARSE = CHANNELS[2], CHANNELS[3]
FEATURES = HEAD + 2 * COARSE + MIDDLE
"""Features of a picture: the mean of the head's channels, mean and maximum at stride 16, the mean at stride 8."""
CODE_SCALE, CODE_SHIFT = 127.5 / 128, 0.5 / 128
"""From colours in [-1, 1], 0 for a background of sRGB 127.5, to the backbone's input (sRGB code - 127) / 128."""


def picture_features(backbone: EfficientNetLite0, pictures: torch.Tensor) -> torch.Tensor:
    """Features (B, FEATURES) of cut-outs (B, 4, IMAGE_SIZE, IMAGE_SIZE), colours in [-1, 1] over grey and a mask, which is
    ignored. The backbone needs its head: ValueError without."""
    if backbone.head is None:
        raise ValueError("this backbone was made without its head")
    maps = backbone(pictures[:, :3] * CODE_SCALE + CODE_SHIFT)
    head, coarse, middle = backbone.head(maps[4]).float(), maps[3].float(), maps[2].float()
    pooled = [head.mean((2, 3)), coarse.mean((2, 3)), coarse.amax((2, 3)), middle.mean((2, 3))]
    return torch.cat(pooled, 1)


class BackboneEmbedding(nn.Module):
    """Features of pictures to vectors, sentences to category halves, and a score of how upright the object in a picture is.

    hidden: units of the projection's hidden layer. The backbone is not a part, and not in the weights."""

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.image_head = ProjectionHead(FEATURES, EMBEDDING_SIZE, hidden)
        self.text_head = nn.Linear(SENTENCE_SIZE, CATEGORY_SIZE)
        self.upright_head = nn.Linear(FEATURES, 1)
        # logarithms of the scales of cosines: between instance halves, and between category halves and text
        self.instance_scale = nn.Parameter(torch.tensor(math.log(14.0)))
        self.category_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Vectors (B, EMBEDDING_SIZE), each half of unit length, of features (B, FEATURES)."""
        return normalize_halves(self.image_head(features))

    def upright(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (B,) that the object of a picture stands upright."""
        return torch.as_tensor(self.upright_head(self.image_head.norm(features)).float()[:, 0])

    def embed_text(self, sentences: torch.Tensor) -> torch.Tensor:
        """Category halves (B, CATEGORY_SIZE), of unit length, of sentence vectors (B, 384)."""
        return nn.functional.normalize(self.text_head(sentences).float(), dim=1)

    def scales(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scales of cosines (inverse temperatures) of the instance halves and of the category halves."""
        limited = [
            scale.clamp(max=MAX_LOG_SCALE).exp() for scale in (self.instance_scale, self.category_scale)
        ]
        return limited[0], limited[1]
