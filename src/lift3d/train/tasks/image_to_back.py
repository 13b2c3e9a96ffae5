"""Training of `image_to_back`: the colours of an object's far side, and of its front without light, from a cut-out, by a U-Net on
a pre-trained backbone.

The data are rendered pictures of a corpus; the truth is the texture of the farthest surface along each ray, in the mean light of
the picture, and of the nearest one. Losses: absolute errors of the colours and of their gradients, which a mean of all that might
be has none of (Mathieu, Couprie & LeCun 2016, arXiv:1511.05440, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lift3d.nets.dense.back_unet import BackUNet
from lift3d.nets.dense.layered_depth_unet import CutoutUNet
from lift3d.train.config import Range, option
from lift3d.train.data.back_views import BackSample, back_sample
from lift3d.train.data.view_set import View, ViewSet
from lift3d.train.task import Batch
from lift3d.train.tasks.cutout_task import CutoutConfig, CutoutTask
from lift3d.types import F32


@dataclass(frozen=True)
class Config(CutoutConfig):
    """Options of the task."""

    steps: int = option(6_000, "optimiser steps of the whole run")
    albedo: float = option(
        0.5, "weight of the losses of the front without light", tune=Range(0.05, 5.0, log=True)
    )


class ImageToBackTask(CutoutTask[BackSample]):
    """The training task."""

    config: Config
    name = "image_to_back"
    better = "psnr"

    def network(self) -> CutoutUNet:
        """The untrained `BackUNet`."""
        return BackUNet(self.config.width)

    def sample(self, views: ViewSet, view: View, flipped: bool = False) -> BackSample:
        """The sample of a view at the side of the training."""
        return back_sample(views, view, self.side, flipped)

    def collate(self, samples: list[BackSample]) -> Batch:
        """The tensors of a batch."""
        return collate(samples)

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        found, known = module(batch["image"].to(memory_format=torch.channels_last)), batch["known"]
        back, back_edges = colour_losses(found.back - batch["back"], known)
        albedo, albedo_edges = colour_losses(found.albedo - batch["albedo"], known)
        weight = self.config.gradients
        loss = back + weight * back_edges + self.config.albedo * (albedo + weight * albedo_edges)
        return {"loss": loss, "back": back, "edges": back_edges, "albedo": albedo}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean PSNR of the far side in dB (`psnr`), of the front as it is in its place (`psnr_front`) and of its mean colour
        (`psnr_mean`); of the front without light (`albedo`), and of the front as it is (`albedo_front`)."""
        rows = [
            scores(found.back[k].float().cpu().numpy(), found.albedo[k].float().cpu().numpy(), sample)
            for found, k, sample in self.validated(module)
        ]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def colour_losses(residual: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean absolute values of a residual (B, 3, H, W), and of its differences between neighbours, where known (B, H, W)."""
    inside = known[:, None].to(residual.dtype)
    size = (residual.abs() * inside).sum() / (3 * inside.sum()).clamp(min=1)
    across = inside[..., 1:] * inside[..., :-1]
    down = inside[..., 1:, :] * inside[..., :-1, :]
    gx = ((residual[..., 1:] - residual[..., :-1]).abs() * across).sum() / (3 * across.sum()).clamp(min=1)
    gy = ((residual[..., 1:, :] - residual[..., :-1, :]).abs() * down).sum() / (3 * down.sum()).clamp(min=1)
    return size, gx + gy


def psnr(found: F32, truth: F32, known: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of colours (3, H, W) in [-1, 1] where known."""
    error = float(((np.clip(found, -1, 1) - truth)[:, known] ** 2).mean()) / 4
    return float(-10 * np.log10(max(error, 1e-6)))


def front_colours(sample: BackSample) -> F32:
    """(3, H, W) colours of the front in [-1, 1], at the size of the maps."""
    _, h, w = sample.image.shape
    small = sample.image.reshape(4, h // 2, 2, w // 2, 2).mean((2, 4))
    return np.asarray(small[:3] / np.maximum(small[3:], 1e-3), np.float32)


def scores(back: F32, albedo: F32, sample: BackSample) -> dict[str, float]:
    """The scores of a prediction and of its baselines; see `validate`."""
    front, known = front_colours(sample), sample.known
    mean = np.broadcast_to(front[:, known].mean(1)[:, None, None], front.shape)
    return {
        "psnr": psnr(back, sample.back, known), "psnr_front": psnr(front, sample.back, known),
        "psnr_mean": psnr(mean, sample.back, known), "albedo": psnr(albedo, sample.albedo, known),
        "albedo_front": psnr(front, sample.albedo, known),
    }  # fmt: skip


def collate(samples: list[BackSample]) -> Batch:
    """The tensors of a batch."""
    return {
        name: torch.from_numpy(np.stack([getattr(s, name) for s in samples]))
        for name in ("image", "back", "albedo", "known")
    }
