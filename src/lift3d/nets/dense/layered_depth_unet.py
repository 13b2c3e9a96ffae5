"""A U-Net that predicts the visible surface of a cut-out object and how thick the object is behind it, on the backbone
EfficientNet-Lite0.

Two layers of depth per pixel, the front and the far side of what it shows, as in layered depth images (Shade et al. 1998) and in
front-to-back prediction (Gabeur et al. 2019, "Moulding humans", arXiv:1908.00439). Encoder and decoder are those of
depth_unet.py; the mask enters as prompted_unet.py's prompts do."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from lift3d.nets.dense.backbone import CHANNELS, EfficientNetLite0
from lift3d.nets.dense.depth_unet import FROZEN_BLOCKS, POOLED, DecoderBlock

STRIDE = 32
"""The sides of the input must be multiples of it."""
HIDDEN = 16
USUAL_THICKNESS = 0.35
"""Thickness in half widths of the crop that an output of 0 means."""


class LayeredDepth(NamedTuple):
    """Lengths are in half widths of the crop at w = 0 (geometry/voxels/view_frame.py).

    nearness (B, 1, H / 2, W / 2): distance of the visible surface in front of w = 0, the middle of the object's depth extent.
    thickness (B, 1, H / 2, W / 2): logarithm of the distance to the far side of the part that is seen. normals (B, 3, H / 2,
    W / 2): unit, view frame. extent (B,): logarithm of half the object's depth extent."""

    nearness: torch.Tensor
    thickness: torch.Tensor
    normals: torch.Tensor
    extent: torch.Tensor


class CutoutUNet(nn.Module):
    """Encoder and decoder for cut-outs as geometry/image/cutout.py makes them: (B, 4, H, W) to maps at stride 2. H and W are
    multiples of STRIDE.

    width: channels at stride 4, as in `DepthUNet`."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        deep, half, quarter, last = 4 * width, 5 * width // 2, 3 * width // 2, max(width // 2, 4)
        last_hint = nn.Conv2d(HIDDEN, CHANNELS[2], 1)
        for parameter in last_hint.parameters():
            nn.init.zeros_(parameter)
        self.hint = nn.Sequential(nn.Conv2d(1, HIDDEN, 3, padding=1), nn.ReLU(), last_hint)
        self.reduce = nn.Conv2d(CHANNELS[4] + 1, deep, 1)
        self.context = nn.Linear(CHANNELS[4], POOLED)
        self.spread = nn.Linear(POOLED, deep)
        sizes = ((deep, 3, half), (half, 2, quarter), (quarter, 1, width), (width, 0, last))
        self.decoder = nn.ModuleList(DecoderBlock(i, CHANNELS[k] + 1, o) for i, k, o in sizes)
        self.head = nn.Conv2d(last, outputs, 3, padding=1)

    def freeze_early(self) -> None:
        """Exclude the stem and the first FROZEN_BLOCKS blocks of the backbone, and its depthwise kernels, from training."""
        self.backbone.freeze_early(FROZEN_BLOCKS)

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The head's output (B, outputs, H / 2, W / 2) in single precision, and the context (B, POOLED)."""
        image, mask = x[:, :3], x[:, 3:]
        pooled = [nn.functional.avg_pool2d(mask, 2 << k) for k in range(5)]
        features = self.backbone(image, self.hint(pooled[2]))
        context = torch.relu(self.context(features[-1].mean((2, 3))))
        deepest = torch.cat([features[-1], pooled[4].to(features[-1].dtype)], 1)
        y = torch.relu(self.reduce(deepest) + self.spread(context)[:, :, None, None])
        for block, skip, cover in zip(self.decoder, reversed(features[:-1]), reversed(pooled[:-1])):
            y = block(y, torch.cat([skip, cover.to(skip.dtype)], 1))
        return self.head(y).float(), context


class LayeredDepthUNet(CutoutUNet):
    """(B, 4, H, W) to `LayeredDepth`."""

    def __init__(self, width: int = 48) -> None:
        super().__init__(width, 5)
        self.extent = nn.Linear(POOLED, 1)

    def forward(self, x: torch.Tensor) -> LayeredDepth:
        """The prediction in single precision."""
        out, context = self.outputs(x)
        toward = out.new_tensor([0, 0, -1.0])[None, :, None, None]
        normals = nn.functional.normalize(out[:, 2:] + toward, dim=1)
        thickness = out[:, 1:2] + math.log(USUAL_THICKNESS)
        return LayeredDepth(out[:, :1], thickness, normals, self.extent(context)[:, 0].float())
