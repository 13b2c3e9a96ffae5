"""Training of `segmentation`: labels of the voxels of CT or MR volumes, by a 3-D U-Net that is planned from the data.

The data are a folder of volumes and label maps (see `lift3d.train.segmentation.dataset`). Loss: Dice plus cross-entropy, with
deep supervision. Everything happens in canonical axes (right, anterior, superior) at the planned spacing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import to_canonical
from lift3d.inference.segmentation.preprocessing import network_input
from lift3d.inference.segmentation.resampling import resample, resample_classes
from lift3d.inference.segmentation.result import EXPECTED, expected_dice
from lift3d.inference.segmentation.sliding_window import predict_probabilities
from lift3d.nets.segmentation.plan import Plan
from lift3d.nets.segmentation.unet import ResidualUNet3d
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.data.sampling import sample_indices
from lift3d.train.segmentation.augmentation import FOREGROUND, Prepared, sample_patch
from lift3d.train.segmentation.cases import UNLABELLED, class_indices
from lift3d.train.segmentation.dataset import open_dataset, parse_names, split
from lift3d.train.segmentation.fingerprint import take_fingerprint
from lift3d.train.segmentation.losses import deep_loss
from lift3d.train.segmentation.planning import describe_plan, make_plan
from lift3d.train.segmentation.timing import measure_rate
from lift3d.train.task import Batch, Progress, Task
from lift3d.types.volumes import Labels, Volume
from lift3d.units import format_count

PLACES = 2000
"""Voxels of each label and case on which patches can be centred."""


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(4_000, "optimiser steps of the whole run")
    batch: int = option(2, "patches in a step, over all processes")
    rate: float = option(1e-3, "largest learning rate", tune=Range(1e-4, 5e-3, log=True))
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights; the average is stored"
    )
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    validate: int = option(250, "steps between two validations")
    save: int = option(50, "steps between two checkpoints")
    width: int = option(16, "channels of the first stage", tune=Choice((8, 16, 24)))
    fold: int = option(0, "which fold of the cases is held back for validation; -1: none is")
    folds: int = option(5, "number of folds")
    held: int = option(20, "validation cases that are used")
    modality: str = option("", "ct (Hounsfield units) or mr; default: what dataset.json states, else mr")
    names: str = option("", "names of labels, as in 1=anterior,2=posterior; default: those of dataset.json")
    memory: float = option(4.0, "limit of the memory of a step in GB, to which the patch is reduced")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.modality not in ("", "ct", "mr"):
            raise InputError(f"there is no modality called {self.modality}", "use ct or mr")
        if not 4 <= self.width <= 128:
            raise InputError(f"width = {self.width} is out of range", "give 4 to 128")
        if not self.memory > 0 or self.held < 1:
            raise InputError("memory and held must be positive", "omit the options for their defaults")


class SegmentationTask(Task):
    """The training task. folder: of the volumes and label maps. Cases are held in memory, at the planned spacing."""

    config: Config
    name = "segmentation"
    better = "dice"

    def __init__(self, folder: Path, config: Config, progress: Progress | None = None) -> None:
        self.config = config
        tell = progress or self.progress
        dataset = open_dataset(folder)
        if config.names:
            dataset = dataclasses.replace(dataset, names={**dataset.names, **parse_names(config.names)})
        names = [case.name for case in dataset.cases]
        train, val = split(names, config.fold, config.folds, config.seed)
        fingerprint, read = take_fingerprint(dataset, config.modality, tell)
        self.plan = make_plan(fingerprint, config.width, config.batch, config.memory)
        cases: dict[str, Prepared] = {}
        for k, name in enumerate(names):
            tell("resampling cases", k / len(names))
            volume, labels = read[k]
            cases[name] = prepare_case(name, volume, labels, self.plan, dataset.ignored)
        self.cases = {"train": [cases[n] for n in train], "val": [cases[n] for n in val]}
        self._stated = self._digest()

    def module(self) -> nn.Module:
        return ResidualUNet3d.of(self.plan)

    def data(self) -> dict[str, Any]:
        """The plan, the cases of both sets, and a digest of their values."""
        return self._stated

    def _digest(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for split_name in ("train", "val"):
            for case in self.cases[split_name]:
                digest.update(f"{split_name}/{case.name}".encode())
                digest.update(np.ascontiguousarray(case.classes).tobytes())
                digest.update(np.ascontiguousarray(case.image).tobytes())
        names = {split_name: [case.name for case in cases] for split_name, cases in self.cases.items()}
        stated = {"plan": self.plan.to_json(), "cases": names, "sha256": digest.hexdigest()}
        return dict(json.loads(json.dumps(stated)))

    def notes(self) -> list[str]:
        """The plan, its memory and its time on this machine, and which cases are held back."""
        config, counts = self.config, {name: len(cases) for name, cases in self.cases.items()}
        held = f"{counts['val']} are held back (fold {config.fold} of {config.folds})"
        if config.fold == -1:
            held = "none is held back: the printed scores are those of cases that were trained on"
        rate = measure_rate(self.plan, config.precision == "bfloat16")
        lines = describe_plan(self.plan, config.batch, rate, config.steps)
        return [f"{format_count(counts['train'], 'case')} to train on, {held}", *lines]

    def batch(self, step: int, rank: int, world: int) -> Batch:
        cases, config = self.cases["train"], self.config
        indices = sample_indices(len(cases), step, config.batch, config.seed)
        patches = []
        for k, i in list(enumerate(indices.tolist()))[rank::world]:
            rng = np.random.default_rng([config.seed, step, k])
            patches.append(sample_patch(cases[i], self.plan, rng.random() < FOREGROUND, rng))
        images, classes = zip(*patches)
        return {"image": torch.stack(images), "classes": torch.stack(classes)}

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        return deep_loss(module(batch["image"]), batch["classes"], self.plan.strides)

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean Dice over labels and cases, and of each label, at the planned spacing, and the mean expected Dice; a label that a
        case does not have counts where it is predicted all the same, with 0."""
        labels = range(1, self.plan.classes)
        scores: list[list[float]] = []
        expected: list[float] = []
        for case in self.cases["val"][: self.config.held]:
            values = np.asarray(case.image, np.float32)
            probabilities = predict_probabilities(module, values, self.plan.patch)
            found = probabilities.argmax(0)
            expected += [expected_dice(probabilities[k], found == k) for k in labels if (found == k).any()]
            used = case.classes != UNLABELLED
            scores.append([_dice((found == k) & used, case.classes == k) for k in labels])
        by_label = np.array([_mean([s[k - 1] for s in scores]) for k in labels])
        out = {"dice": float(_mean(by_label.tolist())), "worst": _least(scores), EXPECTED: _mean(expected)}
        if len(labels) <= 4:
            out |= {f"dice_{name}": float(d) for name, d in zip(self.plan.names, by_label)}
        return out


