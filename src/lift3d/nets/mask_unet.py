"""A U-Net (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597) small enough for two processor cores."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import ResBlock2d


class UNet(nn.Module):
    """(B, 3, H, W) to (B, out, H, W); H and W divisible by 2^(len(widths) - 1).

    widths: channels at full size, half size, quarter size, ... At full size encoder and decoder have one convolution each,
    because a convolution costs most and adds least there."""

    def __init__(self, widths: tuple[int, ...] = (12, 24, 48, 96, 144, 192), out: int = 1) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(widths, widths[1:]))
        self.encoder = nn.ModuleList(ResBlock2d(w, w) for w in widths[1:])
        pairs = list(zip(widths[-1:0:-1], widths[-2::-1]))
        self.up = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairs)
        self.decoder = nn.ModuleList(ResBlock2d(2 * b, b) for _, b in pairs[:-1])
        self.last = nn.Conv2d(2 * widths[0], widths[0], 3, padding=1)
        self.head = nn.Conv2d(widths[0], out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (B, out, H, W)."""
        features = [torch.relu(self.stem(x))]
        for down, block in zip(self.down, self.encoder):
            features.append(block(torch.relu(down(features[-1]))))
        y = features.pop()
        for i, up in enumerate(self.up):
            y = nn.functional.interpolate(up(y), scale_factor=2.0, mode="bilinear", align_corners=False)
            y = torch.cat([y, features.pop()], 1)
            y = self.decoder[i](y) if i < len(self.decoder) else torch.relu(self.last(y))
        return torch.as_tensor(self.head(y))


def create_mask_unet(width: int) -> UNet:
    """The U-Net of `image_to_mask`: logits (B, 1, H, W) of an object's mask; width: channels at full size."""
    return UNet((width, 2 * width, 4 * width, 8 * width, 12 * width, 16 * width))
