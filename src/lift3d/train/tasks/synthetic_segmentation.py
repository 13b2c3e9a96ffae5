"""Training of `segmentation` of whole heads in any contrast, on pictures that are synthesised from label maps.

The data are a folder of label maps of heads, whose labels `lift3d.train.segmentation.groups` joins to structures. No picture is
read: see `lift3d.train.segmentation.synthesis`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import canonical_spacing, to_canonical
from lift3d.inference.segmentation.result import EXPECTED, expected_dice
from lift3d.inference.segmentation.sliding_window import predict_probabilities
from lift3d.nets.segmentation.plan import Intensity, Plan
from lift3d.nets.segmentation.unet import ResidualUNet3d
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.sampling import sample_indices
from lift3d.train.segmentation.augmentation import sampling_positions
from lift3d.train.segmentation.cases import read_label_map
from lift3d.train.segmentation.dataset import label_files, split
from lift3d.train.segmentation.fingerprint import Fingerprint
from lift3d.train.segmentation.groups import OUTSIDE_BRAIN, head_groups
from lift3d.train.segmentation.losses import deep_loss
from lift3d.train.segmentation.planning import describe_plan, make_plan
from lift3d.train.segmentation.synthesis import TissueTable, gather_labels, synthesise
from lift3d.train.segmentation.timing import measure_rate
from lift3d.train.task import Batch, Task


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(10_000, "optimiser steps of the whole run")
    batch: int = option(1, "patches in a step, over all processes")
    rate: float = option(5e-4, "largest learning rate", tune=Range(1e-4, 5e-3, log=True))
    warmup: int = option(200, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.998, "decay of the exponential moving average of the weights; the average is stored"
    )
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    validate: int = option(500, "steps between two validations")
    save: int = option(50, "steps between two checkpoints")
    width: int = option(16, "channels of the first stage")
    widest: int = option(128, "channels that no stage exceeds")
    spacing: float = option(2.0, "millimetres between the voxels of the network")
    fold: int = option(0, "which fold of the maps is held back for validation; -1: none is")
    folds: int = option(7, "number of folds")
    memory: float = option(1.0, "limit of the memory of a step in GB, to which the patch is reduced")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 4 <= self.width <= self.widest <= 512:
            raise InputError("width and widest are out of range", "give 4 to 512, the wider last")
        if not 0.5 <= self.spacing <= 5 or not self.memory > 0:
            raise InputError("spacing and memory are out of range", "omit the options for their defaults")


@dataclass(frozen=True, eq=False)
class HeadMap:
    """A label map in canonical axes. labels (X, Y, Z) uint8: indices of a `TissueTable`; spacing: millimetres."""

    name: str
    labels: torch.Tensor
    spacing: tuple[float, float, float]


class SyntheticSegmentationTask(Task):
    """The training task. folder: of label maps of heads."""

    config: Config
    name = "segmentation"
    better = "dice"

    def __init__(self, folder: Path, config: Config) -> None:
        self.config = config
        files = label_files(folder)
        train, val = split(list(files), config.fold, config.folds, config.seed)
        read = {name: read_label_map(path) for name, path in files.items()}
        self.table = TissueTable.of({k for labels in read.values() for k in labels.present})
        if not self.table.classes.any() or self.table.ids.max() < OUTSIDE_BRAIN:
            raise InputError(
                f"{folder} contains no label maps of whole heads", "give maps with the labels of SynthSeg"
            )
        maps, digest = {}, hashlib.sha256()
        for name, labels in read.items():
            index = np.ascontiguousarray(to_canonical(self.table.indices(labels.ids), labels))
            digest.update(name.encode() + index.tobytes())
            maps[name] = HeadMap(name, torch.from_numpy(index), canonical_spacing(labels))
        self.maps = {"train": [maps[n] for n in train], "val": [maps[n] for n in val]}
        self.plan = plan_heads(list(maps.values()), config)
        self._stated = {
            "plan": self.plan.to_json(), "cases": {"train": train, "val": val}, "sha256": digest.hexdigest(),
        }  # fmt: skip

    def module(self) -> nn.Module:
        return ResidualUNet3d.of(self.plan)

    def data(self) -> dict[str, Any]:
        """The plan, the maps of both sets, and a digest of their labels."""
        return self._stated

    def notes(self) -> list[str]:
        """The plan, its memory and its time on this machine, and which maps are held back."""
        counts = {name: len(maps) for name, maps in self.maps.items()}
        rate = measure_rate(self.plan, self.config.precision == "bfloat16")
        head = f"{counts['train']} label maps to train on, {counts['val']} for validation"
        return [head, *describe_plan(self.plan, self.config.batch, rate, self.config.steps)]

    def batch(self, step: int, rank: int, world: int) -> Batch:
        maps, config = self.maps["train"], self.config
        indices = sample_indices(len(maps), step, config.batch, config.seed)
        patches = [
            self.sample(maps[i], np.random.default_rng([config.seed, step, k]))
            for k, i in list(enumerate(indices.tolist()))[rank::world]
        ]
        images, classes = zip(*patches)
        return {"image": torch.stack(images), "classes": torch.stack(classes)}

    def sample(self, one: HeadMap, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """(picture (1, X, Y, Z) float32, classes (X, Y, Z) int64) of a deformed patch of a map, mirrored in half of the cases."""
        plan = self.plan
        labels, table = one.labels, self.table
        if rng.random() < 0.5:
            labels = torch.from_numpy(table.flip)[labels.flip(0).long()]
        factor = max(1, round(plan.spacing[0] / one.spacing[0]))
        fine = _fine_plan(plan, factor)
        shape, extent = np.array(labels.shape), np.array(one.spacing)
        free = np.maximum(shape * extent - np.array(plan.patch) * plan.spacing, 0) / 2
        centre = (shape - 1) / 2 + rng.uniform(-1, 1, 3) * (free + 8.0) / extent
        positions, _ = sampling_positions(centre * extent / fine.spacing, fine, rng)
        positions = positions * torch.tensor(np.array(fine.spacing) / extent, dtype=torch.float32)
        coarse = torch.nn.functional.avg_pool3d(positions.permute(3, 0, 1, 2), factor).permute(1, 2, 3, 0)
        index = gather_labels(labels, coarse)
        image, stripped = synthesise(gather_labels(labels, positions), factor, table, plan.spacing, rng)
        return image, self._classes(index, stripped)

    def _classes(self, index: torch.Tensor, stripped: bool) -> torch.Tensor:
        """Class indices (X, Y, Z) int64 of label indices; without what is outside the brain, where that is removed."""
        classes = np.where(self.table.inside | (not stripped), self.table.classes, 0)
        return torch.from_numpy(classes)[index.long()].long()

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        return deep_loss(module(batch["image"]), batch["classes"], self.plan.strides)

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean Dice over structures of two pictures of each validation map, at the planned spacing; and the least mean of a
        structure, and the mean expected Dice. Structures that neither occur nor are predicted are left out."""
        scores, expected = [], []
        for image, classes in self._pictures():
            probabilities = predict_probabilities(module, image, self.plan.patch)
            found = probabilities.argmax(0)
            expected += [expected_dice(probabilities[k], found == k) for k in np.unique(found) if k]
            sums = np.array(
                [((found == k).sum() + (classes == k).sum()) for k in range(1, self.plan.classes)]
            )
            both = np.array([((found == k) & (classes == k)).sum() for k in range(1, self.plan.classes)])
            scores.append(np.where(sums > 0, 2 * both / np.maximum(sums, 1), np.nan))
        array = np.array(scores)
        by_structure = np.array(
            [column[column == column].mean() for column in array.T if (column == column).any()]
        )
        return {
            "dice": float(by_structure.mean()),
            "worst": float(by_structure.min()),
            EXPECTED: float(np.mean(expected)),
        }

    def _pictures(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(picture, classes) (X, Y, Z) of whole validation maps, the same in each validation."""
        for k, one in enumerate(self.maps["val"][:4]):
            factor = max(1, round(self.plan.spacing[0] / one.spacing[0]))
            x, y, z = (n // factor * factor for n in one.labels.shape)
            labels = one.labels[:x, :y, :z]
            half = factor // 2
            for repeat in range(2):
                rng = np.random.default_rng([23, k, repeat])
                image, stripped = synthesise(labels, factor, self.table, self.plan.spacing, rng)
                index = labels[half::factor, half::factor, half::factor]
                yield image[0].numpy(), self._classes(index, stripped).numpy()


def _fine_plan(plan: Plan, factor: int) -> Plan:
    """The plan of patches with factor times as many voxels along each axis."""
    x, y, z = (p * factor for p in plan.patch)
    a, b, c = (s / factor for s in plan.spacing)
    return dataclasses.replace(plan, patch=(x, y, z), spacing=(a, b, c), mirror=())


def plan_heads(maps: list[HeadMap], config: Config) -> Plan:
    """The plan of label maps at the spacing of the options, for any contrast."""
    groups = head_groups()
    spacings = np.full((len(maps), 3), config.spacing)
    shapes = np.array(
        [np.round(np.array(m.labels.shape) * m.spacing / config.spacing) for m in maps], np.int64
    )
    fingerprint = Fingerprint(
        shapes, spacings, tuple(range(1, len(groups) + 1)), tuple(groups), "any", Intensity(-2.0, 2.0, 0.0, 1.0),
        (0.0,) * (len(groups) + 1), (0,) * len(groups),
    )  # fmt: skip
    return make_plan(fingerprint, config.width, config.batch, config.memory, config.widest)
