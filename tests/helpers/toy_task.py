"""A task of one number, whose best learning rate is known: training runs of milliseconds for the search of options."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lift3d.errors import InputError
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.registry import Trainable
from lift3d.train.task import Batch, Task


@dataclass(frozen=True)
class ToyConfig(Schedule):
    """Options of the task."""

    steps: int = option(500, "steps")
    rate: float = option(1e-3, "rate", tune=Range(1e-4, 1.0, log=True))
    decay: float = option(0.0, "decay")
    warmup: int = option(5, "warm-up")
    average: float = option(0.0, "average")
    size: int = option(2, "numbers", tune=Choice((1, 2, 3)))
    noise: float = option(0.0, "noise, which has no effect", tune=Range(0.0, 1.0))
    sleep: float = option(0.0, "seconds of a step")
    bad: float = option(2.0, "rate from which on the loss is not finite")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size not in (1, 2, 3):
            raise InputError(f"size = {self.size}", "give 1 to 3")


class ToyTask(Task):
    """Move numbers from 0 to 1; the score is how near they are."""

    name, better = "toy", "near"

    def __init__(self, config: ToyConfig, data: str) -> None:
        self.config: ToyConfig = config
        self.source = data

    def module(self) -> nn.Module:
        net = nn.Linear(1, self.config.size, bias=False)
        nn.init.zeros_(net.weight)
        return net

    def batch(self, step: int, rank: int, world: int) -> Batch:
        return {"x": torch.ones(4, 1)}

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        time.sleep(self.config.sleep)
        loss = ((module(batch["x"]) - 1) ** 2).mean()
        return {"loss": loss * float("nan") if self.config.rate > self.config.bad else loss}

    def validate(self, module: nn.Module) -> dict[str, float]:
        return {"near": -float((module(torch.ones(1, 1)) - 1).abs().mean()), "other": 0.0}

    def data(self) -> dict[str, Any]:
        return {"source": self.source}


def toy() -> Trainable:
    """The entry of the registry; its data is the text in a file."""
    return Trainable(
        ToyConfig, lambda pictures, corpus, config: ToyTask(config, Path(corpus).read_text()), False
    )
