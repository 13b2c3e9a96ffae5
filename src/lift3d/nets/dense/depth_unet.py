"""A U-Net that predicts inverse depth and normals from a photo, on the backbone EfficientNet-Lite0.

The decoder goes from stride 32 to stride 2 by bilinear upsampling, concatenation of features and 3 x 3 convolutions
(Ronneberger, Fischer & Brox 2015, arXiv:1505.04597). A vector pooled over the image gives the decoder its context, and from it
the focal length and the offset of inverse depth are predicted, without which a depth map cannot become points without distortion
(Yin et al. 2021, "Learning to recover 3D scene shape from a single image", arXiv:2012.09365)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from lift3d.nets.dense.backbone import CHANNELS, EfficientNetLite0

STRIDE = 32
"""The sides of the input must be multiples of it."""
FROZEN_BLOCKS = 5
"""Blocks of the backbone (with its stem) that are not trained: strides 2 to 8, edges and textures."""
POOLED = 128


class DepthPrediction(NamedTuple):
    """inverse (B, 1, H / 2, W / 2): inverse depth up to scale and shift. normals (B, 3, H / 2, W / 2): unit, camera frame (x
    right, y down, z forward). camera (B, 2): logarithm of the focal length in units of the image's longer side, and of the
    median of inverse depth over its mean absolute deviation. surface (B, 1, H / 2, W / 2): logit of the probability that a
    pixel shows a surface, not the sky."""

    inverse: torch.Tensor
    normals: torch.Tensor
    camera: torch.Tensor
    surface: torch.Tensor


class DecoderBlock(nn.Module):
    """Upsample to the size of the skip features, concatenate, and two 3 x 3 convolutions: (B, I, H, W) and (B, S, 2H, 2W) to
    (B, O, 2H, 2W)."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs + skip, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Features (B, O, 2H, 2W), not negative."""
        x = nn.functional.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
        y = torch.relu(self.first(torch.cat([x, skip.to(x.dtype)], 1)))
        return torch.relu(self.second(y) + y)


class DepthUNet(nn.Module):
    """(B, 3, H, W), normalised as for the backbone, to a `DepthPrediction`. H and W are multiples of STRIDE.

    width: channels at stride 4; 1.5, 2.5 and 4 times as many at strides 8, 16 and 32, half as many at stride 2."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        deep, half, quarter, last = 4 * width, 5 * width // 2, 3 * width // 2, max(width // 2, 4)
        self.reduce = nn.Conv2d(CHANNELS[4], deep, 1)
        self.context = nn.Linear(CHANNELS[4], POOLED)
        self.spread = nn.Linear(POOLED, deep)
        self.camera = nn.Linear(POOLED, 2)
        self.decoder = nn.ModuleList(
            DecoderBlock(*sizes) for sizes in (
                (deep, CHANNELS[3], half), (half, CHANNELS[2], quarter), (quarter, CHANNELS[1], width), (width, CHANNELS[0],
                last),
            )
        )  # fmt: skip
        self.head = nn.Conv2d(last, 4, 3, padding=1)
        self.surface = nn.Conv2d(last, 1, 3, padding=1)

    def freeze_early(self) -> None:
        """Exclude the stem and the first FROZEN_BLOCKS blocks of the backbone, and its depthwise kernels, from training."""
        self.backbone.freeze_early(FROZEN_BLOCKS)

    def forward(self, x: torch.Tensor) -> DepthPrediction:
        """The prediction in single precision."""
        features = self.backbone(x)
        context = torch.relu(self.context(features[-1].mean((2, 3))))
        y = torch.relu(self.reduce(features[-1]) + self.spread(context)[:, :, None, None])
        for block, skip in zip(self.decoder, reversed(features[:-1])):
            y = block(y, skip)
        out = self.head(y).float()
        normals = nn.functional.normalize(
            out[:, 1:] + out.new_tensor([0, 0, -1.0])[None, :, None, None], dim=1
        )
        return DepthPrediction(out[:, :1], normals, self.camera(context).float(), self.surface(y).float())
