"""Masked autoencoders (He et al. 2022, arXiv:2111.06377): most blocks of the input are hidden and must be predicted.

A part of each network has the name that it has in the network it initialises: `backbone` in nets/shape_classifier.py, and
`encoder` in nets/views_to_volume.py. Convolutions cannot skip hidden blocks as attention does, so these are set to a neutral
value (Xie et al. 2022, arXiv:2111.09886): zero, half-way between full and empty, or grey.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import ImageEncoder, ResBlock2d, ResBlock3d, voxel_shuffle
from lift3d.nets.shape_classifier import VoxelBackbone

BLOCKS = 8
"""Blocks along each side, of 8 voxels in a shape of 64 and of 16 pixels in an image of 128."""


class MaskedVoxelAutoencoder(nn.Module):
    """Occupancy (B, 64, 64, 64) with hidden blocks to occupancy logits (B, 64, 64, 64)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.backbone = VoxelBackbone(width)
        self.down = nn.Conv3d(2 * width, 3 * width, 2, 2)
        self.deep = ResBlock3d(3 * width)
        self.join = nn.Conv3d(5 * width, width, 1)
        self.res = ResBlock3d(width)
        self.head = nn.Conv3d(width, 8**3, 1)

    def forward(self, occupancy: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Logits (B, 64, 64, 64) of occupancy (B, 64, 64, 64) in [0, 1]; hidden (B, 8, 8, 8) bool."""
        visible = (2 * occupancy - 1) * ~expand_mask(hidden, occupancy.shape[-1])
        fine = self.backbone.feature_maps(visible)[1]
        coarse = self.deep(torch.relu(self.down(fine)))
        coarse = nn.functional.interpolate(coarse, scale_factor=2.0, mode="trilinear", align_corners=False)
        x = self.res(torch.relu(self.join(torch.cat([fine, coarse], 1))))
        return voxel_shuffle(self.head(x), 8).float()[:, 0]


class MaskedImageAutoencoder(nn.Module):
    """RGB and mask (B, 4, 128, 128) with hidden blocks to the whole image (B, 4, 128, 128)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.encoder = ImageEncoder((width, 2 * width, 4 * width, 8 * width))
        self.join = nn.Conv2d(12 * width, 4 * width, 1)
        self.block = ResBlock2d(4 * width, 4 * width)
        self.head = nn.Conv2d(4 * width, 4 * 8 * 8, 1)

    def forward(self, images: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """The reconstruction (B, 4, 128, 128) of images (B, 4, 128, 128); hidden (B, 8, 8) bool."""
        visible = images * ~expand_mask(hidden, images.shape[-1])[:, None]
        features = self.encoder(visible.contiguous(memory_format=torch.channels_last))
        coarse = nn.functional.interpolate(
            features[3], scale_factor=2.0, mode="bilinear", align_corners=False
        )
        x = self.block(torch.relu(self.join(torch.cat([features[2], coarse], 1))))
        return nn.functional.pixel_shuffle(self.head(x), 8).float()


def expand_mask(hidden: torch.Tensor, side: int) -> torch.Tensor:
    """Repeat a mask of blocks (B, 8, ...) to one of voxels or pixels (B, side, ...)."""
    for axis in range(1, hidden.ndim):
        hidden = hidden.repeat_interleave(side // BLOCKS, axis)
    return hidden
