"""A U-Net that predicts the colours of an object's far side from a cut-out of its front, pixel by pixel, and the colours of the
front without light. Encoder and decoder are those of layered_depth_unet.py.

The far side is predicted as the blurred colours of the front plus a correction, so that an untrained network gives a plain
baseline."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from lift3d.nets.dense.layered_depth_unet import CutoutUNet

BLUR = 9
"""Pixels, at half the size of the picture, over which the front is blurred."""


class BackColours(NamedTuple):
    """back, albedo (B, 3, H / 2, W / 2): colours of the far side in the light of the picture, and of the front without light,
    sRGB in [-1, 1]."""

    back: torch.Tensor
    albedo: torch.Tensor


class BackUNet(CutoutUNet):
    """(B, 4, H, W) to `BackColours`."""

    def __init__(self, width: int = 48) -> None:
        super().__init__(width, 6)
        nn.init.zeros_(self.head.weight)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> BackColours:
        """The prediction in single precision."""
        out, _ = self.outputs(x)
        front, mask = nn.functional.avg_pool2d(x[:, :3], 2), nn.functional.avg_pool2d(x[:, 3:], 2)
        soft = _blurred(front, mask)
        return BackColours((soft + out[:, :3]).clamp(-1.2, 1.2), (front + out[:, 3:]).clamp(-1.2, 1.2))


def _blurred(front: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Means of front (B, 3, H, W), which is premultiplied by mask (B, 1, H, W), over windows of BLUR pixels inside the mask."""
    total = nn.functional.avg_pool2d(front, BLUR, 1, BLUR // 2)
    weight = nn.functional.avg_pool2d(mask, BLUR, 1, BLUR // 2)
    return total / weight.clamp(min=0.05)
