"""Pre-training without labels: random blocks of a picture are hidden, and the network tells what they show
(nets/masked_autoencoder.py).

`lift3d train image-to-voxels --init-from runs/masked-pictures` goes on with its encoder. Loss: squared error of the hidden
blocks (He et al. 2022), of things cut out as `image_to_voxels` sees them.
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
from lift3d.train.config import Schedule, option
from lift3d.train.data.picture_set import PictureSet
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.view_set import LEAST
from lift3d.train.task import Batch, Task
from lift3d.train.tasks.masked_voxels import random_blocks
from lift3d.types import F32


@dataclass(frozen=True)
class Config(Schedule):
    """What the task adds; width as that of image-to-voxels, or the encoder is not taken over."""

    steps: int = option(2_000, "optimiser steps of the whole run")
    batch: int = option(32, "pictures in a step, over all processes")
    precision: str = option("bfloat16", "float32, or bfloat16 for the matrix products")
    warmup: int = option(
        100, "steps over which the rate rises from nothing; after them it falls along a cosine"
    )
    average: float = option(0.995, "how slowly the averaged weights follow; they are the ones that are kept")
    width: int = option(32, "channels at 64 pixels")
    hidden: float = option(0.6, "share of the blocks of 16 pixels a side that are hidden")
    held: int = option(240, "pictures of the validation set that are looked at")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 8 or not 0 < self.hidden < 1 or self.held < 1:
            raise InputError(
                "width is 8 or more, hidden between 0 and 1, held 1 or more",
                "leave them out for the usual ones",
            )


class MaskedPicturesTask(Task):
    """The task. pictures: a folder that `lift3d corpus render` wrote."""

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
        numbers = sample_indices(len(self.train), step, c.batch, c.seed)
        for k, i in list(enumerate(numbers.tolist()))[rank::world]:
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
        said = module["net"](batch["pictures"], batch["hidden"])
        with torch.autocast(said.device.type, enabled=False):
            asked = expand_mask(batch["hidden"], IMAGE_SIZE)[:, None].float()
            error = ((said - batch["pictures"]).square() * asked).sum() / (4 * asked.sum())
        return {"loss": error}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean squared error of the hidden blocks, and how much of it is explained beyond saying what is usual: the mean of
        each channel over all that is looked at."""
        assert isinstance(module, nn.ModuleDict)
        count = min(self.config.held, len(self.val))
        numbers = np.linspace(0, len(self.val) - 1, count).astype(int)
        device = next(module.parameters()).device
        errors, values = [], []
        for first in range(0, count, 32):
            some = [int(i) for i in numbers[first : first + 32]]
            hidden = np.stack(
                [random_blocks(np.random.default_rng([3, i]), self.config.hidden, 2) for i in some]
            )
            truth = torch.from_numpy(np.stack([masked_input(self.val, i) for i in some]))
            with autocast_bfloat16(device.type, self.config.precision == "bfloat16"):
                said = module["net"](truth.to(device), torch.from_numpy(hidden).to(device)).cpu()
            asked = expand_mask(torch.from_numpy(hidden), IMAGE_SIZE)
            errors.append((said - truth).square().mean(1)[asked])
            values.append(truth.permute(0, 2, 3, 1)[asked])
        error, usual = torch.cat(errors).mean(), torch.cat(values).var(0, correction=0).mean()
        return {"explained": float(1 - error / usual.clamp(min=1e-9)), "error": float(error)}


def masked_input(pictures: PictureSet, number: int) -> F32:
    """(4, 128, 128) of the thing in a picture, cut out; of the next one where too little of it is seen."""
    for _ in range(len(pictures)):
        mask = pictures.mask(number)
        if int(mask.sum()) >= LEAST:
            alpha = mask.astype(np.uint8) * 255
            return cut_out(pictures.rgb(number), alpha, square_crop(mask), IMAGE_SIZE)
        number = (number + 1) % len(pictures)
    raise InputError("no picture shows enough of its thing", "render them with lift3d corpus render")
