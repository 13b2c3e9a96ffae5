"""Training of `image_to_voxels`: what space does the thing in the picture fill? On pictures of a corpus and its solids.

Loss: binary cross-entropy of the cells of the view, 1 - soft Dice (Milletari, Navab & Ahmadi 2016), the error of the depth
and of the pose, and the cross-entropy of the upright cells through the spatial transformer, whose gradient reaches both the
cells and the pose. `critic` > 0 adds a critic of shapes (Wasserstein GAN with gradient penalty, Gulrajani et al. 2017).
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
from lift3d.train.config import Schedule, option
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
    """What the task adds."""

    steps: int = option(12_000, "optimiser steps of the whole run")
    batch: int = option(24, "things in a step, over all processes")
    rate: float = option(1e-3, "largest learning rate")
    precision: str = option("bfloat16", "float32, or bfloat16 for the matrix products")
    kind: str = option("views", "views (the network) or plain (the baseline: one vector, 32 cells a side)")
    width: int = option(32, "channels at 64 pixels; the network's size goes with its square")
    layers: int = option(3, "of attention over the views")
    several: float = option(0.4, "share of steps with more than one picture of each thing")
    views: int = option(3, "pictures of a thing at most")
    faults: float = option(0.6, "share of pictures whose masks and crops are spoilt")
    pose: float = option(0.3, "weight of the error of the pose")
    depth: float = option(0.6, "weight of the error of the depth")
    upright: float = option(0.2, "weight of the upright cells")
    freeze: bool = option(False, "keep the image encoder as it is: for little data of your own")
    critic: float = option(0.0, "weight of the critic of shapes; 0 leaves it out")
    held: int = option(300, "pictures of the validation set that are looked at")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise InputError(f"there is no network called {self.kind}", f"choose from {', '.join(KINDS)}")
        if self.width % 8 or self.width < 8 or not 1 <= self.views <= 8:
            raise InputError(
                "width is a multiple of 8, and views are 1 to 8", "leave them out for the usual ones"
            )


class ImageToVoxelsTask(Task):
    """The task. pictures: a folder that `lift3d corpus render` wrote of `corpus`."""

    config: Config
    name = "image_to_voxels"
    better = "iou"

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        self.config = config
        held = Corpus(corpus)
        self.train, self.val = ViewSet(pictures, held, "train"), ViewSet(pictures, held, "val")

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
        numbers = sample_indices(len(self.train), step, c.batch, c.seed)
        rng = np.random.default_rng([c.seed, step])
        several = c.kind == "views" and c.views > 1 and rng.random() < c.several
        count = int(rng.integers(2, c.views + 1)) if several else 1
        mine = list(enumerate(numbers.tolist()))[rank::world]
        return collate([self._sample(i, count, np.random.default_rng([c.seed, step, k])) for k, i in mine])

    def _sample(self, number: int, count: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """The picture, others of its thing, and what is true of it; mirrored half of the time."""
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
        if c.freeze:  # or its normalisation would follow the new pictures
            module["net"].get_submodule("encoder").eval()
        said: Prediction = module["net"](batch["pictures"])
        truth = (batch["cells"].float() / 255 > 0.5).float()
        with torch.autocast(truth.device.type, enabled=False):
            entropy = nn.functional.binary_cross_entropy_with_logits(said.volume, truth)
            share = torch.sigmoid(said.volume)
            dice = soft_dice_loss(share, truth)
            pose, depth = pose_error(said, batch), depth_error(said, batch)
            straight = resample_upright(
                share, said.pose, batch["to_cells"], batch["far"], said.depth.clamp(-4, 4).exp(), UPRIGHT
            )[:, 0]
            seen = batch["upright"].float() / 255
            canonical = nn.functional.binary_cross_entropy(straight.clamp(1e-4, 1 - 1e-4), seen)
            losses = {"entropy": entropy, "dice": dice, "pose": pose, "depth": depth, "upright": canonical}
            total = entropy + dice + c.pose * pose + c.depth * depth + c.upright * canonical
            if c.critic > 0:
                fooled, judged = critic_losses(module["critic"], share, truth)
                # a critic's loss has no zero, so divergence is judged without it
                losses |= {"fooled": fooled, "judged": judged, "watched": total}
                total = total + c.critic * fooled + judged
        return {"loss": total, **losses}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """IoU in the cells of the view, at the best threshold, and with more pictures at the same (of every second thing);
        the error of depth and of up (median, degrees)."""
        assert isinstance(module, nn.ModuleDict)
        net, device = module["net"], next(module.parameters()).device
        count = min(self.config.held, len(self.val))
        numbers = np.linspace(0, len(self.val) - 1, count).astype(int)
        hits, depth, up = [], [], []
        for first in range(0, count, 20):
            views = [v for i in numbers[first : first + 20] if (v := self.val.view(int(i))) is not None]
            if not views:
                continue
            held = collate([make_sample(self.val, v, [], 1, GRID_SIZE) for v in views])
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                said: Prediction = net(held["pictures"].to(device))
            share = upsample(torch.sigmoid(said.volume)).cpu()
            truth = held["cells"] > 127
            hits.append(
                torch.stack([batch_iou_torch(share > float(t), truth) for t in THRESHOLDS], 1).numpy()
            )
            depth.append((said.depth.cpu() - held["depth"]).abs().numpy())
            cosine = (
                (rotation_from_6d(said.pose.cpu()[:, :6])[:, 2] * held["pose"][:, :3]).sum(1).clamp(-1, 1)
            )
            up.append(torch.rad2deg(torch.acos(cosine)).numpy())
        means = np.concatenate(hits).mean(0)
        best = int(means.argmax())
        more = {}
        if self.config.kind == "views" and self.config.views > 1:
            more = self._several(net, numbers[::2], float(THRESHOLDS[best]), device)
        return {
            "iou": float(means[best]),
            **more,
            "threshold": float(THRESHOLDS[best]),
            "depth_error": float(np.concatenate(depth).mean()),
            "up_error": float(np.median(np.concatenate(up))),
        }

    def _several(
        self, net: nn.Module, numbers: NDArray[np.int64], level: float, device: torch.device
    ) -> dict[str, float]:
        """What more pictures of the same things bring: IoU with as many as trained with, less that with one; and how wrong
        the depth still is."""
        count, gains, wrong = self.config.views, [], []
        for first in range(0, len(numbers), 12):
            samples = []
            for i in numbers[first : first + 12]:
                view = self.val.view(int(i))
                if view is None:
                    continue
                own = self.val.views[view.shape]
                others = np.random.default_rng([7, int(i)]).permutation(own[own != view.number])
                samples.append(make_sample(self.val, view, others.tolist(), count, GRID_SIZE))
            if not samples:
                continue
            held = collate(samples)
            truth, pictures = held["cells"] > 127, held["pictures"].to(device)
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                one, several = net(pictures[:, :1]), net(pictures)
            hits = [batch_iou_torch(torch.sigmoid(v.volume).cpu() > level, truth) for v in (one, several)]
            wrong.append((several.depth.cpu() - held["depth"]).abs().numpy())
            gains.append((hits[1] - hits[0]).numpy())
        if not gains:
            return {}
        return {
            f"gain_of_{count}": float(np.concatenate(gains).mean()),
            f"depth_error_of_{count}": float(np.concatenate(wrong).mean()),
        }


def make_sample(
    solids: ViewSet, view: View, others: list[int], count: int, cells: int
) -> dict[str, NDArray[Any]]:
    """Arrays of one thing: pictures (count, 4, 128, 128), its own repeated where there are no more."""
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
    # the spatial transformer counts in lateral lengths from the depth of w = 0
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
    """The thing in a mirror that stands upright beside the camera; in its upright frame it is mirrored across `axis`."""
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


def pose_error(said: Prediction, batch: Batch) -> torch.Tensor:
    """Mean error of up, front, middle and size."""
    turn, truth = rotation_from_6d(said.pose[:, :6]), batch["pose"]
    up = 1 - (turn[:, 2] * truth[:, :3]).sum(1)
    front = 1 - (turn[:, 0] * truth[:, 3:6]).sum(1)
    place = nn.functional.smooth_l1_loss(said.pose[:, 6:], truth[:, 6:], beta=0.1)
    return up.mean() + 0.2 * front.mean() + place


def depth_error(said: Prediction, batch: Batch) -> torch.Tensor:
    """Mean error of the log of the depth: cells that are right in themselves overlap no more than the depth they are given."""
    return nn.functional.smooth_l1_loss(said.depth, batch["depth"], beta=0.1)


def upsample(share: torch.Tensor) -> torch.Tensor:
    """(B, 64, 64, 64) of shares of any number of cells."""
    if share.shape[-1] == GRID_SIZE:
        return share
    return nn.functional.interpolate(share[:, None], (GRID_SIZE,) * 3, mode="trilinear", align_corners=False)[
        :, 0
    ]
