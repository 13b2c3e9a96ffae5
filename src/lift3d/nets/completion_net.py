"""Completion of a partial shape: from a partly observed surface to the occupancy of the whole shape.

The layers are those of the autoencoder (nets/shape_autoencoder.py), whose weights can initialise the layers whose names and
shapes match. Voxels are unshuffled into channels, convolved at 16^3 and 8^3, and shuffled back. A skip connection adds the
encoder's features at 16^3 in the decoder, so that the known surface does not pass through the bottleneck (Ronneberger et al.
2015, arXiv:1505.04597). At 8^3 a transformer relates distant parts (Vaswani et al. 2017, arXiv:1706.03762): a part that is
missing on one side is often present on the other.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ResBlock3d, TransformerBlock, voxel_shuffle, voxel_unshuffle

CHANNELS = 5
"""Input channels; geometry/completion/partial_frame.py defines them."""
EXPANSION = 4
"""Channels of the head's hidden layer, as a multiple of the width."""


class CompletionNet(nn.Module):
    """Partial surface (B, 5, 64, 64, 64) to occupancy logits (B, 64, 64, 64)."""

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
        self.pos_embed = nn.Parameter(torch.randn(512, 2 * width) * 0.02)
        self.layers = nn.ModuleList(TransformerBlock(2 * width, 4) for _ in range(layers))
        self.decoder = nn.ModuleDict(
            {
                "coarse": nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width)),
                "up": nn.ConvTranspose3d(2 * width, width, 2, 2),
                "fine": nn.Sequential(ResBlock3d(width), ResBlock3d(width)),
            }
        )
        self.expand = nn.Conv3d(width, EXPANSION * width, 1)
        self.head = nn.Conv3d(EXPANSION * width, PATCH_SIZE**3, 1)

    def forward(self, partial: torch.Tensor) -> torch.Tensor:
        """Occupancy logits (B, 64, 64, 64) in float32."""
        known = self.encoder["fine"](torch.relu(self.encoder["start"](voxel_unshuffle(partial))))
        x = self.encoder["coarse"](torch.relu(self.encoder["down"](known)))
        shape = x.shape
        x = x.flatten(2).transpose(1, 2)
        if len(self.layers):
            x = x + self.pos_embed
        for layer in self.layers:
            x = layer(x)
        x = self.decoder["coarse"](x.transpose(1, 2).reshape(shape))
        x = self.decoder["fine"](torch.relu(self.decoder["up"](x)) + known)
        x = self.head(torch.relu(self.expand(x)))
        return voxel_shuffle(x).float()[:, 0]
