"""Masked autoencoders (He et al. 2022, arXiv:2111.06377): most of a thing is hidden, and what is hidden must be told.

What learns by it is taken over by its name: `trunk` is that of nets/shape_classifier.py, `encoder` that of
nets/views_to_volume.py.
Convolutions cannot leave hidden blocks out as attention does, so these are set to what says nothing (Xie et al. 2022,
arXiv:2111.09886): zero, half-way between full and empty, or grey.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import ImageEncoder, ResBlock2d, ResBlock3d, voxel_shuffle
from lift3d.nets.shape_classifier import VoxelBackbone

BLOCKS = 8
"""Blocks along each side, of 8 cells in a solid of 64 and of 16 pixels in a picture of 128."""


class MaskedVoxelAutoencoder(nn.Module):
    """(B, 64, 64, 64) shares and (B, 8, 8, 8) True where a block is hidden, to logits (B, 64, 64, 64)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.trunk = VoxelBackbone(width)
        self.last = nn.Conv3d(2 * width, 3 * width, 2, 2)
        self.deep = ResBlock3d(3 * width)
        self.join = nn.Conv3d(5 * width, width, 1)
        self.solid = ResBlock3d(width)
        self.head = nn.Conv3d(width, 8**3, 1)

    def forward(self, share: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        seen = (2 * share - 1) * ~expand_mask(hidden, share.shape[-1])
        near = self.trunk.near(seen)[1]
        far = self.deep(torch.relu(self.last(near)))
        far = nn.functional.interpolate(far, scale_factor=2.0, mode="trilinear", align_corners=False)
        x = self.solid(torch.relu(self.join(torch.cat([near, far], 1))))
        return voxel_shuffle(self.head(x), 8).float()[:, 0]


class MaskedImageAutoencoder(nn.Module):
    """(B, 4, 128, 128), colour and mask, and (B, 8, 8) True where a block is hidden, to the picture (B, 4, 128, 128)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.encoder = ImageEncoder((width, 2 * width, 4 * width, 8 * width))
        self.join = nn.Conv2d(12 * width, 4 * width, 1)
        self.block = ResBlock2d(4 * width, 4 * width)
        self.head = nn.Conv2d(4 * width, 4 * 8 * 8, 1)

    def forward(self, pictures: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        seen = pictures * ~expand_mask(hidden, pictures.shape[-1])[:, None]
        held = self.encoder(seen.contiguous(memory_format=torch.channels_last))
        far = nn.functional.interpolate(held[3], scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.block(torch.relu(self.join(torch.cat([held[2], far], 1))))
        return nn.functional.pixel_shuffle(self.head(x), 8).float()


def expand_mask(hidden: torch.Tensor, side: int) -> torch.Tensor:
    """(B, 8, ...) of blocks to (B, side, ...) of cells or pixels."""
    for axis in range(1, hidden.ndim):
        hidden = hidden.repeat_interleave(side // BLOCKS, axis)
    return hidden
