"""Training of `image_to_back`: the colours of an object's far side, and of its front without light, from a cut-out, by a U-Net on
a pre-trained backbone.

The data are rendered pictures of a corpus; the truth is the texture of the farthest surface along each ray, in the mean light of
the picture, and of the nearest one. Losses: absolute errors of the colours and of their gradients, which a mean of all that might
be has none of (Mathieu, Couprie & LeCun 2016, arXiv:1511.05440, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.inference.backbone import load_backbone
from lift3d.nets.dense.back_unet import BackUNet
from lift3d.nets.dense.guided_unet import STRIDE
from lift3d.train.config import Schedule, option
from lift3d.train.data.back_views import BackSample, back_sample
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.view_set import ViewSet, further_views
from lift3d.train.depth_start import start_with_depth
from lift3d.train.task import Batch, Task
from lift3d.types import F32


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(6_000, "optimiser steps of the whole run")
    batch: int = option(12, "pictures in a step, over all processes")
    rate: float = option(6e-4, "largest learning rate")
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.997, "decay of the exponential moving average of the weights; the average is stored"
    )
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    validate: int = option(400, "steps between two validations")
    save: int = option(50, "steps between two checkpoints")
    width: int = option(48, "channels of the decoder at stride 4")
    side: int = option(192, "side of the pictures in pixels, a multiple of 32")
    gradients: float = option(0.5, "weight of the loss of gradients")
    albedo: float = option(0.5, "weight of the losses of the front without light")
    held: int = option(240, "validation pictures that are used")
    more: str = option(
        "",
        "a further corpus to train on and its pictures, CORPUS:PICTURES, such as made shapes; default: none",
    )


class ImageToBackTask(Task):
    """The training task. pictures: a folder in which `lift3d corpus render` has rendered `corpus`, best with --size 256."""

    config: Config
    name = "image_to_back"
    better = "psnr"

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        self.config = config
        self.side = max(config.side // STRIDE, 1) * STRIDE
        self.sets = [ViewSet(pictures, Corpus(corpus), "train"), *further_views(config.more)]
        self.val = ViewSet(pictures, Corpus(corpus), "val")

    def module(self) -> nn.Module:
        net = BackUNet(self.config.width)
        net.backbone.load_state_dict(load_backbone().state_dict())
        start_with_depth(net)
        net.freeze_early()
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def data(self) -> dict[str, Any]:
        digests = {
            f"train_{k}" if k else "train": views.pictures.digest() for k, views in enumerate(self.sets)
        }
        return digests | {"val": self.val.pictures.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(sum(map(len, self.sets)), step, c.batch, c.seed)
        mine = list(enumerate(indices.tolist()))[rank::world]
        return collate([self._sample(i, np.random.default_rng([c.seed, step, k])) for k, i in mine])

    def _sample(self, number: int, rng: np.random.Generator) -> BackSample:
        """The sample of picture `number` of all sets, or of the next one of its set that shows enough of its object."""
        views = self.sets[0]
        for views in self.sets:
            if number < len(views):
                break
            number -= len(views)
        while True:
            view = views.view(number, rng)
            if view is not None:
                sample = back_sample(views, view, self.side, bool(rng.random() < 0.5))
                if sample.known.any():
                    return sample
            number = (number + 1) % len(views)

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
        count = min(self.config.held, len(self.val))
        device = next(module.parameters()).device
        rows: list[dict[str, float]] = []
        for first in range(0, count, 12):
            views = [self.val.view(k * len(self.val) // count) for k in range(first, min(first + 12, count))]
            samples = [back_sample(self.val, view, self.side) for view in views if view is not None]
            samples = [s for s in samples if s.known.any()]
            if not samples:
                continue
            images = torch.from_numpy(np.stack([s.image for s in samples]))
            found = module(images.to(device, memory_format=torch.channels_last))
            for k, s in enumerate(samples):
                rows.append(
                    scores(found.back[k].float().cpu().numpy(), found.albedo[k].float().cpu().numpy(), s)
                )
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
