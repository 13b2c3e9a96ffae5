"""A U-Net that segments one object of a photo, with clicks and a box as optional prompts, on the backbone EfficientNet-Lite0.

Prompts are maps beside the image (Xu et al. 2016, "Deep interactive object selection", arXiv:1603.04042; Sofiiuk, Petrov &
Konushin 2022, arXiv:2102.06583). They do not pass the pre-trained stem: a small convolution, zero at first, adds them to the
features at stride 8, and every block of the decoder sees them again. Without prompts the maps are zero."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.dense.backbone import CHANNELS, EfficientNetLite0
from lift3d.nets.dense.depth_unet import FROZEN_BLOCKS, POOLED, DecoderBlock

STRIDE = 32
"""The sides of the input must be multiples of it."""
PROMPTS = 5
"""Maps of prompts, see `lift3d.geometry.image.prompt_maps`."""
HIDDEN = 32


class PromptedUNet(nn.Module):
    """(B, 3 + PROMPTS, H, W), the image normalised as for the backbone and the maps of the prompts, to logits (B, 1, H, W) of the
    mask. H and W are multiples of STRIDE.

    width: channels of the decoder at stride 4; 1.5, 2.5 and 4 times as many at strides 8, 16 and 32, half as many at stride 2,
    from where the logits are upsampled bilinearly."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        deep, half, quarter, last = 4 * width, 5 * width // 2, 3 * width // 2, max(width // 2, 4)
        last_hint = nn.Conv2d(HIDDEN, CHANNELS[2], 1)
        for parameter in last_hint.parameters():
            nn.init.zeros_(parameter)
        self.hint = nn.Sequential(nn.Conv2d(PROMPTS, HIDDEN, 3, padding=1), nn.ReLU(), last_hint)
        self.reduce = nn.Conv2d(CHANNELS[4] + PROMPTS, deep, 1)
        self.context = nn.Linear(CHANNELS[4], POOLED)
        self.spread = nn.Linear(POOLED, deep)
        sizes = ((deep, 3, half), (half, 2, quarter), (quarter, 1, width), (width, 0, last))
        self.decoder = nn.ModuleList(DecoderBlock(i, CHANNELS[k] + PROMPTS, o) for i, k, o in sizes)
        self.head = nn.Conv2d(last, 1, 3, padding=1)

    def freeze_early(self) -> None:
        """Exclude the stem and the first FROZEN_BLOCKS blocks of the backbone, and its depthwise kernels, from training."""
        self.backbone.freeze_early(FROZEN_BLOCKS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits in single precision."""
        image, prompts = x[:, :3], x[:, 3:]
        pooled = [nn.functional.avg_pool2d(prompts, 2 << k) for k in range(5)]
        features = self.backbone(image, self.hint(pooled[2]))
        context = torch.relu(self.context(features[-1].mean((2, 3))))
        deepest = torch.cat([features[-1], pooled[4].to(features[-1].dtype)], 1)
        y = torch.relu(self.reduce(deepest) + self.spread(context)[:, :, None, None])
        for block, skip, maps in zip(self.decoder, reversed(features[:-1]), reversed(pooled[:-1])):
            y = block(y, torch.cat([skip, maps.to(skip.dtype)], 1))
        logits = self.head(y).float()
        return torch.as_tensor(
            nn.functional.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)
        )
