"""What a learned mapping brings to the engine: data, module, loss and metrics, in one small class."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from lift3d.train.config import Schedule

Batch = dict[str, torch.Tensor]


class Task(Protocol):
    """name: of the mapping that is trained; config: the engine's schedule and the task's own fields."""

    name: str
    better: str
    """The metric by which the best weights are chosen on the validation set; larger is better."""

    @property
    def config(self) -> Schedule: ...

    def module(self) -> torch.nn.Module:
        """The network, its weights drawn from torch's generator, which the engine has seeded."""
        ...

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """The samples of this process at this step. They depend on nothing but the config and these numbers, and all
        processes together have the same samples whatever `world` is."""
        ...

    def loss(self, module: torch.nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        """Scalars by name; "loss" is what is made small, "watched", if there, what divergence is judged by. Means over the
        batch, so that processes can be averaged."""
        ...

    def validate(self, module: torch.nn.Module) -> dict[str, float]:
        """Metrics of the averaged weights on the validation set."""
        ...

    def data(self) -> dict[str, Any]:
        """What identifies the data: a run does not go on with others."""
        ...
