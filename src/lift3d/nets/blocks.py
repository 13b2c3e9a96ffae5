"""Building blocks shared by several networks."""

from __future__ import annotations

import torch
from torch import nn

GRID_SIZE, PATCH_SIZE, LATENT_SIZES = 64, 4, (4, 8)
"""Cells along each side of a shape; cells that are folded into channels; places that a code can have along each side."""


def voxel_unshuffle(x: torch.Tensor, by: int = PATCH_SIZE) -> torch.Tensor:
    """(B, C, D, H, W) to (B, C * by^3, D / by, H / by, W / by)."""
    b, c, d, h, w = x.shape
    x = x.view(b, c, d // by, by, h // by, by, w // by, by).permute(0, 1, 3, 5, 7, 2, 4, 6)
    return x.reshape(b, c * by**3, d // by, h // by, w // by)


def voxel_shuffle(x: torch.Tensor, by: int = PATCH_SIZE) -> torch.Tensor:
    """The inverse of `folded`."""
    b, c, d, h, w = x.shape
    x = x.view(b, c // by**3, by, by, by, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(b, c // by**3, d * by, h * by, w * by)


class ResBlock2d(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al. 2016): (B, I, H, W) to (B, O, H, W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outside)
        self.short = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.short(x))


class ResBlock3d(nn.Module):
    """Two 3 x 3 x 3 convolutions with a shortcut: (B, C, D, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm3d(channels)
        self.second = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm3d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + x)


class ImageEncoder(nn.Module):
    """(B, 4, 128, 128), colour and mask, to features of 64, 32, 16 and 8 pixels."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, widths[0], 5, 2, 2)
        self.first = ResBlock2d(widths[0], widths[0])
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(widths, widths[1:]))
        self.blocks = nn.ModuleList(nn.Sequential(ResBlock2d(b, b), ResBlock2d(b, b)) for b in widths[1:])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        held = [self.first(torch.relu(self.stem(x)))]
        for down, block in zip(self.down, self.blocks):
            held.append(block(torch.relu(down(held[-1]))))
        return held


class TransformerBlock(nn.Module):
    """Attention and two linear maps, each after a normalisation and added to what was: (B, T, C) to the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.answer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, c = x.shape
        q, k, v = self.ask(self.first(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, c)
        x = x + self.answer(seen)
        return x + torch.as_tensor(self.narrow(nn.functional.gelu(self.wide(self.second(x)))))
