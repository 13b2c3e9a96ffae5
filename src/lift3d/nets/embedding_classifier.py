"""The category of an object from its embedding vectors (nets/multimodal_embedding.py): a multilayer perceptron on the
standardised mean vector of the views and the standardised vector of the shape. A missing modality (the shape of a photo, the
views of an object that cannot be rendered) is set to zero, which is the mean over all objects."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.multimodal_embedding import EMBEDDING_SIZE

MODALITIES = 2
"""Number of input modalities: views and shape."""


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
