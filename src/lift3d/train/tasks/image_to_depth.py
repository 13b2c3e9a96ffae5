"""Training of `image_to_depth`: inverse depth, normals and focal length of a photo, by a U-Net on a pre-trained backbone.

The data are rendered scenes.

Losses: the trimmed absolute error after alignment of scale and shift, the gradients of its residual at four scales (Ranftl et al.
2020), the angle of the normals, the focal length and offset, and the cross-entropy of sky and surface. The first blocks of the
backbone are not trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.scenes.depth_shards import SCENES, DepthSet, write_scenes
from lift3d.geometry.metrics.depth import DepthErrors, aligned_errors
from lift3d.inference.backbone import load_backbone
from lift3d.nets.dense.depth_unet import STRIDE, DepthUNet
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.depth_samples import DepthSample, depth_sample
from lift3d.train.data.sampling import sample_indices
from lift3d.train.depth_losses import align, gradient_loss, median_and_deviation, normal_loss, trimmed_mae
from lift3d.train.task import Batch, Progress, Task

VALIDATION_SHARDS = 5
REFRESH = 50
"""Steps between two looks for new shards."""
MIN_OFFSET = 0.05


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(20_000, "optimiser steps of the whole run")
    batch: int = option(16, "pictures in a step, over all processes")
    rate: float = option(6e-4, "largest learning rate", tune=Range(6e-5, 3e-3, log=True))
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    validate: int = option(500, "steps between two validations")
    save: int = option(100, "steps between two checkpoints")
    width: int = option(48, "channels of the decoder at stride 4")
    height: int = option(192, "height of the training pictures in pixels; the width is 4/3 of it")
    smallest: int = option(
        0,
        "smallest height of the training pictures, of which each step takes one up to height; 0: height alone",
    )
    gradients: float = option(0.5, "weight of the loss of gradients", tune=Range(0.0, 2.0))
    normals: float = option(0.3, "weight of the loss of normals")
    held: int = option(240, "pictures of the validation set that are used")
    scenes: int = option(
        4000, "scenes that are rendered for training where the folder has none; four pictures of each"
    )


def prepare(pictures: Path, corpus: Path, config: Config, progress: Progress) -> None:
    """Render the scenes of a corpus that are missing, those for validation first, unless the folder has both splits."""
    if all(any(pictures.rglob(f"{split}-*.depth")) for split in ("train", "val")):
        return
    source = [Corpus(corpus)]
    write_scenes(source, pictures, "val", VALIDATION_SHARDS, progress)
    write_scenes(source, pictures, "train", -(-config.scenes // SCENES), progress)


class ImageToDepthTask(Task):
    """The training task. pictures: a folder that `lift3d corpus scenes` has written; shards may be added while it runs."""

    config: Config
    name = "image_to_depth"
    better = "delta1"

    def __init__(self, pictures: Path, config: Config) -> None:
        self.config = config
        self.train, self.val = DepthSet(pictures, "train"), DepthSet(pictures, "val")
        self.size = _size(config.height)
        self.sizes = [_size(h) for h in range(config.height, (config.smallest or config.height) - 1, -STRIDE)]

    def module(self) -> nn.Module:
        net = DepthUNet(self.config.width)
        net.backbone.load_state_dict(load_backbone().state_dict())
        net.freeze_early()
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def data(self) -> dict[str, Any]:
        return {"train": self.train.digest(), "val": self.val.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        if step % REFRESH == 0:
            self.train.refresh()
        indices = sample_indices(len(self.train), step, self.config.batch, self.config.seed)
        mine = list(enumerate(indices.tolist()))[rank::world]
        size = self.sizes[int(np.random.default_rng([self.config.seed, step]).integers(len(self.sizes)))]
        return collate(
            [
                depth_sample(self.train, i, size, np.random.default_rng([self.config.seed, step, k]))
                for k, i in mine
            ]
        )

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        image = batch["image"].to(memory_format=torch.channels_last)
        found, truth = module(image), batch["inverse"]
        valid = torch.ones_like(truth, dtype=torch.bool)
        residual = align(found.inverse[:, 0], valid) - align(truth, valid)
        error, gradients = trimmed_mae(residual, valid), gradient_loss(residual, valid)
        normals = normal_loss(found.normals, batch["normals"])
        t, s = median_and_deviation(truth, valid)
        wanted = torch.stack([batch["focal"].log(), (t / s).clamp(min=MIN_OFFSET).log()], 1)
        camera = nn.functional.smooth_l1_loss(found.camera, wanted)
        sky = nn.functional.binary_cross_entropy_with_logits(found.surface[:, 0], (truth > 0).to(truth.dtype))
        loss = (
            error + self.config.gradients * gradients + self.config.normals * normals + 0.1 * (camera + sky)
        )
        return {
            "loss": loss, "error": error, "gradients": gradients, "normals": normals, "camera": camera, "sky": sky,
        }  # fmt: skip

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Absolute relative error and delta1 after scale and shift are fitted in inverse depth, means over pictures; the mean
        cosine of normals; the mean absolute error of the logarithm of the focal length; the fraction of pixels that are
        rightly said to be sky or surface."""
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        device = next(module.parameters()).device
        errors, cosines, focals, skies = list[DepthErrors](), list[float](), list[float](), list[float]()
        for first in range(0, count, 16):
            samples = [depth_sample(self.val, int(i), self.size, None) for i in indices[first : first + 16]]
            images = torch.from_numpy(np.stack([s.image for s in samples])).to(
                device, memory_format=torch.channels_last
            )
            found = module(images)
            for k, sample in enumerate(samples):
                depth = np.where(sample.inverse > 0, 1 / np.maximum(sample.inverse, 1e-6), 0)
                errors.append(aligned_errors(found.inverse[k, 0].cpu().numpy(), depth))
                known = (sample.normals**2).sum(0) > 0.5
                cosines.append(float((found.normals[k].cpu().numpy() * sample.normals).sum(0)[known].mean()))
                focals.append(abs(float(found.camera[k, 0]) - float(np.log(sample.focal))))
                skies.append(float(((found.surface[k, 0].cpu().numpy() > 0) == (sample.inverse > 0)).mean()))
        return {
            "delta1": float(np.mean([e.delta1 for e in errors])), "abs_rel": float(np.mean([e.abs_rel for e in errors])),
            "normals": float(np.mean(cosines)), "log_focal": float(np.mean(focals)), "sky": float(np.mean(skies)),
        }  # fmt: skip


def _size(height: int) -> tuple[int, int]:
    """Height and width of pictures, multiples of STRIDE."""
    return max(height // STRIDE, 1) * STRIDE, max(height * 4 // 3 // STRIDE, 1) * STRIDE


def collate(samples: list[DepthSample]) -> Batch:
    """The tensors of a batch."""
    return {
        "image": torch.from_numpy(np.stack([s.image for s in samples])),
        "inverse": torch.from_numpy(np.stack([s.inverse for s in samples])),
        "normals": torch.from_numpy(np.stack([s.normals for s in samples])),
        "focal": torch.tensor([s.focal for s in samples], dtype=torch.float32),
    }
