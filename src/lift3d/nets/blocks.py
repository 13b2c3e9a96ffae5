"""Building blocks that several networks share."""

from __future__ import annotations

import torch
from torch import nn

PATCH_SIZE, LATENT_SIZES = 4, (4, 8)
"""PATCH_SIZE: voxels along each side of a patch that becomes channels;
LATENT_SIZES: the sides that a latent grid can have."""


def voxel_unshuffle(x: torch.Tensor, by: int = PATCH_SIZE) -> torch.Tensor:
    """(B, C, D, H, W) to (B, C * by^3, D / by, H / by, W / by): `torch.pixel_unshuffle` in three dimensions."""
    b, c, d, h, w = x.shape
    x = x.view(b, c, d // by, by, h // by, by, w // by, by).permute(0, 1, 3, 5, 7, 2, 4, 6)
    return x.reshape(b, c * by**3, d // by, h // by, w // by)


def voxel_shuffle(x: torch.Tensor, by: int = PATCH_SIZE) -> torch.Tensor:
    """(B, C * by^3, D, H, W) to (B, C, D * by, H * by, W * by): the inverse of `voxel_unshuffle`."""
    b, c, d, h, w = x.shape
    x = x.view(b, c // by**3, by, by, by, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(b, c // by**3, d * by, h * by, w * by)


class ResBlock2d(nn.Module):
    """Residual block of two 3 x 3 convolutions (He et al. 2016, arXiv:1512.03385): (B, I, H, W) to (B, O, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(out_channels)
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, O, H, W), not negative."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResBlock3d(nn.Module):
    """Residual block of two 3 x 3 x 3 convolutions: (B, C, D, H, W) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm3d(channels)
        self.second = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm3d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, C, D, H, W), not negative."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + x)


class ImageEncoder(nn.Module):
    """RGB and mask (B, 4, 128, 128) to features of 64, 32, 16 and 8 pixels a side, `widths` channels each."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, widths[0], 5, 2, 2)
        self.first = ResBlock2d(widths[0], widths[0])
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(widths, widths[1:]))
        self.blocks = nn.ModuleList(nn.Sequential(ResBlock2d(b, b), ResBlock2d(b, b)) for b in widths[1:])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Four feature maps, the finest first."""
        features = [self.first(torch.relu(self.stem(x)))]
        for down, block in zip(self.down, self.blocks):
            features.append(block(torch.relu(down(features[-1]))))
        return features


class TransformerBlock(nn.Module):
    """Pre-norm transformer block: self-attention and an MLP, each with a shortcut (Vaswani et al. 2017,
    arXiv:1706.03762): (B, T, C) to the same shape."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens (B, T, C) after attention to each other."""
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, c)
        x = x + self.proj(attended)
        return x + torch.as_tensor(self.fc2(nn.functional.gelu(self.fc1(self.norm2(x)))))
