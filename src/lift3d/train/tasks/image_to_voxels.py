"""Training of `image_to_voxels`, the occupancy of the object in one or more pictures, on a corpus' shapes and their pictures.

Loss: binary cross-entropy in the voxels of the view, the soft Dice loss, the errors of depth and pose, and the cross-entropy of
the upright voxels, whose gradient passes through the spatial transformer to both occupancy and pose. `critic` > 0 adds a critic
of shapes (Wasserstein GAN with gradient penalty, nets/wgan.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.geometry.metrics.iou import batch_iou_torch
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.rotation6d import rotation_from_6d
from lift3d.nets.views_to_volume import GRID_SIZE, EncoderDecoder, Prediction, ViewsToVolume, resample_upright
from lift3d.nets.wgan import Critic, critic_losses
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.sampling import collate, sample_indices
from lift3d.train.data.view_set import (
    UPRIGHT,
    View,
    ViewSet,
    network_input,
    symmetry_axis,
    upright_target,
    view_pose,
    view_target,
)
from lift3d.train.losses import soft_dice_loss
from lift3d.train.task import Batch, Task

KINDS = ("views", "plain")
THRESHOLDS = np.round(np.arange(0.25, 0.71, 0.05), 2)


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(12_000, "optimiser steps of the whole run")
    batch: int = option(24, "objects in a step, over all processes")
    rate: float = option(1e-3, "largest learning rate", tune=Range(1e-4, 6e-3, log=True))
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    kind: str = option(
        "views", "views (the network) or plain (the encoder-decoder baseline with 32 voxels a side)"
    )
    width: int = option(32, "channels at 64 pixels; the network's size grows with its square")
    layers: int = option(3, "transformer layers over the views")
    several: float = option(0.4, "fraction of steps with more than one picture of each object")
    views: int = option(3, "largest number of pictures of an object")
    faults: float = option(0.6, "fraction of pictures with corrupted masks and jittered crops", Range(0, 0.9))
    pose: float = option(0.3, "weight of the pose error", tune=Range(0.03, 3.0, log=True))
    depth: float = option(0.6, "weight of the depth error", tune=Range(0.06, 6.0, log=True))
    upright: float = option(0.2, "weight of the upright voxels", tune=Range(0.02, 2.0, log=True))
    freeze: bool = option(False, "freeze the image encoder: for small data sets of your own")
    critic: float = option(0.0, "weight of the critic of shapes; 0: none")
    held: int = option(300, "pictures of the validation set that are used")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise InputError(f"there is no network called {self.kind}", f"choose from {', '.join(KINDS)}")
        if self.width % 8 or self.width < 8 or not 1 <= self.views <= 8:
            raise InputError(
                "width must be a multiple of 8, and views 1 to 8", "omit the options for their defaults"
            )


class ImageToVoxelsTask(Task):
    """The training task. pictures: a folder in which `lift3d corpus render` has rendered `corpus`."""

    config: Config
    name = "image_to_voxels"
    better = "iou"

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        self.train, self.val = ViewSet(pictures, dataset, "train"), ViewSet(pictures, dataset, "val")

    def module(self) -> nn.Module:
        c = self.config
        net: nn.Module = EncoderDecoder(c.width) if c.kind == "plain" else ViewsToVolume(c.width, c.layers)
        for part in net.modules():
            if isinstance(part, nn.Conv2d):
                part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if c.freeze:
            net.get_submodule("encoder").requires_grad_(False)
        return (
            nn.ModuleDict({"net": net, "critic": Critic()}) if c.critic > 0 else nn.ModuleDict({"net": net})
        )

    def data(self) -> dict[str, Any]:
        return {"train": self.train.pictures.digest(), "val": self.val.pictures.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(len(self.train), step, c.batch, c.seed)
        rng = np.random.default_rng([c.seed, step])
        several = c.kind == "views" and c.views > 1 and rng.random() < c.several
        count = int(rng.integers(2, c.views + 1)) if several else 1
        mine = list(enumerate(indices.tolist()))[rank::world]
        return collate([self._sample(i, count, np.random.default_rng([c.seed, step, k])) for k, i in mine])

    def _sample(self, number: int, count: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """A picture, other pictures of its object, and the ground truth; reflected with probability 1/2."""
        view = None
        while view is None:
            view = self.train.view(number, rng if rng.random() < self.config.faults else None)
            number = int(rng.integers(len(self.train)))
        own = self.train.views[view.shape]
        others = [int(i) for i in rng.permutation(own[own != view.number])]
        cells = GRID_SIZE // 2 if self.config.kind == "plain" else GRID_SIZE
        out = make_sample(self.train, view, others, count, cells)
        return (
            mirror_sample(out, symmetry_axis(self.train.corpus.inside(view.shape)))
            if rng.random() < 0.5
            else out
        )

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, nn.ModuleDict)
        c = self.config
        if c.freeze:  # otherwise the encoder's normalisation statistics would change
            module["net"].get_submodule("encoder").eval()
        prediction: Prediction = module["net"](batch["pictures"])
        truth = (batch["cells"].float() / 255 > 0.5).float()
        with torch.autocast(truth.device.type, enabled=False):
            entropy = nn.functional.binary_cross_entropy_with_logits(prediction.volume, truth)
            probability = torch.sigmoid(prediction.volume)
            dice = soft_dice_loss(probability, truth)
            pose, depth = pose_error(prediction, batch), depth_error(prediction, batch)
            upright_voxels = resample_upright(
                probability,
                prediction.pose,
                batch["to_cells"],
                batch["far"],
                prediction.depth.clamp(-4, 4).exp(),
                UPRIGHT,
            )[:, 0]
            upright_truth = batch["upright"].float() / 255
            canonical = nn.functional.binary_cross_entropy(
                upright_voxels.clamp(1e-4, 1 - 1e-4), upright_truth
            )
            losses = {"entropy": entropy, "dice": dice, "pose": pose, "depth": depth, "upright": canonical}
            total = entropy + dice + c.pose * pose + c.depth * depth + c.upright * canonical
            if c.critic > 0:
                generator_loss, critic_loss = critic_losses(module["critic"], probability, truth)
                # a critic's loss has no lower bound, so that divergence is detected without it
                losses |= {"fooled": generator_loss, "judged": critic_loss, "watched": total}
                total = total + c.critic * generator_loss + critic_loss
        return {"loss": total, **losses}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """IoU in the voxels of the view at the best threshold; the gain by more pictures at the same threshold, for every second
        picture; the mean depth error, and the median error of the up axis in degrees."""
        assert isinstance(module, nn.ModuleDict)
        net, device = module["net"], next(module.parameters()).device
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        ious, depth, up = [], [], []
        for first in range(0, count, 20):
            views = [v for i in indices[first : first + 20] if (v := self.val.view(int(i))) is not None]
            if not views:
                continue
            batch = collate([make_sample(self.val, v, [], 1, GRID_SIZE) for v in views])
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                prediction: Prediction = net(batch["pictures"].to(device))
            probability = upsample(torch.sigmoid(prediction.volume)).cpu()
            truth = batch["cells"] > 127
            ious.append(
                torch.stack([batch_iou_torch(probability > float(t), truth) for t in THRESHOLDS], 1).numpy()
            )
            depth.append((prediction.depth.cpu() - batch["depth"]).abs().numpy())
            cosine = (
                (rotation_from_6d(prediction.pose.cpu()[:, :6])[:, 2] * batch["pose"][:, :3])
                .sum(1)
                .clamp(-1, 1)
            )
            up.append(torch.rad2deg(torch.acos(cosine)).numpy())
        means = np.concatenate(ious).mean(0)
        best = int(means.argmax())
        more = {}
        if self.config.kind == "views" and self.config.views > 1:
            more = self._several(net, indices[::2], float(THRESHOLDS[best]), device)
        return {
            "iou": float(means[best]),
            **more,
            "threshold": float(THRESHOLDS[best]),
            "depth_error": float(np.concatenate(depth).mean()),
            "up_error": float(np.median(np.concatenate(up))),
        }

    def _several(
        self, net: nn.Module, indices: NDArray[np.int64], level: float, device: torch.device
    ) -> dict[str, float]:
        """The gain in IoU by `views` pictures of an object over one picture, and the depth error with `views` pictures; empty
        where no object is visible."""
        count, gains, depth_errors = self.config.views, [], []
        for first in range(0, len(indices), 12):
            samples = []
            for i in indices[first : first + 12]:
                view = self.val.view(int(i))
                if view is None:
                    continue
                own = self.val.views[view.shape]
                others = np.random.default_rng([7, int(i)]).permutation(own[own != view.number])
                samples.append(make_sample(self.val, view, others.tolist(), count, GRID_SIZE))
            if not samples:
                continue
            batch = collate(samples)
            truth, pictures = batch["cells"] > 127, batch["pictures"].to(device)
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                one, several = net(pictures[:, :1]), net(pictures)
            ious = [batch_iou_torch(torch.sigmoid(v.volume).cpu() > level, truth) for v in (one, several)]
            depth_errors.append((several.depth.cpu() - batch["depth"]).abs().numpy())
            gains.append((ious[1] - ious[0]).numpy())
        if not gains:
            return {}
        return {
            f"gain_of_{count}": float(np.concatenate(gains).mean()),
            f"depth_error_of_{count}": float(np.concatenate(depth_errors).mean()),
        }


def make_sample(
    solids: ViewSet, view: View, others: list[int], count: int, cells: int
) -> dict[str, NDArray[Any]]:
    """The arrays of one sample: pictures (count, 4, 128, 128), repeated where the object has fewer pictures, and the ground
    truth."""
    pictures = [network_input(view)]
    for number in others:
        if len(pictures) == count:
            break
        more = solids.view(number)
        if more is not None:
            pictures.append(network_input(more))
    pictures += [pictures[k % len(pictures)] for k in range(count - len(pictures))]
    levels, height = solids.levels(view.shape), solids.height(view.shape)
    frame = view.frame
    # The spatial transformer's unit is the lateral extent; its origin is at the depth of w = 0.
    return {
        "pictures": np.stack(pictures),
        "cells": view_target(view, levels, cells),
        "upright": upright_target(levels, height),
        "depth": np.array(np.log(frame.half_depth / frame.half_width), np.float32),
        "pose": view_pose(view, height),
        "to_cells": frame.homography.astype(np.float32),
        "far": np.array(frame.centre_depth / frame.half_width, np.float32),
    }


def mirror_sample(sample: dict[str, NDArray[Any]], axis: int) -> dict[str, NDArray[Any]]:
    """The sample reflected in x of the camera; in its upright frame the shape is reflected in `axis`."""
    out = dict(sample)
    side = np.array([-1, 1, 1], np.float32)
    for name in ("pictures", "cells"):
        out[name] = np.ascontiguousarray(sample[name][..., ::-1])
    out["upright"] = np.ascontiguousarray(np.flip(sample["upright"], axis))
    pose = sample["pose"].copy()
    pose[:3] *= side
    pose[3:6] *= side if axis == 1 else -side
    pose[6:9] *= side
    out["pose"] = pose
    out["to_cells"] = np.diag(side) @ sample["to_cells"] @ np.diag(side)
    return out


def pose_error(prediction: Prediction, batch: Batch) -> torch.Tensor:
    """Weighted mean errors of up, front, centre and size: a scalar."""
    rotation, truth = rotation_from_6d(prediction.pose[:, :6]), batch["pose"]
    up = 1 - (rotation[:, 2] * truth[:, :3]).sum(1)
    front = 1 - (rotation[:, 0] * truth[:, 3:6]).sum(1)
    offset = nn.functional.smooth_l1_loss(prediction.pose[:, 6:], truth[:, 6:], beta=0.1)
    return up.mean() + 0.2 * front.mean() + offset


def depth_error(prediction: Prediction, batch: Batch) -> torch.Tensor:
    """Smooth L1 error of the log depth extent: a scalar. A correct shape with a wrong depth extent has a small IoU with the
    truth."""
    return nn.functional.smooth_l1_loss(prediction.depth, batch["depth"], beta=0.1)


def upsample(probability: torch.Tensor) -> torch.Tensor:
    """Occupancy of any grid size, trilinearly interpolated to (B, 64, 64, 64)."""
    if probability.shape[-1] == GRID_SIZE:
        return probability
    return nn.functional.interpolate(
        probability[:, None], (GRID_SIZE,) * 3, mode="trilinear", align_corners=False
    )[:, 0]
