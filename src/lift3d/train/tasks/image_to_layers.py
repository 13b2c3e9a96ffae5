"""Training of `image_to_layers`: the visible surface of a cut-out object and the thickness behind it, by a U-Net on a pre-trained
backbone.

The data are rendered pictures of a corpus; the truth is rasterised from its meshes, and thickness is measured in its voxels.

Losses: the absolute error of the visible surface, before and after its median is aligned (a photo does not tell how far away the
middle of an object is), the gradients of the residual at four scales (Ranftl et al. 2020), the absolute error of the logarithm of
the thickness and of the depth extent, and the angle of the normals. The first blocks of the backbone are not trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lift3d.nets.dense.layered_depth_unet import CutoutUNet, LayeredDepth, LayeredDepthUNet
from lift3d.train.config import Range, option
from lift3d.train.data.layered_views import LayeredSample, layered_sample
from lift3d.train.data.view_set import View, ViewSet
from lift3d.train.depth_losses import gradient_loss, median_and_deviation, normal_loss
from lift3d.train.task import Batch
from lift3d.train.tasks.cutout_task import CutoutConfig, CutoutTask
from lift3d.types import F32

NEAR, RATIO = 0.05, 0.25
"""Errors of the aligned surface, in half widths, and of the logarithm of the thickness, below which a pixel counts as right."""


@dataclass(frozen=True)
class Config(CutoutConfig):
    """Options of the task."""

    normals: float = option(0.3, "weight of the loss of normals", tune=Range(0.03, 3.0, log=True))
    thickness: float = option(0.3, "weight of the loss of the thickness", tune=Range(0.03, 3.0, log=True))


class ImageToLayersTask(CutoutTask[LayeredSample]):
    """The training task."""

    config: Config
    name = "image_to_layers"
    better = "right"

    def network(self) -> CutoutUNet:
        """The untrained `LayeredDepthUNet`."""
        return LayeredDepthUNet(self.config.width)

    def sample(self, views: ViewSet, view: View, flipped: bool = False) -> LayeredSample:
        """The sample of a view at the side of the training."""
        return layered_sample(views, view, self.side, flipped)

    def collate(self, samples: list[LayeredSample]) -> Batch:
        """The tensors of a batch."""
        return collate(samples)

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
        rows = [errors(found, k, sample) for found, k, sample in self.validated(module)]
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
