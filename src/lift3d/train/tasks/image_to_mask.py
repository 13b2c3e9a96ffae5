"""Training of `image_to_mask`: the mask of the object in a picture, by a U-Net on pictures of the corpus.

Loss: binary cross-entropy plus the soft Dice loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.pictures.photographs import Photographs
from lift3d.geometry.metrics.iou import batch_iou
from lift3d.nets.mask_unet import create_mask_unet
from lift3d.train.config import Schedule, option
from lift3d.train.data.copy_paste import CopyPaste
from lift3d.train.data.picture_set import PictureSet
from lift3d.train.data.sampling import sample_indices
from lift3d.train.losses import soft_dice_loss
from lift3d.train.task import Batch, Task

MEAN, SPREAD = 0.45, 0.25
THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(6_000, "optimiser steps of the whole run")
    batch: int = option(24, "pictures in a step, over all processes")
    rate: float = option(2e-3, "largest learning rate")
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    width: int = option(16, "channels at full size; the network's size grows with its square")
    paste: float = option(0.5, "fraction of pictures whose object is cut out and pasted onto another picture")
    photographs: str = option(
        "",
        "folder of photographs and cut-outs to paste (from lift3d corpus photographs); default: renders alone",
    )
    held: int = option(600, "pictures of the validation set that are used")


class ImageToMaskTask(Task):
    """The training task. pictures: a folder that `lift3d corpus render` has written."""

    config: Config
    name = "image_to_mask"
    better = "iou"

    def __init__(self, pictures: Path, config: Config) -> None:
        self.config = config
        self.train, self.val = PictureSet(pictures, "train"), PictureSet(pictures, "val")
        splits = ("train", "val")
        real = [Photographs(config.photographs, x) if config.photographs else None for x in splits]
        self.scenes = {
            x: CopyPaste(sets, more) for x, sets, more in zip(splits, (self.train, self.val), real)
        }

    @cached_property
    def side(self) -> int:
        """Pixels along each side of the pictures."""
        return len(self.train.mask(0))

    def module(self) -> nn.Module:
        return create_mask_unet(self.config.width).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def data(self) -> dict[str, Any]:
        out = {"train": self.train.digest(), "val": self.val.digest()}
        for split, scenes in self.scenes.items():
            if scenes.photographs is not None:
                out[f"photographs_{split}"] = scenes.photographs.digest()
        return out

    def batch(self, step: int, rank: int, world: int) -> Batch:
        indices = sample_indices(len(self.train), step, self.config.batch, self.config.seed)
        mine = list(enumerate(indices.tolist()))[rank::world]
        pairs = [self._sample(i, np.random.default_rng([self.config.seed, step, k])) for k, i in mine]
        return {
            "image": torch.from_numpy(np.stack([image for image, _ in pairs])),
            "mask": torch.from_numpy(np.stack([mask for _, mask in pairs])),
        }

    def _sample(self, i: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Normalised image (3, S, S) and mask (1, S, S), flipped and tinted at random."""
        if rng.random() < self.config.paste:
            codes, mask = self.scenes["train"].scene(i, rng, self.side)
        else:
            codes, mask = self.train.rgb(i), self.train.mask(i)
        rgb = to_unit_range(codes)
        if rng.random() < 0.5:
            rgb, mask = rgb[:, ::-1], mask[:, ::-1]
        if rng.random() < 0.08:
            rgb = np.repeat(rgb @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, 2)
        if rng.random() < 0.5:
            rgb = (rgb * rng.uniform(0.8, 1.2, 3) + rng.uniform(-0.06, 0.06)).astype(np.float32)
        return normalise(rgb), np.ascontiguousarray(mask[None], np.float32)

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        logits, truth = module(batch["image"]).float(), batch["mask"]
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, truth)
        probability = torch.sigmoid(logits)
        dice = soft_dice_loss(probability, truth)
        return {"loss": entropy + dice, "entropy": entropy, "dice": dice}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean IoU over pictures at the best threshold, and the threshold. With `paste`, every second object is pasted onto
        another picture."""
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        hits = np.zeros((count, len(THRESHOLDS)))
        device = next(module.parameters()).device
        for first in range(0, count, 24):
            some = indices[first : first + 24]
            pairs = [self._validation_sample(int(i), k) for k, i in enumerate(some, first)]
            images = np.stack([normalise(to_unit_range(codes)) for codes, _ in pairs])
            logits = torch.sigmoid(module(torch.from_numpy(images).to(device)).float()).cpu().numpy()[:, 0]
            truth = np.stack([mask for _, mask in pairs])
            for k, level in enumerate(THRESHOLDS):
                hits[first : first + len(some), k] = batch_iou(logits > level, truth)
        means = hits.mean(0)
        best = int(means.argmax())
        out = {"iou": float(means[best]), "threshold": float(THRESHOLDS[best])}
        if self.config.paste > 0:
            out |= {
                "as_rendered": float(hits[::2, best].mean()),
                "set_before": float(hits[1::2, best].mean()),
            }
        return out

    def _validation_sample(self, i: int, k: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Picture i and its mask, as the k-th sample of the validation: as rendered, or with the object pasted onto another
        picture."""
        if k % 2 and self.config.paste > 0:
            return self.scenes["val"].scene(i, np.random.default_rng([11, i]), self.side)
        return self.val.rgb(i), self.val.mask(i)


def to_unit_range(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB codes as float32 in [0, 1]."""
    return (rgb / np.float32(255)).astype(np.float32)


def normalise(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's input (3, H, W) from an image (H, W, 3) in [0, 1]."""
    return np.ascontiguousarray(((rgb - MEAN) / SPREAD).transpose(2, 0, 1), np.float32)
