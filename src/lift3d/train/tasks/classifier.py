"""Training of `voxels_to_label`: the category of a shape.

Loss: cross-entropy with label smoothing (Szegedy et al. 2016, arXiv:1512.00567) and logit adjustment by `balance` times the log
frequency of each category (Menon et al. 2021, arXiv:2007.07314), without which rare categories are never predicted. With a
spatial transformer (nets/spatial_transformer.py), the loss of the upright estimator is added with the weight `pose`
(train/tasks/upright.py); without one, shapes are rotated as the option `rotate` states.

The backbone is initialised with weights learned without labels (`begin`) and frozen: its features of `variants` of each shape are
cached (train/data/backbone_features.py), and the head is trained on them in a minute; the upright estimator, whose grids are
coarser, is trained in every second step. In the last `late` steps, if any, all parts are trained together (the head first: Kumar
et al. 2022, arXiv:2202.10054).
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
from lift3d.nets.factory import create_classifier
from lift3d.nets.point_net import PointNet
from lift3d.nets.shape_classifier import VoxelClassifier
from lift3d.nets.spatial_transformer import transform_voxels
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.data.backbone_features import Augmentation, backbone_digest, load_features, rotated_features
from lift3d.train.data.labelled_shapes import (
    LabelledShapes,
    category_names,
    evaluation_rotation,
)
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.shape_set import orient
from lift3d.train.metrics import balanced_accuracy
from lift3d.train.task import Batch, Task
from lift3d.train.tasks.upright import INTERVAL, upright_accuracy, upright_batch, upright_training_loss
from lift3d.weights import load_tensors

ROTATIONS, KINDS = ("none", "up", "any"), ("voxels", "points")
NOTHING = "none"
BACKBONE, UPRIGHT = ("backbone.",), ("upright_estimator.",)
EVERY = -1
POSES = 160
"""Minimum number of validation shapes on which the upright estimator is evaluated; 200 of the default 400."""


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(4_000, "optimiser steps of the whole run")
    batch: int = option(64, "shapes in a step, over all processes")
    rate: float = option(1e-3, "largest learning rate", tune=Range(1e-4, 1e-2, log=True))
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    decay: float = option(
        5e-2,
        "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices and kernels",
        tune=Range(1e-3, 0.5, log=True),
    )
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    validate: int = option(200, "steps between two validations")
    save: int = option(1_000, "steps between two checkpoints")
    late: int = option(
        EVERY,
        "number of last steps in which the backbone is trained too; -1: none, or all with begin=none or kind=points",
    )
    variants: int = option(3, "variants of each shape on which the frozen backbone is evaluated")
    kind: str = option("voxels", "voxels, or points (the baseline: PointNet on the surface)")
    width: int = option(64, "channels at 16 voxels a side; twice as many at 8")
    hidden: int = option(512, "units of the head's hidden layer", tune=Choice((128, 256, 512, 1024)))
    begin: str = option(
        "autoencoder",
        "initial weights of the backbone, or none; --init-from replaces them",
    )
    transformer: bool = option(True, "a spatial transformer rotates shapes upright first")
    rotate: str = option(
        "any",
        "rotations of shapes: none, up (about the vertical) or any; unused with the transformer",
    )
    tilt: float = option(3.0, "standard deviation of the tilt of variants, in degrees")
    askew: float = option(0.1, "fraction of variants rotated about the vertical by any angle")
    stretch: float = option(0.1, "largest change of the logarithm of each axis", tune=Range(0.0, 0.3))
    pose: float = option(
        0.3, "weight of the upright estimator's loss; 0 freezes it", tune=Range(0.03, 3.0, log=True)
    )
    balance: float = option(
        0.5, "logit adjustment: 0 none, 1 as if all categories were equally frequent", tune=Range(0.0, 1.0)
    )
    smoothing: float = option(0.1, "label smoothing", tune=Range(0.0, 0.3))
    dropout: float = option(
        0.5, "dropout of the hidden layer; half as much of the features", tune=Range(0.0, 0.8)
    )
    labels_share: float = option(1.0, "fraction of the training shapes whose labels are known")
    least: int = option(
        0, "minimum number of shapes of a category; 0: 50, or 2 in a corpus of your own meshes"
    )
    held: int = option(400, "shapes of the validation set that are used")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("rotate", ROTATIONS), ("kind", KINDS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} = {getattr(self, name)} is not known", f"use {', '.join(map(str, known))}"
                )
        if not EVERY <= self.late <= self.steps or not 1 <= self.variants <= 16 or self.hidden < 1:
            raise InputError(
                "late must be at most steps (or -1), variants 1 to 16, and hidden at least 1",
                "omit the options for their defaults",
            )
        if self.width < 4 or not 0 <= self.stretch < 0.5 or self.least < 0 or self.held < 1:
            raise InputError(
                "width must be at least 4, stretch under 0.5, least at least 0, and held at least 1",
                "omit the options for their defaults",
            )
        for name in ("smoothing", "dropout", "balance", "askew"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"{name} = {getattr(self, name)} is not between 0 and 1", "give a number from 0 to 1"
                )
        if not 0 < self.labels_share <= 1 or not self.pose >= 0 or not 0 <= self.tilt <= 45:
            raise InputError(
                "labels_share must be over 0 and at most 1, pose at least 0, and tilt 0 to 45",
                "omit the options for their defaults",
            )


class ClassifierTask(Task):
    """The training task."""

    config: Config
    name = "voxels_to_label"
    better = "score"

    def __init__(self, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        self.names = category_names(dataset, config.least)
        self.train = LabelledShapes(dataset, "train", self.names, config.labels_share)
        try:
            self.val = LabelledShapes(dataset, "val", self.names)
        except InputError as error:
            raise InputError(
                f"{corpus} has no validation shapes of these categories",
                "add shapes: about one family in ten is used for validation, of your own meshes at least one",
            ) from error
        log_frequency = torch.from_numpy(self.train.counts / len(self.train)).float()
        self.log_frequency = log_frequency.clamp(min=1e-6).log()
        frozen = config.kind == "voxels" and (config.late != EVERY or config.begin != NOTHING)
        self.early = config.steps - max(config.late, 0) if frozen else 0
        self.augmentation = Augmentation(
            config.variants, "none" if config.transformer else config.rotate, config.stretch, config.tilt, config.askew,
            config.seed,
        )  # fmt: skip
        self.features: torch.Tensor | None = None
        self.validation_features: tuple[str, list[torch.Tensor]] | None = None

    def module(self) -> nn.Module:
        net = create_classifier(vars(self.config), len(self.names))
        if isinstance(net, VoxelClassifier) and self.config.begin != NOTHING:
            initialise_backbone(net.backbone, load_tensors(self.config.begin))
        return net

    def data(self) -> dict[str, Any]:
        shapes = self.train.shapes.digest(), self.val.shapes.digest()
        return {"train": shapes[0], "val": shapes[1], "labels": list(self.names)}

    def frozen(self, step: int) -> tuple[str, ...]:
        """The backbone in early steps; the upright estimator in the steps in which it is not trained."""
        upright = self.config.pose > 0 and step % INTERVAL == 0
        return (BACKBONE if step < self.early else ()) + (() if upright else UPRIGHT)

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(len(self.train), step, c.batch, c.seed)
        targets = {"label": torch.from_numpy(self.train.targets[indices[rank::world]])}
        if step < self.early:
            rows = indices * c.variants + np.random.default_rng([c.seed, step]).integers(
                c.variants, size=len(indices)
            )
            return {
                "row": torch.from_numpy(rows[rank::world]),
                **self._upright_batch(step, rank, world),
                **targets,
            }
        cells, turns = [], []
        for k, i in list(enumerate(indices.tolist()))[rank::world]:
            move, turn, stretch = self.augmentation.sample(np.random.default_rng([c.seed, step, k]))
            cells.append(orient(self.train.full(i), move))
            turns.append(turn @ np.diag(stretch))
        return {
            "cells": torch.from_numpy(np.stack(cells)), "turn": torch.from_numpy(np.stack(turns).astype(np.float32)),
            **self._upright_batch(step, rank, world), **targets,
        }  # fmt: skip

    def _upright_batch(self, step: int, rank: int, world: int) -> Batch:
        """The upright estimator's samples of this step; empty where the estimator is not trained."""
        c = self.config
        if not (c.transformer and c.pose and c.kind == "voxels"):
            return {}
        return upright_batch(self.train, self.augmentation, c.batch, c.seed, step, rank, world)

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, VoxelClassifier | PointNet)
        c, device = self.config, batch["label"].device
        if "row" in batch:
            assert isinstance(module, VoxelClassifier)
            if self.features is None:
                self.features = load_features(
                    module, self.train, self.augmentation, c.precision, lambda f: self.progress("features", f)
                ).flatten(0, 1)
            logits = module.head(self.features[batch["row"].cpu()].to(device))
        else:
            with torch.autocast(device.type, enabled=False):
                voxels = transform_voxels(batch["cells"].float(), batch["turn"])
            logits = module.upright_logits(voxels) if isinstance(module, VoxelClassifier) else module(voxels)
        with torch.autocast(device.type, enabled=False):
            adjusted = logits.float() + c.balance * self.log_frequency.to(device)
            entropy = nn.functional.cross_entropy(adjusted, batch["label"], label_smoothing=c.smoothing)
            right = (logits.argmax(1) == batch["label"]).float().mean()
        out = {"loss": entropy, "entropy": entropy, "right": right.detach()}
        if isinstance(module, VoxelClassifier) and module.upright_estimator is not None:
            out["up"] = (
                upright_training_loss(module.upright_estimator, batch)
                if "upright_voxels" in batch
                else torch.zeros((), device=device)
            )
            out["loss"] = entropy + c.pose * out["up"]
        return out

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Accuracy over shapes, and balanced over categories. Without the transformer, both also for shapes rotated as in
        training; with it, the accuracy of the upright estimator. score: the mean of all."""
        assert isinstance(module, VoxelClassifier | PointNet)
        count = min(self.config.held, len(self.val))
        indices = np.linspace(0, len(self.val) - 1, count).astype(int)
        transformer = isinstance(module, VoxelClassifier) and module.upright_estimator is not None
        kinds = ("none",) if transformer else tuple(dict.fromkeys(("none", self.config.rotate)))
        out: dict[str, float] = {}
        if isinstance(module, VoxelClassifier):
            logits_of = [module.head(x) for x in self._val_features(module, indices, kinds)]
            if module.upright_estimator is not None:
                out["upright"] = upright_accuracy(
                    module.upright_estimator, self.val, indices[:: max(1, count // POSES)]
                )
        else:
            logits_of = [self._logits(module, indices, kind) for kind in kinds]
        for kind, logits in zip(kinds, logits_of):
            right = logits.argmax(1).cpu().numpy() == self.val.targets[indices]
            tail = "" if kind == "none" else "_turned"
            out["accuracy" + tail] = float(right.mean())
            out["balanced" + tail] = balanced_accuracy(right, self.val.targets[indices])
        return {"score": float(np.mean(list(out.values()))), **out}

    def _val_features(
        self, module: VoxelClassifier, indices: NDArray[np.int64], kinds: tuple[str, ...]
    ) -> list[torch.Tensor]:
        """Features (N, F) of validation shapes in each of the rotations `kinds`, cached until the backbone changes."""
        digest, device = backbone_digest(module), next(module.parameters()).device
        if self.validation_features is None or self.validation_features[0] != digest:
            precision = self.config.precision
            self.validation_features = (
                digest,
                [rotated_features(module, self.val, indices, kind, precision) for kind in kinds],
            )
        return [x.to(device) for x in self.validation_features[1]]

    def _logits(self, module: PointNet, indices: NDArray[np.int64], kind: str) -> torch.Tensor:
        """Logits (N, labels) of validation shapes in the rotations `kind`."""
        device, out = next(module.parameters()).device, []
        for some in np.array_split(indices, -(-len(indices) // 32)):
            turn = np.stack([evaluation_rotation(self.val.number(int(i)), kind) for i in some])
            cells = torch.from_numpy(np.stack([self.val.full(int(i)) for i in some])).to(device).float()
            out.append(module(transform_voxels(cells, torch.from_numpy(turn).to(device))))
        return torch.cat(out)


def initialise_backbone(backbone: nn.Module, given: dict[str, torch.Tensor]) -> None:
    """Load the backbone's layers from an autoencoder's encoder of the same width. InputError where the sizes differ."""
    own = backbone.state_dict()
    encoder = {name.removeprefix("encoder."): t for name, t in given.items() if name.startswith("encoder.")}
    fits = {name: t for name, t in encoder.items() if name in own and own[name].shape == t.shape}
    if "start.weight" not in fits:
        raise InputError(
            "the backbone is of another size than its initial weights",
            "omit width for its default, or set begin=none",
        )
    backbone.load_state_dict(fits, strict=False)
