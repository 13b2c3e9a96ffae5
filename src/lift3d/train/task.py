"""The interface between a trainable network and the engine: data, module, loss and metrics, in one class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from lift3d.train.config import Schedule

Batch = dict[str, torch.Tensor]
Progress = Callable[[str, float], None]


class Task(ABC):
    """Base class of training tasks, with all methods that the engine and the commands call.

    name: of the mapping that is trained. better: the metric of `validate` by which the best weights are chosen; larger is
    better. config: the engine's schedule and the task's own options. patience: number of validations in a row without a better
    one after which the run ends; 0: it goes on to the last step. solved: whether `module` returns the trained network, so that
    the run takes no steps. progress(step, fraction): called during long preparations; the first process sets it to the progress
    bar."""

    name: str
    better: str
    config: Schedule
    patience: int = 0
    solved: bool = False
    progress: Progress = staticmethod(lambda step, fraction: None)

    @abstractmethod
    def module(self) -> torch.nn.Module:
        """The network, initialised from torch's generator, which the engine has seeded."""

    @abstractmethod
    def batch(self, step: int, rank: int, world: int) -> Batch:
        """The samples of process `rank` of `world` at this step.

        The samples depend on the config and the arguments alone. All processes together have the same samples for every
        `world`."""

    @abstractmethod
    def loss(self, module: torch.nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        """Scalars by name: "loss" is minimised; the optional "watched" replaces it in the detection of divergence. All are means
        over the batch, so that they can be averaged over processes."""

    @abstractmethod
    def validate(self, module: torch.nn.Module) -> dict[str, float]:
        """Metrics of the averaged weights on the validation set, `better` among them."""

    @abstractmethod
    def data(self) -> dict[str, Any]:
        """JSON values that identify the data: a run is resumed with the same data only."""

    def notes(self) -> list[str]:
        """Sentences about the data and the training, for people, before it starts. None by default."""
        return []

    def frozen(self, step: int) -> tuple[str, ...]:
        """Prefixes of the names of parameters that this step leaves unchanged, weight decay included. Empty by default."""
        return ()
