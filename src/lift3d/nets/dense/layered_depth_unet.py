"""A U-Net that predicts the visible surface of a cut-out object and how thick the object is behind it, on the backbone
EfficientNet-Lite0.

Two layers of depth per pixel, the front and the far side of what it shows, as in layered depth images (Shade et al. 1998) and in
front-to-back prediction (Gabeur et al. 2019, "Moulding humans", arXiv:1908.00439). Encoder and decoder are those of
guided_unet.py, which the mask enters beside the image."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from lift3d.nets.dense.depth_unet import POOLED
from lift3d.nets.dense.guided_unet import GuidedUNet

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


class CutoutUNet(GuidedUNet):
    """The U-Net for cut-outs as geometry/image/cutout.py makes them, (B, 4, H, W): the mask is the map beside the image."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__(width, outputs, 1, HIDDEN)


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
