"""The sentence encoder all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957; Reimers & Gurevych 2019, arXiv:1908.10084)
as a torch module, so that its published weights run without another library."""

from __future__ import annotations

import torch
from torch import nn

WIDTH, HEADS, LAYERS, INNER, TOKENS, LONGEST = 384, 12, 6, 1536, 30522, 512
EPSILON = 1e-12


class BertLayer(nn.Module):
    """Post-norm transformer layer of BERT (Devlin et al. 2019, arXiv:1810.04805): (B, T, 384) to the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.fc1, self.fc2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, x: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """x (B, T, 384); present (B, 1, 1, T) bool: False for padding."""
        q, k, v = (
            part(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        attended = nn.functional.scaled_dot_product_attention(q, k, v, present).transpose(1, 2).flatten(2)
        x = self.norm1(x + self.proj(attended))
        return torch.as_tensor(self.norm2(x + self.fc2(nn.functional.gelu(self.fc1(x)))))


class SentenceEncoder(nn.Module):
    """Token indices (B, T), 0 for padding, to sentence vectors (B, 384) of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(TOKENS, WIDTH)
        self.position = nn.Embedding(LONGEST, WIDTH)
        self.token_type = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)
        self.layers = nn.ModuleList(BertLayer() for _ in range(LAYERS))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The normalised mean (B, 384) of the last layer's output over the tokens that are not padding."""
        present = tokens > 0
        x = self.token(tokens) + self.position.weight[: tokens.shape[1]] + self.token_type.weight[0]
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, present[:, None, None])
        weight = present[..., None].float()
        mean = (x * weight).sum(1) / weight.sum(1)
        return nn.functional.normalize(mean, dim=1)
