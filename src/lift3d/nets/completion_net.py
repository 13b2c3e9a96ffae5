"""From part of a thing's surface to the space that the whole fills.

The layers are those of the autoencoder of solids (nets/shape_autoencoder.py), whose weights it can begin with where
names fit: space is
folded, convolutions at 16^3 and 8^3, and back. What is known must not pass through a code: the features at 16^3 are added again
on the way back (Ronneberger et al. 2015, arXiv:1505.04597). At 8^3 every place asks all others (attention, Vaswani et al. 2017):
what is missing on one side often stands on the other.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ResBlock3d, TransformerBlock, voxel_shuffle, voxel_unshuffle

CHANNELS = 5
"""geometry/completion/partial_frame.py says which."""
WIDE = 4
"""Channels of the head's middle, in widths."""


class CompletionNet(nn.Module):
    """(B, 5, 64, 64, 64) to logits (B, 64, 64, 64) of full cells."""

    def __init__(self, width: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict(
            {
                "start": nn.Conv3d(CHANNELS * PATCH_SIZE**3, width, 1),
                "fine": ResBlock3d(width),
                "down": nn.Conv3d(width, 2 * width, 2, 2),
                "coarse": nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width)),
            }
        )
        self.place = nn.Parameter(torch.randn(512, 2 * width) * 0.02)
        self.layers = nn.ModuleList(TransformerBlock(2 * width, 4) for _ in range(layers))
        self.decoder = nn.ModuleDict(
            {
                "coarse": nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width)),
                "up": nn.ConvTranspose3d(2 * width, width, 2, 2),
                "fine": nn.Sequential(ResBlock3d(width), ResBlock3d(width)),
            }
        )
        self.wide, self.head = nn.Conv3d(width, WIDE * width, 1), nn.Conv3d(WIDE * width, PATCH_SIZE**3, 1)

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        known = self.encoder["fine"](torch.relu(self.encoder["start"](voxel_unshuffle(cells))))
        x = self.encoder["coarse"](torch.relu(self.encoder["down"](known)))
        shape = x.shape
        x = x.flatten(2).transpose(1, 2)
        if len(self.layers):
            x = x + self.place
        for layer in self.layers:
            x = layer(x)
        x = self.decoder["coarse"](x.transpose(1, 2).reshape(shape))
        x = self.decoder["fine"](torch.relu(self.decoder["up"](x)) + known)
        x = self.head(torch.relu(self.wide(x)))
        return voxel_shuffle(x).float()[:, 0]
