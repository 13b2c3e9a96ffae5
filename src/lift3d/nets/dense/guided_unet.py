"""A U-Net on the backbone EfficientNet-Lite0 that reads maps beside the image: prompts, or the mask of a cut-out.

The maps do not pass the pre-trained stem (as in Sofiiuk, Petrov & Konushin 2022, arXiv:2102.06583): a small convolution, zero at
first, adds them to the features at stride 8, and every block of the decoder sees them again. The decoder is that of
depth_unet.py."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.dense.backbone import CHANNELS, EfficientNetLite0
from lift3d.nets.dense.depth_unet import FROZEN_BLOCKS, POOLED, DecoderBlock

STRIDE = 32
"""The sides of the input must be multiples of it."""


class GuidedUNet(nn.Module):
    """(B, 3 + maps, H, W) to maps at stride 2. H and W are multiples of STRIDE.

    width: channels at stride 4; 1.5, 2.5 and 4 times as many at strides 8, 16 and 32, half as many at stride 2. outputs: channels
    of the output. maps: channels beside the image. hidden: of the convolution that reads the maps."""

    def __init__(self, width: int, outputs: int, maps: int, hidden: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        deep, half, quarter, last = 4 * width, 5 * width // 2, 3 * width // 2, max(width // 2, 4)
        last_hint = nn.Conv2d(hidden, CHANNELS[2], 1)
        for parameter in last_hint.parameters():
            nn.init.zeros_(parameter)
        self.hint = nn.Sequential(nn.Conv2d(maps, hidden, 3, padding=1), nn.ReLU(), last_hint)
        self.reduce = nn.Conv2d(CHANNELS[4] + maps, deep, 1)
        self.context = nn.Linear(CHANNELS[4], POOLED)
        self.spread = nn.Linear(POOLED, deep)
        sizes = ((deep, 3, half), (half, 2, quarter), (quarter, 1, width), (width, 0, last))
        self.decoder = nn.ModuleList(DecoderBlock(i, CHANNELS[k] + maps, o) for i, k, o in sizes)
        self.head = nn.Conv2d(last, outputs, 3, padding=1)

    def freeze_early(self) -> None:
        """Exclude the stem and the first FROZEN_BLOCKS blocks of the backbone, and its depthwise kernels, from training."""
        self.backbone.freeze_early(FROZEN_BLOCKS)

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The head's output (B, outputs, H / 2, W / 2) in single precision, and the context (B, POOLED)."""
        image, maps = x[:, :3], x[:, 3:]
        pooled = [nn.functional.avg_pool2d(maps, 2 << k) for k in range(5)]
        features = self.backbone(image, self.hint(pooled[2]))
        context = torch.relu(self.context(features[-1].mean((2, 3))))
        deepest = torch.cat([features[-1], pooled[4].to(features[-1].dtype)], 1)
        y = torch.relu(self.reduce(deepest) + self.spread(context)[:, :, None, None])
        for block, skip, beside in zip(self.decoder, reversed(features[:-1]), reversed(pooled[:-1])):
            y = block(y, torch.cat([skip, beside.to(skip.dtype)], 1))
        return self.head(y).float(), context