def prepare_case(name: str, volume: Volume, labels: Labels, plan: Plan, ignored: int | None) -> Prepared:
    """A case at the planned spacing, in canonical axes."""
    image = network_input(volume, plan)
    classes = np.asarray(to_canonical(class_indices(labels, plan.ids, ignored, name), labels), np.uint8)
    left_out = classes == UNLABELLED
    resampled = resample_classes(np.where(left_out, np.uint8(0), classes), plan.classes, _sizes(image.shape))
    if left_out.any():
        outside = resample(np.asarray(left_out, np.float32), _sizes(image.shape)) > 0.5
        resampled[outside] = UNLABELLED
    places, rng = {}, np.random.default_rng(5)
    for k in range(1, plan.classes):
        flat = np.flatnonzero(resampled == k)
        if len(flat):
            places[k] = np.sort(rng.choice(flat, PLACES, replace=False)) if len(flat) > PLACES else flat
    return Prepared(name, np.asarray(image, np.float16), resampled, places)


def _sizes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = shape
    return x, y, z


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two masks; nan where both are empty."""
    sizes = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / sizes if sizes else float("nan")


def _least(scores: list[list[float]]) -> float:
    """Least of the values that are not nan; 0 without one."""
    return min((v for row in scores for v in row if v == v), default=0.0)


def _mean(values: list[float]) -> float:
    """Mean of the values that are not nan; 0 without one."""
    kept = [v for v in values if v == v]
    return float(np.mean(kept)) if kept else 0.0
