"""The category of an object from its embedding vectors (nets/multimodal_embedding.py), by two networks with the same inputs.

`EmbeddingClassifierNet` is a multilayer perceptron on the standardised mean vector of the views and the standardised vector of
the shape. A missing modality (the shape of a photo, the views of an object that cannot be rendered) is set to zero, which is the
mean over all objects. `KernelClassifierNet` compares the object with the shapes of a small training set."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.multimodal_embedding import EMBEDDING_SIZE

MODALITIES = 2
"""Number of input modalities: views and shape."""
SHAPE_WEIGHT = 1 / 12
"""Weight of the shape's vector beside the mean of the views in the vector of a model: that of one of twelve views."""


class EmbeddingClassifierNet(nn.Module):
    """Embedding vectors of views and shape to logits (B, labels). The buffers `mean` and `std` (2, EMBEDDING_SIZE) standardise
    the vectors."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, labels: int, hidden: int = 256, dropout: float = 0.5) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(MODALITIES, EMBEDDING_SIZE))
        self.register_buffer("std", torch.ones(MODALITIES, EMBEDDING_SIZE))
        self.input_dropout = nn.Dropout(dropout / 2)
        self.fc = nn.Linear(MODALITIES * (EMBEDDING_SIZE + 1), hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, labels)

    def forward(self, views: torch.Tensor, shapes: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Logits (B, labels) of mean view vectors (B, D) and shape vectors (B, D). present (B, 2) bool: which of the two are
        known."""
        known = present.float()[..., None]
        x = (torch.stack([views, shapes], 1).float() - self.mean) / self.std * known
        x = torch.cat([self.input_dropout(x), known], 2).flatten(1)
        return torch.as_tensor(self.head(self.dropout(nn.functional.gelu(self.fc(x))))).float()


class KernelClassifierNet(nn.Module):
    """Embedding vectors of views and shape to logits (B, labels) by a network of radial basis functions: exp(sharpness (x c - 1))
    with the cosine x c of an object's vector and each centre. All tensors are buffers, computed in closed form
    (train/kernel_ridge.py).

    centres (M, EMBEDDING_SIZE): unit vectors of training shapes; coefficients (M, labels); sharpness: a scalar; scale (2,):
    factor from a score to a logit, for vectors without and with a shape."""

    centres: torch.Tensor
    coefficients: torch.Tensor
    sharpness: torch.Tensor
    scale: torch.Tensor

    def __init__(self, labels: int, centres: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(centres, EMBEDDING_SIZE))
        self.register_buffer("coefficients", torch.zeros(centres, labels))
        self.register_buffer("sharpness", torch.ones(()))
        self.register_buffer("scale", torch.ones(MODALITIES))

    def forward(self, views: torch.Tensor, shapes: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Logits (B, labels) of mean view vectors (B, D) and shape vectors (B, D). present (B, 2) bool: which of the two are
        known."""
        seen, solid = present.float().unbind(1)
        x = views.float() * seen[:, None] + SHAPE_WEIGHT * shapes.float() * solid[:, None]
        similarity = nn.functional.normalize(x, dim=1) @ self.centres.T
        scores = torch.exp(self.sharpness * (similarity - 1)) @ self.coefficients
        return scores * torch.where(present[:, 1], self.scale[1], self.scale[0])[:, None]
