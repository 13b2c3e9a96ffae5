"""Training of `label_to_latent` by flow matching (nets/flow_matching.py) on the latents of a corpus' shapes, with a latent PCA of
each category (nets/latent_pca.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.geometry.metrics.diversity import diversity_scores
from lift3d.nets.flow_matching import LatentFlow, flow_matching_loss, integrate_heun
from lift3d.nets.latent_pca import choose_exemplars
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.data.exemplars import FEWEST, attribution, choose_exemplar_shapes, cluster_categories
from lift3d.train.data.latents import MOST_STRETCHES, frequent_categories, load_latents
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.shape_set import ShapeSet
from lift3d.train.task import Batch, Task


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(3_000, "optimiser steps of the whole run")
    batch: int = option(64, "latents in a step, over all processes")
    rate: float = option(1e-3, "largest learning rate", tune=Range(1e-4, 5e-3, log=True))
    warmup: int = option(200, "steps of linear warm-up; a cosine decay follows")
    decay: float = option(
        0.02,
        "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices and kernels",
        tune=Range(1e-3, 0.2, log=True),
    )
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    width: int = option(256, "width of the transformer; a multiple of 64")
    layers: int = option(8, "layers of the transformer")
    nameless: float = option(0.1, "fraction of latents whose category is dropped", tune=Range(0.0, 0.3))
    stretches: int = option(2, "stretched variants of each shape, up to 16", tune=Choice((1, 2, 4)))
    outline: int = option(
        128,
        "components of the latent PCA with which sampling begins; 0: no PCA",
    )
    ways: int = option(16, "axes of variation of a cluster of the latent PCA")
    enough: int = option(300, "number of shapes from which on a category needs no clusters")
    part: int = option(100, "shapes of a cluster; a larger category has several clusters")
    autoencoder: str = option("autoencoder", "weights of the autoencoder: a name, or a run's folder")
    held: int = option(512, "latents of the validation set that are used")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % 64 or self.width < 64 or self.layers < 1:
            raise InputError(
                "width must be a multiple of 64, and layers at least 1", "omit the options for their defaults"
            )
        if self.outline < 0 or self.ways < 1 or self.part < FEWEST:
            raise InputError(
                f"outline must be at least 0, ways at least 1, and part at least {FEWEST}",
                "omit the options for their defaults",
            )
        self.check_stretches()

    def check_stretches(self) -> None:
        """Raise InputError for more stretched variants than can be cached."""
        if not 0 <= self.stretches <= MOST_STRETCHES:
            raise InputError(f"stretches must be 0 to {MOST_STRETCHES}", "omit the option for its default")


class FlowTask(Task):
    """The training task."""

    config: Config
    name = "flow"
    better = "score"

    def __init__(self, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        train = ShapeSet(dataset, "train")
        self.names = frequent_categories(train)
        self.digests = {split: ShapeSet(dataset, split).digest() for split in ("train", "val")}
        self.train = load_latents(dataset, "train", config.autoencoder, self.names, config.stretches)
        self.val = load_latents(dataset, "val", config.autoencoder, self.names)
        rows = choose_exemplar_shapes(dataset, train.numbers, self.train.kinds, len(self.names))
        self.known = rows if config.outline else rows[:0]
        self.credits = attribution(dataset, train.numbers[self.known])

    @property
    def channels(self) -> int:
        """Channels of a latent."""
        return int(self.train.values.shape[1])

    @property
    def places(self) -> int:
        """Voxels of a latent along each side."""
        return int(self.train.values.shape[2])

    def module(self) -> nn.Module:
        c, sizes = self.config, self._outline()
        net = LatentFlow(self.channels, len(self.names), c.width, c.layers, self.places, pca=sizes)
        mean, std = self.train.statistics()
        net.mean.copy_(torch.from_numpy(mean))
        net.std.copy_(torch.from_numpy(std))
        if net.pca is not None:
            latents = self.train
            variants = [latents.values, latents.mirrored, *latents.stretched.swapaxes(0, 1)]
            every, kinds = self._normalised(variants[:2]), self._known_kinds()
            chosen = choose_exemplars(kinds, len(self.names))
            known = self._normalised([variant[self.known] for variant in variants])
            net.pca.fit_exemplars(every, known[chosen], torch.from_numpy(kinds[chosen]))
            net.pca.fit_clusters(every, self.parts)
        return net

    def _normalised(self, variants: list[NDArray[np.float16]]) -> torch.Tensor:
        """Normalised, flattened latents (M, size) of several variants (N, Z, P, P, P)."""
        mean, std = self.train.statistics()
        return torch.from_numpy((np.concatenate(variants).astype(np.float32) - mean) / std).flatten(1)

    def _known_kinds(self) -> NDArray[np.int64]:
        """Category indices of the exemplars: unchanged, reflected, and stretched."""
        return np.tile(self.train.kinds[self.known], 2 + self.train.stretched.shape[1])

    @cached_property
    def parts(self) -> list[tuple[int, NDArray[np.int64]]]:
        """Clusters of the latents, unchanged and reflected, of small categories without exemplars: (category, indices)."""
        if not self.config.outline:
            return []
        codes = self._normalised([self.train.values, self.train.mirrored]).numpy()
        counts = np.bincount(self.train.kinds, minlength=len(self.names))[: len(self.names)]
        exemplar_kinds = set(self.train.kinds[self.known].tolist())
        others = [k for k, n in enumerate(counts) if n < self.config.enough and k not in exemplar_kinds]
        return cluster_categories(codes, np.tile(self.train.kinds, 2), others, 2 * self.config.part)

    def _outline(self) -> tuple[int, int, int, int] | None:
        """Sizes of the latent PCA: components, exemplars, clusters and axes; None for no PCA."""
        exemplars = len(choose_exemplars(self._known_kinds(), len(self.names)))
        count = min(self.config.outline, int(np.prod(self.train.values.shape[1:])))
        return (
            (count, exemplars, len(self.parts), min(self.config.ways, count))
            if count and exemplars + len(self.parts)
            else None
        )

    def data(self) -> dict[str, Any]:
        return {
            **self.digests,
            "kinds": list(self.names),
            "space": self.train.space,
            "codes": self.channels,
            "places": self.places,
            "outline": list(self._outline() or ()),
            "credits": self.credits,
        }

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(len(self.train), step, c.batch, c.seed)[rank::world]
        rng = np.random.default_rng([c.seed, step, rank])
        values = self.train.sample(indices, rng)
        dropped = rng.random(len(indices)) < c.nameless
        kinds = np.where(dropped, len(self.names), self.train.kinds[indices])
        return {"code": torch.from_numpy(values), "kind": torch.from_numpy(kinds)}

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, LatentFlow)
        return {"loss": flow_matching_loss(module, batch["code"], batch["kind"])}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """The loss on validation latents with fixed noise and times, and the diversity of a few samples relative to real
        latents."""
        assert isinstance(module, LatentFlow)
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        losses = []
        device = next(module.parameters()).device
        with torch.random.fork_rng(devices=[]), autocast_bfloat16(device.type, self.config.precision == "bfloat16"):  # fmt: skip
            torch.manual_seed(1)
            for first in range(0, count, 128):
                some = indices[first : first + 128]
                code = torch.from_numpy(self.val.values[some].astype(np.float32)).to(device)
                kind = torch.from_numpy(self.val.kinds[some]).to(device)
                losses.append(float(flow_matching_loss(module, code, kind)) * len(some))
            some = indices[:: max(1, count // 96)]
            kind = torch.from_numpy(self.val.kinds[some]).to(device)
            samples = integrate_heun(
                module, torch.randn(len(some), *self.val.values.shape[1:]).to(device), kind, 12
            )
            real = module.normalise(torch.from_numpy(self.val.values[some].astype(np.float32)).to(device))
        loss = sum(losses) / count
        return {
            "score": -loss,
            "val_loss": loss,
            **diversity_scores(samples.flatten(1).float(), real.flatten(1)),
        }
