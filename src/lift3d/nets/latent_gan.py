"""A generator of latent grids and its critic, conditioned on categories: Wasserstein GAN with gradient penalty (nets/wgan.py).

The critic compares a category with its features by an inner product (projection discriminator; Miyato & Koyama 2018,
arXiv:1802.05637).
"""

from __future__ import annotations

import torch
from torch import nn

NOISE_SIZE = 128


class LatentGenerator(nn.Module):
    """Noise (B, 128) and categories (B,) to normalised latents (B, channels, size, size, size).

    The index `categories` means "any category". The buffers `mean` and `std` (channels, 1, 1, 1) normalise latents."""

    def __init__(self, channels: int, categories: int, width: int = 128, size: int = 4) -> None:
        super().__init__()
        self.shape, self.categories = (channels, size, size, size), categories
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.zeros(channels, 1, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1, 1))
        self.category = nn.Embedding(categories + 1, NOISE_SIZE)
        self.start = nn.Linear(2 * NOISE_SIZE, 2 * width * 2**3)
        widths = [2 * width] * (size.bit_length() - 2) + [width]
        self.ups = nn.ModuleList(nn.ConvTranspose3d(a, b, 4, 2, 1) for a, b in zip(widths, widths[1:]))
        self.norms = nn.ModuleList(nn.GroupNorm(8, c) for c in widths[1:])
        self.last = nn.Sequential(
            nn.Conv3d(width, width, 3, padding=1), nn.SiLU(), nn.Conv3d(width, channels, 3, padding=1)
        )

    def denormalise(self, x: torch.Tensor) -> torch.Tensor:
        """Latents of normalised latents, both (B, channels, size, size, size)."""
        return x * self.std + self.mean

    def normalise(self, latent: torch.Tensor) -> torch.Tensor:
        """The inverse of `denormalise`."""
        return (latent - self.mean) / self.std

    def forward(self, noise: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        """Normalised latents (B, channels, size, size, size)."""
        x = self.start(torch.cat([noise, self.category(category)], 1)).view(noise.shape[0], -1, 2, 2, 2)
        for up, norm in zip(self.ups, self.norms):
            x = nn.functional.silu(norm(up(nn.functional.silu(x))))
        return torch.as_tensor(self.last(x))


class LatentCritic(nn.Module):
    """Normalised latents (B, channels, size, size, size) and categories (B,) to scores (B,)."""

    def __init__(self, channels: int, categories: int, width: int = 128, size: int = 4) -> None:
        super().__init__()
        self.start = nn.Conv3d(channels, width, 3, padding=1)
        widths = [width] + [2 * width] * (size.bit_length() - 2)
        self.downs = nn.ModuleList(nn.Conv3d(a, b, 4, 2, 1) for a, b in zip(widths, widths[1:]))
        self.fc, self.last = nn.Linear(2 * width * 2**3, 256), nn.Linear(256, 1)
        self.category = nn.Embedding(categories + 1, 256)
        nn.init.zeros_(self.category.weight)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, 256) of normalised latents."""
        x = nn.functional.leaky_relu(self.start(x), 0.2)
        for down in self.downs:
            x = nn.functional.leaky_relu(down(x), 0.2)
        return nn.functional.leaky_relu(self.fc(x.flatten(1)), 0.2)

    def forward(self, x: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        """Scores (B,): larger for latents that look more real."""
        features = self.features(x)
        return torch.as_tensor(self.last(features)[:, 0] + (features * self.category(category)).sum(1) / 16)
