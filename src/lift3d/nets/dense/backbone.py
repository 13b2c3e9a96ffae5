"""EfficientNet-Lite0 as a backbone: features of an image at five scales, and the ImageNet classifier on top of them.

EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946, table 1) without squeeze-and-excitation, with ReLU6 in place of swish, and with
the stem and the head of the published size. Batch normalisation (epsilon 1e-3) is folded into the convolutions, which therefore
have biases. Padding is TensorFlow's "same": ceil(n / stride) outputs, the odd pixel of padding at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from lift3d.nets.dense.batch_norm import fold

STEM, HEAD, CLASSES = 32, 1280, 1000
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip
"""Per stage: blocks, side of the kernel, stride of the first block, expansion, output channels."""
PYRAMID = (0, 2, 4, 10, 15)
"""Index of the last block at strides 2, 4, 8, 16 and 32."""
CHANNELS = (16, 24, 40, 112, 320)
"""Channels of the features at strides 2, 4, 8, 16 and 32."""


class SameConv(nn.Module):
    """A convolution with bias, TensorFlow's "same" padding, and ReLU6 if `active`: (B, I, H, W) to (B, O, ceil(H / stride),
    ceil(W / stride)). depthwise: one kernel per channel."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, depthwise: bool = False, active: bool = True
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel, self.stride, self.active = kernel, stride, active
        padding = kernel // 2 if stride == 1 else 0
        groups = inputs if depthwise else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features after the convolution and its activation."""
        if self.stride > 1:
            x = nn.functional.pad(x, (*self._pad(x.shape[-1]), *self._pad(x.shape[-2])))
        y = self._convolve(x)
        return nn.functional.relu6(y) if self.active else torch.as_tensor(y)

    def _convolve(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution; depthwise with a stride in single precision where a gradient is needed, which is slow in others."""
        if self.conv.groups == 1 or self.stride == 1 or not x.requires_grad:
            return torch.as_tensor(self.conv(x))
        with torch.autocast(x.device.type, enabled=False):
            return torch.as_tensor(self.conv(x.to(self.conv.weight.dtype)))

    def _pad(self, n: int) -> tuple[int, int]:
        """Zeros before and after a side of n pixels."""
        total = max((-(-n // self.stride) - 1) * self.stride + self.kernel - n, 0)
        return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """Mobile inverted bottleneck (Sandler et al. 2018, arXiv:1801.04381, figure 4): 1 x 1 expansion, depthwise convolution, 1 x 1
    projection without activation, and a shortcut where input and output have the same shape."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = SameConv(inputs, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = SameConv(wide, wide, kernel, stride, depthwise=True)
        self.project = SameConv(wide, outputs, 1, active=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, outputs, H / stride, W / stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else torch.as_tensor(y)


class EfficientNetLite0(nn.Module):
    """(B, 3, H, W), normalised by MEAN and SCALE (nets/sizes.py), to features at strides 2, 4, 8, 16 and 32, CHANNELS channels.

    classifier: with the head that gives the logits of the 1000 classes of ImageNet-1k, see `logits`."""

    def __init__(self, classifier: bool = False) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, 2)
        blocks, inputs = [], STEM
        for count, kernel, stride, expansion, outputs in STAGES:
            for k in range(count):
                blocks.append(InvertedResidual(inputs, outputs, kernel, stride if k == 0 else 1, expansion))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = SameConv(inputs, HEAD, 1) if classifier else None
        self.classes = nn.Linear(HEAD, CLASSES) if classifier else None

    def forward(self, x: torch.Tensor, hint: torch.Tensor | None = None) -> list[torch.Tensor]:
        """Five feature maps, the finest first; sides are rounded up. hint (B, CHANNELS[2], H / 8, W / 8): added to the features
        at stride 8 before the blocks that follow."""
        features = []
        x = self.stem(x)
        for k, block in enumerate(self.blocks):
            x = block(x)
            if k == PYRAMID[2] and hint is not None:
                x = x + hint
            if k in PYRAMID:
                features.append(x)
        return features

    def freeze_early(self, blocks: int) -> None:
        """Exclude from training the stem and the first blocks, and the depthwise kernels, which hold a fiftieth of the weights
        and take most of the time of a step."""
        for part in (self.stem, *self.blocks[:blocks]):
            part.requires_grad_(False)
        for part in self.modules():
            if isinstance(part, SameConv) and part.conv.groups > 1:
                part.requires_grad_(False)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 1000) logits of the classes of ImageNet-1k. ValueError without the classifier."""
        if self.head is None or self.classes is None:
            raise ValueError("this backbone was made without its classifier")
        return torch.as_tensor(self.classes(self.head(self.forward(x)[-1]).mean((2, 3))))


def fold_batch_norm(state: Mapping[str, torch.Tensor], classifier: bool = False) -> dict[str, torch.Tensor]:
    """The state of `EfficientNetLite0` from the published one, whose convolutions are followed by batch normalisation (see
    nets/dense/batch_norm.py). KeyError for a tensor that is missing."""
    return fold(state, torch.sqrt, classifier)
