"""Pre-training without labels: random blocks of a picture are hidden, and the network reconstructs them
(nets/masked_autoencoder.py).

`lift3d train image-to-voxels --init-from runs/masked-pictures` continues with its encoder. Loss: mean squared error of the hidden
blocks (He et al. 2022), on objects cut out as for `image_to_voxels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.errors import InputError
from lift3d.geometry.image.crop import square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.nets.masked_autoencoder import MaskedImageAutoencoder, expand_mask
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.views_to_volume import IMAGE_SIZE
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.picture_set import PictureSet
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.view_set import LEAST
from lift3d.train.task import Batch, Task
from lift3d.train.tasks.masked_voxels import random_blocks
from lift3d.types import F32


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task. With the width of image-to-voxels, the encoder can initialise that network."""

    steps: int = option(2_000, "optimiser steps of the whole run")
    batch: int = option(32, "pictures in a step, over all processes")
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    width: int = option(32, "channels at 64 pixels")
    hidden: float = option(
        0.6, "fraction of the blocks of 16 pixels a side that are hidden", tune=Range(0.3, 0.9)
    )
    held: int = option(240, "pictures of the validation set that are used")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 8 or not 0 < self.hidden < 1 or self.held < 1:
            raise InputError(
                "width must be at least 8, hidden between 0 and 1, and held at least 1",
                "omit the options for their defaults",
            )


class MaskedPicturesTask(Task):
    """The training task. pictures: a folder that `lift3d corpus render` has written."""

    config: Config
    name = "masked_pictures"
    better = "explained"

    def __init__(self, pictures: Path, config: Config) -> None:
        self.config = config
        self.train, self.val = PictureSet(pictures, "train"), PictureSet(pictures, "val")

    def module(self) -> nn.Module:
        net = MaskedImageAutoencoder(self.config.width)
        for part in net.modules():
            if isinstance(part, nn.Conv2d):
                part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return nn.ModuleDict({"net": net})

    def data(self) -> dict[str, Any]:
        return {"train": self.train.digest(), "val": self.val.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        pictures, hidden = [], []
        indices = sample_indices(len(self.train), step, c.batch, c.seed)
        for k, i in list(enumerate(indices.tolist()))[rank::world]:
            rng = np.random.default_rng([c.seed, step, k])
            seen = masked_input(self.train, i)
            pictures.append(np.ascontiguousarray(seen[..., ::-1]) if rng.random() < 0.5 else seen)
            hidden.append(random_blocks(rng, c.hidden, 2))
        return {
            "pictures": torch.from_numpy(np.stack(pictures)),
            "hidden": torch.from_numpy(np.stack(hidden)),
        }

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, nn.ModuleDict)
        predicted = module["net"](batch["pictures"], batch["hidden"])
        with torch.autocast(predicted.device.type, enabled=False):
            hidden_pixels = expand_mask(batch["hidden"], IMAGE_SIZE)[:, None].float()
            error = ((predicted - batch["pictures"]).square() * hidden_pixels).sum() / (
                4 * hidden_pixels.sum()
            )
        return {"loss": error}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean squared error of the hidden blocks, and the explained fraction of the variance about each channel's mean."""
        assert isinstance(module, nn.ModuleDict)
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        device = next(module.parameters()).device
        errors, values = [], []
        for first in range(0, count, 32):
            some = [int(i) for i in indices[first : first + 32]]
            hidden = np.stack(
                [random_blocks(np.random.default_rng([3, i]), self.config.hidden, 2) for i in some]
            )
            truth = torch.from_numpy(np.stack([masked_input(self.val, i) for i in some]))
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                predicted = module["net"](truth.to(device), torch.from_numpy(hidden).to(device)).cpu()
            hidden_pixels = expand_mask(torch.from_numpy(hidden), IMAGE_SIZE)
            errors.append((predicted - truth).square().mean(1)[hidden_pixels])
            values.append(truth.permute(0, 2, 3, 1)[hidden_pixels])
        error, variance = torch.cat(errors).mean(), torch.cat(values).var(0, correction=0).mean()
        return {"explained": float(1 - error / variance.clamp(min=1e-9)), "error": float(error)}


def masked_input(pictures: PictureSet, number: int) -> F32:
    """The cropped cut-out (4, 128, 128) of picture `number`, or of the next picture in which enough of the object is visible.

    InputError where there is no such picture."""
    for _ in range(len(pictures)):
        mask = pictures.mask(number)
        if int(mask.sum()) >= LEAST:
            alpha = mask.astype(np.uint8) * 255
            return cut_out(pictures.rgb(number), alpha, square_crop(mask), IMAGE_SIZE)
        number = (number + 1) % len(pictures)
    raise InputError(
        "no picture shows enough of its object", "render other pictures with lift3d corpus render"
    )
