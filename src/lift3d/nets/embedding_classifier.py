"""What kind of thing stands at a place of the space of shapes (nets/multimodal_embedding.py): what all views
together look like, and what
the solid is, each to one scale, and two layers. What is missing, the solid of a photo or the views of what cannot be seen, is
zero, which is the mean of all."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.multimodal_embedding import EMBEDDING_SIZE

SIDES = 2
"""Views and solid."""


class EmbeddingClassifierNet(nn.Module):
    """Means of views (B, SPACE), solids (B, SPACE) and which of both are there (B, 2) bool, to logits (B, labels)."""

    middle: torch.Tensor
    spread: torch.Tensor

    def __init__(self, labels: int, hidden: int = 256, dropout: float = 0.5) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(SIDES, EMBEDDING_SIZE))
        self.register_buffer("spread", torch.ones(SIDES, EMBEDDING_SIZE))
        self.some = nn.Dropout(dropout / 2)
        self.wide = nn.Linear(SIDES * (EMBEDDING_SIZE + 1), hidden)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, labels)

    def forward(self, views: torch.Tensor, solids: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        known = there.float()[..., None]
        x = (torch.stack([views, solids], 1).float() - self.middle) / self.spread * known
        x = torch.cat([self.some(x), known], 2).flatten(1)
        return torch.as_tensor(self.head(self.drop(nn.functional.gelu(self.wide(x))))).float()
