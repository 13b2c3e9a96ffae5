"""Training of `label_to_latent` by flow matching (nets/latent_flow.py) on the codes of a corpus' shapes, and of the outlines that
it begins with (nets/outline.py)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.corpus import Corpus
from lift3d.errors import InputError
from lift3d.evaluate.variety import variety
from lift3d.nets.latent_flow import LatentFlow, carried, flow_loss
from lift3d.nets.precision import in_half
from lift3d.train.codes import MOST_STRETCHES, codes_of, kinds_of
from lift3d.train.config import Schedule, told
from lift3d.train.pictures import chosen
from lift3d.train.shapes import ShapeSet
from lift3d.train.task import Batch


@dataclass(frozen=True)
class Config(Schedule):
    """What the task adds."""

    steps: int = told(3_000, "optimiser steps of the whole run")
    batch: int = told(64, "codes in a step, over all processes")
    rate: float = told(1e-3, "largest learning rate")
    warmup: int = told(
        200, "steps over which the rate rises from nothing; after them it falls along a cosine"
    )
    decay: float = told(0.02, "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices and kernels")
    precision: str = told("bfloat16", "float32, or bfloat16 for the matrix products")
    width: int = told(256, "of the transformer; a multiple of 64")
    layers: int = told(8, "of the transformer")
    nameless: float = told(0.1, "share of codes whose kind is left out")
    stretches: int = told(2, "other proportions in which each shape is learned as well, up to 16")
    outline: int = told(
        128,
        "principal coordinates of a code that are drawn before it, by a small network of their own; 0: none",
    )
    outlines: int = told(512, "codes in a step of that network")
    freeze: bool = told(False, "that network alone learns; the flow keeps what it began with")
    autoencoder: str = told("autoencoder", "weights of the autoencoder: a name, or a run's folder")
    held: int = told(512, "codes of the validation set that are looked at")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % 64 or self.width < 64 or self.layers < 1:
            raise InputError("width is a multiple of 64", "leave it out for the usual one")
        if self.outline < 0 or self.outlines < 1 or (self.freeze and not self.outline):
            raise InputError(
                "outline is 0 or more, outlines 1 or more, and freeze leaves nothing to learn without an outline",
                "leave them out for the usual ones",
            )
        self.check_stretches()

    def check_stretches(self) -> None:
        if not 0 <= self.stretches <= MOST_STRETCHES:
            raise InputError(f"stretches are 0 to {MOST_STRETCHES}", "leave it out for the usual number")


class Flow:
    """The task."""

    name = "flow"
    better = "score"

    def __init__(self, corpus: Path, config: Config) -> None:
        self.config = config
        held = Corpus(corpus)
        self.names = kinds_of(ShapeSet(held, "train"))
        self.digests = {split: ShapeSet(held, split).digest() for split in ("train", "val")}
        self.train = codes_of(held, "train", config.autoencoder, self.names, config.stretches)
        self.val = codes_of(held, "val", config.autoencoder, self.names)

    @property
    def channels(self) -> int:
        return int(self.train.values.shape[1])

    @property
    def places(self) -> int:
        return int(self.train.values.shape[2])

    def module(self) -> nn.Module:
        c = self.config
        net = LatentFlow(
            self.channels, len(self.names), c.width, c.layers, self.places, outline=self._coordinates()
        )
        middle, spread = self.train.statistics()
        net.middle.copy_(torch.from_numpy(middle))
        net.spread.copy_(torch.from_numpy(spread))
        if net.outline is not None:
            both = np.concatenate([self.train.values, self.train.mirrored]).astype(np.float32)
            net.outline.learn(net.normalised(torch.from_numpy(both)).flatten(1))
        if c.freeze:
            for name, p in net.named_parameters():
                p.requires_grad_(name.startswith("outline."))
        return net

    def _coordinates(self) -> int:
        """As many as are asked for, and as a few codes have."""
        return min(self.config.outline, int(np.prod(self.train.values.shape[1:])))

    def data(self) -> dict[str, Any]:
        return {
            **self.digests,
            "kinds": list(self.names),
            "space": self.train.space,
            "codes": self.channels,
            "places": self.places,
            "outline": self._coordinates(),
        }

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        numbers = chosen(len(self.train), step, c.batch, c.seed)[rank::world]
        rng = np.random.default_rng([c.seed, step, rank])
        values = self.train.some(numbers, rng)
        batch = {"code": torch.from_numpy(values), "kind": torch.from_numpy(self._told(numbers, rng))}
        if c.outline:
            numbers = chosen(len(self.train), step, c.outlines, c.seed + 1)[rank::world]
            batch["outline"] = torch.from_numpy(self.train.some(numbers, rng))
            batch["outline_kind"] = torch.from_numpy(self._told(numbers, rng))
        return batch

    def _told(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Kinds, some of them left out."""
        left_out = rng.random(len(numbers)) < self.config.nameless
        return np.where(left_out, len(self.names), self.train.kinds[numbers])

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, LatentFlow)
        out = {}
        if not self.config.freeze:
            out["velocity"] = flow_loss(module, batch["code"], batch["kind"])
        if module.outline is not None:
            with torch.autocast(batch["code"].device.type, enabled=False):
                out["outline"] = module.outline.loss(
                    module.normalised(batch["outline"]), batch["outline_kind"]
                )
        return {"loss": torch.stack(list(out.values())).sum(), **out}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """The loss on codes never seen (at fixed noise and times), and how varied and near to real ones a few draws are."""
        assert isinstance(module, LatentFlow)
        count = min(self.config.held, len(self.val))
        numbers = np.linspace(0, len(self.val) - 1, count).astype(int)
        losses, outlines = [], []
        device = next(module.parameters()).device
        with torch.random.fork_rng(devices=[]), in_half(device.type, self.config.precision == "bfloat16"):  # fmt: skip
            torch.manual_seed(1)
            for first in range(0, count, 128):
                some = numbers[first : first + 128]
                code = torch.from_numpy(self.val.values[some].astype(np.float32)).to(device)
                kind = torch.from_numpy(self.val.kinds[some]).to(device)
                losses.append(float(flow_loss(module, code, kind)) * len(some))
                if module.outline is not None:
                    outlines.append(float(module.outline.loss(module.normalised(code), kind)) * len(some))
            some = numbers[:: max(1, count // 96)]
            kind = torch.from_numpy(self.val.kinds[some]).to(device)
            drawn = carried(module, torch.randn(len(some), *self.val.values.shape[1:]).to(device), kind, 12)
            real = module.normalised(torch.from_numpy(self.val.values[some].astype(np.float32)).to(device))
        loss, outline = sum(losses) / count, sum(outlines) / count
        return {
            "score": -loss - outline,
            "val_loss": loss,
            "val_outline": outline,
            **variety(drawn.flatten(1).float(), real.flatten(1)),
        }
