"""Training of `image_to_layers`: the visible surface of a cut-out object and the thickness behind it, by a U-Net on a pre-trained
backbone.

The data are rendered pictures of a corpus; the truth is rasterised from its meshes, and thickness is measured in its voxels.

Losses: the absolute error of the visible surface, before and after its median is aligned (a photo does not tell how far away the
middle of an object is), the gradients of the residual at four scales (Ranftl et al. 2020), the absolute error of the logarithm of
the thickness and of the depth extent, and the angle of the normals. The first blocks of the backbone are not trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.inference.backbone import load_backbone
from lift3d.nets.dense.guided_unet import STRIDE
from lift3d.nets.dense.layered_depth_unet import LayeredDepth, LayeredDepthUNet
from lift3d.train.config import Schedule, option
from lift3d.train.data.layered_views import LayeredSample, layered_sample
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.view_set import ViewSet, further_views
from lift3d.train.depth_losses import gradient_loss, median_and_deviation, normal_loss
from lift3d.train.depth_start import start_with_depth
from lift3d.train.task import Batch, Task
from lift3d.types import F32

NEAR, RATIO = 0.05, 0.25
"""Errors of the aligned surface, in half widths, and of the logarithm of the thickness, below which a pixel counts as right."""


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(10_000, "optimiser steps of the whole run")
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
    normals: float = option(0.3, "weight of the loss of normals")
    thickness: float = option(0.3, "weight of the loss of the thickness")
    held: int = option(240, "validation pictures that are used")
    more: str = option(
        "",
        "a further corpus to train on and its pictures, CORPUS:PICTURES, such as made shapes; default: none",
    )


class ImageToLayersTask(Task):
    """The training task. pictures: a folder in which `lift3d corpus render` has rendered `corpus`, best with --size 256."""

    config: Config
    name = "image_to_layers"
    better = "right"

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        self.config = config
        self.side = max(config.side // STRIDE, 1) * STRIDE
        self.sets, self.val = (
            [ViewSet(pictures, Corpus(corpus), "train"), *further_views(config.more)],
            ViewSet(pictures, Corpus(corpus), "val"),
        )

    def module(self) -> nn.Module:
        net = LayeredDepthUNet(self.config.width)
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
        return collate([self._train_sample(i, np.random.default_rng([c.seed, step, k])) for k, i in mine])

    def _train_sample(self, number: int, rng: np.random.Generator) -> LayeredSample:
        """The sample of picture `number` of all sets, or of the next one of its set that shows enough of its object."""
        views = self.sets[0]
        for views in self.sets:
            if number < len(views):
                break
            number -= len(views)
        while True:
            view = views.view(number, rng)
            if view is not None:
                sample = layered_sample(views, view, self.side, bool(rng.random() < 0.5))
                if sample.known.any():
                    return sample
            number = (number + 1) % len(views)

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        found = module(batch["image"].to(memory_format=torch.channels_last))
        known, truth = batch["known"], batch["nearness"]
        residual = found.nearness[:, 0] - truth
        middle, _ = median_and_deviation(residual, known)
        aligned = residual - middle[:, None, None]
        surface, place = mean_of(aligned.abs(), known), mean_of(residual.abs(), known)
        gradients = gradient_loss(aligned, known)
        thickness = mean_of((found.thickness[:, 0] - batch["thickness"].clamp(min=1e-3).log()).abs(), known)
        normals = normal_loss(found.normals, batch["normals"])
        extent = (found.extent - batch["extent"].log()).abs().mean()
        loss = (
            surface + 0.3 * place + self.config.gradients * gradients + self.config.thickness * thickness
            + self.config.normals * normals + 0.1 * extent
        )  # fmt: skip
        return {
            "loss": loss, "surface": surface, "gradients": gradients, "thickness": thickness, "normals": normals,
            "extent": extent,
        }  # fmt: skip

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Fractions of pixels whose aligned surface is within NEAR half widths (`near`) and whose thickness is within a factor of
        exp(RATIO) (`thick`), and `right`, their mean; the mean cosine of normals; mean absolute errors of the surface, of the
        logarithms of thickness and of extent; the median ratio of predicted to true volume under the visible surface."""
        count = min(self.config.held, len(self.val))
        device = next(module.parameters()).device
        rows = []
        for first in range(0, count, 12):
            samples = []
            for k in range(first, min(first + 12, count)):
                view = self.val.view(k * len(self.val) // count)
                if view is not None:
                    samples.append(layered_sample(self.val, view, self.side))
            samples = [s for s in samples if s.known.any()]
            if not samples:
                continue
            images = torch.from_numpy(np.stack([s.image for s in samples]))
            found = module(images.to(device, memory_format=torch.channels_last))
            rows += [errors(found, k, sample) for k, sample in enumerate(samples)]
        means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name != "volume"}
        means["right"] = (means["near"] + means["thick"]) / 2
        return means | {"volume": float(np.median([row["volume"] for row in rows]))}


def errors(found: LayeredDepth, k: int, sample: LayeredSample) -> dict[str, float]:
    """The errors of prediction k for a sample; see `validate`."""
    log_thickness = found.thickness[k, 0].cpu().numpy()
    maps = found.nearness[k, 0].cpu().numpy(), np.exp(log_thickness), found.normals[k].cpu().numpy()
    ratio = log_thickness[sample.known] - np.log(sample.thickness[sample.known])
    return layer_errors(*maps, sample) | {
        "log_thickness": float(np.abs(ratio).mean()),
        "log_extent": abs(float(found.extent[k]) - float(np.log(sample.extent))),
    }


def layer_errors(nearness: F32, thickness: F32, normals: F32, sample: LayeredSample) -> dict[str, float]:
    """Errors of maps (m, m), normals (3, m, m), where the surface of a sample is known: of
    the surface after its median is aligned, in half widths of the crop, the share of pixels within NEAR, that of pixels whose
    thickness is within a factor of exp(RATIO), the mean cosine of normals, and the ratio of volumes."""
    known = sample.known
    residual = (nearness - sample.nearness)[known]
    residual = np.abs(residual - np.median(residual))
    true = sample.thickness[known]
    ratio = np.log(thickness[known] / true)
    cosine = (normals * sample.normals).sum(0)[known]
    return {
        "surface": float(residual.mean()), "near": float((residual < NEAR).mean()),
        "thick": float((np.abs(ratio) < RATIO).mean()), "cosine": float(cosine.mean()),
        "volume": float(thickness[known].sum() / true.sum()),
    }  # fmt: skip


def mean_of(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of the means over known pixels of values (B, H, W)."""
    total = (values * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
    return total.mean()


def collate(samples: list[LayeredSample]) -> Batch:
    """The tensors of a batch."""
    return {
        "image": torch.from_numpy(np.stack([s.image for s in samples])),
        "nearness": torch.from_numpy(np.stack([s.nearness for s in samples])),
        "thickness": torch.from_numpy(np.stack([s.thickness for s in samples])),
        "normals": torch.from_numpy(np.stack([s.normals for s in samples])),
        "known": torch.from_numpy(np.stack([s.known for s in samples])),
        "extent": torch.tensor([s.extent for s in samples], dtype=torch.float32),
    }
