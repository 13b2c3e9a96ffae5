"""What the tasks on cut-out objects share: options, pictures of one or more corpora, and a network that starts with the decoder
of the depth network."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.inference.backbone import load_backbone
from lift3d.nets.dense.guided_unet import STRIDE
from lift3d.nets.dense.layered_depth_unet import CutoutUNet
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.view_set import View, ViewSet, further_views
from lift3d.train.init_from_depth import start_with_depth
from lift3d.train.task import Batch, Task

AT_ONCE = 12
"""Validation pictures that are evaluated at once."""


@dataclass(frozen=True)
class CutoutConfig(Schedule):
    """Options of every task on cut-outs."""

    steps: int = option(10_000, "optimiser steps of the whole run")
    batch: int = option(12, "pictures in a step, over all processes")
    rate: float = option(6e-4, "largest learning rate", tune=Range(6e-5, 3e-3, log=True))
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.997, "decay of the exponential moving average of the weights; the average is stored"
    )
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    validate: int = option(400, "steps between two validations")
    save: int = option(50, "steps between two checkpoints")
    width: int = option(48, "channels of the decoder at stride 4")
    side: int = option(192, "side of the pictures in pixels, a multiple of 32")
    gradients: float = option(0.5, "weight of the losses of gradients", tune=Range(0.0, 2.0))
    held: int = option(240, "validation pictures that are used")
    more: str = option(
        "",
        "a further corpus to train on and its pictures, CORPUS:PICTURES, such as made shapes; default: none",
    )


class CutoutSample(Protocol):
    """A sample: the cut-out (4, S, S), and the pixels of its maps that show a surface."""

    @property
    def image(self) -> NDArray[np.float32]:
        """The cut-out (4, S, S)."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """(S / 2, S / 2), True where the object's surface is known."""


S = TypeVar("S", bound=CutoutSample)


class CutoutTask(Task, Generic[S]):
    """pictures: a folder in which `lift3d corpus render` has rendered `corpus`, best with --size 256."""

    config: CutoutConfig

    def __init__(self, pictures: Path, corpus: Path, config: CutoutConfig) -> None:
        self.config = config
        self.side = max(config.side // STRIDE, 1) * STRIDE
        opened = Corpus(corpus)
        self.sets = [ViewSet(pictures, opened, "train"), *further_views(config.more)]
        self.val = ViewSet(pictures, opened, "val")

    @abstractmethod
    def network(self) -> CutoutUNet:
        """The untrained network."""

    @abstractmethod
    def sample(self, views: ViewSet, view: View, flipped: bool = False) -> S:
        """The sample of a view; flipped: reflected left to right."""

    @abstractmethod
    def collate(self, samples: list[S]) -> Batch:
        """The tensors of a batch."""

    def module(self) -> nn.Module:
        net = self.network()
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
        return self.collate([self.train_sample(i, np.random.default_rng([c.seed, step, k])) for k, i in mine])

    def train_sample(self, number: int, rng: np.random.Generator) -> S:
        """The sample of picture `number` of all sets, or of the next one of its set that shows enough of its object."""
        views = self.sets[0]
        for views in self.sets:
            if number < len(views):
                break
            number -= len(views)
        while True:
            view = views.view(number, rng)
            if view is not None:
                sample = self.sample(views, view, bool(rng.random() < 0.5))
                if sample.known.any():
                    return sample
            number = (number + 1) % len(views)

    def validated(self, module: nn.Module) -> list[tuple[Any, int, S]]:
        """For each validation picture that shows enough of its object: the network's answer to its batch, its index in the batch,
        and its sample."""
        count, total = min(self.config.held, len(self.val)), len(self.val)
        device = next(module.parameters()).device
        out: list[tuple[Any, int, S]] = []
        for first in range(0, count, AT_ONCE):
            views = [self.val.view(k * total // count) for k in range(first, min(first + AT_ONCE, count))]
            samples = [self.sample(self.val, view) for view in views if view is not None]
            samples = [sample for sample in samples if sample.known.any()]
            if samples:
                images = torch.from_numpy(np.stack([sample.image for sample in samples]))
                found = module(images.to(device, memory_format=torch.channels_last))
                out += [(found, k, sample) for k, sample in enumerate(samples)]
        return out
