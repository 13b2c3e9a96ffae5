"""A U-Net that segments one object of a photo, with clicks and a box as optional prompts, on the backbone EfficientNet-Lite0.

Prompts are maps beside the image (Xu et al. 2016, "Deep interactive object selection", arXiv:1603.04042), which guided_unet.py
adds to its features. Without prompts the maps are zero."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.dense.guided_unet import GuidedUNet

PROMPTS = 5
"""Maps of prompts, see `lift3d.geometry.image.prompt_maps`."""
HIDDEN = 32


class PromptedUNet(GuidedUNet):
    """(B, 3 + PROMPTS, H, W), the image normalised as for the backbone and the maps of the prompts, to logits (B, 1, H, W) of the
    mask, upsampled bilinearly from stride 2. width: see `GuidedUNet`."""

    def __init__(self, width: int = 32) -> None:
        super().__init__(width, 1, PROMPTS, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits in single precision."""
        logits, _ = self.outputs(x)
        return torch.as_tensor(
            nn.functional.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)
        )
