"""3-D U-Net with a residual encoder (Ronneberger et al. 2015, arXiv:1505.04597; Isensee et al. 2024, arXiv:2404.09556), instance
normalisation and deep supervision (Lee et al. 2015, arXiv:1409.5185)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from lift3d.nets.segmentation.plan import Plan, Sizes

SLOPE = 0.01


class ConvNorm(nn.Sequential):
    """Convolution and instance normalisation: (B, I, X, Y, Z) to (B, O, X / stride, ...)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Sizes, stride: Sizes = (1, 1, 1)) -> None:
        padding = kernel[0] // 2, kernel[1] // 2, kernel[2] // 2
        super().__init__(
            nn.Conv3d(in_channels, out_channels, kernel, stride, padding, bias=False),
            nn.InstanceNorm3d(out_channels, affine=True),
        )


class ResidualBlock(nn.Module):
    """Two convolutions with a shortcut (He et al. 2016, arXiv:1512.03385); a strided block averages its shortcut."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Sizes, stride: Sizes = (1, 1, 1)) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels, kernel, stride)
        self.second = ConvNorm(out_channels, out_channels, kernel)
        pool = nn.AvgPool3d(stride, stride) if max(stride) > 1 else nn.Identity()
        project = (
            ConvNorm(in_channels, out_channels, (1, 1, 1)) if in_channels != out_channels else nn.Identity()
        )
        self.shortcut = nn.Sequential(pool, project)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, O, X / stride, ...)."""
        y = nn.functional.leaky_relu(self.first(x), SLOPE)
        return nn.functional.leaky_relu(self.second(y) + self.shortcut(x), SLOPE)


class ResidualUNet3d(nn.Module):
    """Volumes (B, 1, X, Y, Z) to logits of classes (B, classes, X, Y, Z); sides are multiples of the product of the strides.

    In training mode it returns the logits of all decoder stages but the coarsest, the finest first, for deep supervision."""

    def __init__(
        self, classes: int, widths: Sequence[int], strides: Sequence[Sizes], kernels: Sequence[Sizes],
        blocks: Sequence[int],
    ) -> None:  # fmt: skip
        super().__init__()
        self.stem = ConvNorm(1, widths[0], kernels[0])
        self.encoder = nn.ModuleList()
        before = widths[0]
        for width, stride, kernel, count in zip(widths, strides, kernels, blocks):
            first = ResidualBlock(before, width, kernel, stride)
            self.encoder.append(
                nn.Sequential(first, *(ResidualBlock(width, width, kernel) for _ in range(count - 1)))
            )
            before = width
        self.up, self.decoder, self.heads = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i in range(len(widths) - 1, 0, -1):
            coarse, fine = widths[i], widths[i - 1]
            self.up.append(nn.ConvTranspose3d(coarse, fine, strides[i], strides[i]))
            self.decoder.append(ConvNorm(2 * fine, fine, kernels[i - 1]))
            if i == 1 or i < len(widths) - 1:
                self.heads.append(nn.Conv3d(fine, classes, 1))
        for module in self.modules():
            if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
                nn.init.kaiming_normal_(module.weight, SLOPE)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, ResidualBlock):  # blocks begin as their shortcuts
                norm = module.second[1]
                assert isinstance(norm, nn.InstanceNorm3d)
                nn.init.zeros_(norm.weight)

    @classmethod
    def of(cls, plan: Plan) -> ResidualUNet3d:
        """The untrained network of a plan."""
        return cls(plan.classes, plan.widths, plan.strides, plan.kernels, plan.blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Logits (B, classes, X, Y, Z); in training mode a list of them, each of half the sides of the one before."""
        x = nn.functional.leaky_relu(self.stem(x), SLOPE)
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        logits: list[torch.Tensor] = []
        last = len(self.up) - 1
        for i, (up, decode) in enumerate(zip(self.up, self.decoder)):
            x = torch.cat([up(x), skips[last - i]], 1)
            x = nn.functional.leaky_relu(decode(x), SLOPE)
            if i == last or (self.training and i > 0):
                logits.append(self.heads[max(i - 1, 0)](x))
        return logits[::-1] if self.training else logits[0]
