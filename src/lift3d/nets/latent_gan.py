"""A generator of codes and its critic, both given a kind: Wasserstein GAN with gradient penalty (nets/wgan.py).

The critic holds the kind against what it sees by an inner product (Miyato & Koyama 2018, arXiv:1802.05637).
"""

from __future__ import annotations

import torch
from torch import nn

NOISE_SIZE = 128


class LatentGenerator(nn.Module):
    """Noise (B, 128) and kinds (B,) to normalised codes (B, Z, P, P, P)."""

    def __init__(self, codes: int, kinds: int, width: int = 128, places: int = 4) -> None:
        super().__init__()
        self.shape, self.kinds = (codes, places, places, places), kinds
        self.middle: torch.Tensor
        self.spread: torch.Tensor
        self.register_buffer("middle", torch.zeros(codes, 1, 1, 1))
        self.register_buffer("spread", torch.ones(codes, 1, 1, 1))
        self.kind = nn.Embedding(kinds + 1, NOISE_SIZE)
        self.start = nn.Linear(2 * NOISE_SIZE, 2 * width * 2**3)
        sizes = [2 * width] * (places.bit_length() - 2) + [width]
        self.ups = nn.ModuleList(nn.ConvTranspose3d(a, b, 4, 2, 1) for a, b in zip(sizes, sizes[1:]))
        self.norms = nn.ModuleList(nn.GroupNorm(8, c) for c in sizes[1:])
        self.last = nn.Sequential(
            nn.Conv3d(width, width, 3, padding=1), nn.SiLU(), nn.Conv3d(width, codes, 3, padding=1)
        )

    def code(self, x: torch.Tensor) -> torch.Tensor:
        """The code of a normalised one."""
        return x * self.spread + self.middle

    def normalised(self, code: torch.Tensor) -> torch.Tensor:
        return (code - self.middle) / self.spread

    def forward(self, noise: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
        x = self.start(torch.cat([noise, self.kind(kind)], 1)).view(len(noise), -1, 2, 2, 2)
        for up, norm in zip(self.ups, self.norms):
            x = nn.functional.silu(norm(up(nn.functional.silu(x))))
        return torch.as_tensor(self.last(x))


class LatentCritic(nn.Module):
    """Normalised codes (B, Z, P, P, P) and kinds (B,) to how real they are (B,)."""

    def __init__(self, codes: int, kinds: int, width: int = 128, places: int = 4) -> None:
        super().__init__()
        self.start = nn.Conv3d(codes, width, 3, padding=1)
        sizes = [width] + [2 * width] * (places.bit_length() - 2)
        self.downs = nn.ModuleList(nn.Conv3d(a, b, 4, 2, 1) for a, b in zip(sizes, sizes[1:]))
        features = 2 * width * 2**3
        self.look, self.last = nn.Linear(features, 256), nn.Linear(256, 1)
        self.kind = nn.Embedding(kinds + 1, 256)
        nn.init.zeros_(self.kind.weight)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 256)."""
        x = nn.functional.leaky_relu(self.start(x), 0.2)
        for down in self.downs:
            x = nn.functional.leaky_relu(down(x), 0.2)
        return nn.functional.leaky_relu(self.look(x.flatten(1)), 0.2)

    def forward(self, x: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
        seen = self.features(x)
        return torch.as_tensor(self.last(seen)[:, 0] + (seen * self.kind(kind)).sum(1) / 16)
