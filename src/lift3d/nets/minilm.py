"""A small BERT (Devlin et al. 2019, arXiv:1810.04805) as distilled by Wang et al. (2020, arXiv:2002.10957: six layers, 384
numbers) and trained for sentences (Reimers & Gurevych 2019, arXiv:1908.10084): tokens to one unit vector."""

from __future__ import annotations

import torch
from torch import nn

WIDTH, HEADS, LAYERS, INNER, TOKENS, LONGEST = 384, 12, 6, 1536, 30522, 512
EPSILON = 1e-12


class BertLayer(nn.Module):
    """Attention and two linear maps, each added to what was and normalised after it: (B, T, 384) to the same."""

    def __init__(self) -> None:
        super().__init__()
        self.ask, self.key, self.value, self.answer = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.first, self.second = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.wide, self.narrow = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, x: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
        """held (B, 1, 1, T) bool: which tokens are there."""
        q, k, v = (
            part(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.ask, self.key, self.value)
        )
        seen = nn.functional.scaled_dot_product_attention(q, k, v, held).transpose(1, 2).flatten(2)
        x = self.first(x + self.answer(seen))
        return torch.as_tensor(self.second(x + self.narrow(nn.functional.gelu(self.wide(x)))))


class SentenceEncoder(nn.Module):
    """(B, T) numbers of tokens, 0 where there is none, to (B, 384) of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(TOKENS, WIDTH)
        self.place = nn.Embedding(LONGEST, WIDTH)
        self.sort = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)
        self.steps = nn.ModuleList(BertLayer() for _ in range(LAYERS))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        held = tokens > 0
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]] + self.sort.weight[0]
        x = self.norm(x)
        for step in self.steps:
            x = step(x, held[:, None, None])
        weight = held[..., None].float()
        mean = (x * weight).sum(1) / weight.sum(1)
        return nn.functional.normalize(mean, dim=1)
