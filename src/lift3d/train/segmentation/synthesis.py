"""Pictures synthesised from label maps, to train networks that accept any contrast (Billot et al. 2023, SynthSeg, Medical Image
Analysis 86, arXiv:2107.09559): a random brightness for each tissue, then partial volume, thick slices, a bias field, gamma and
noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.inference.segmentation.preprocessing import normalise
from lift3d.train.segmentation.augmentation import bias_field, blur
from lift3d.train.segmentation.groups import OUTSIDE_BRAIN, head_groups, mirrored, tissues

Floats = tuple[float, float, float]
P_STRIPPED = 0.15
"""Probability that everything outside the brain and its fluid is removed, as skull-stripping does."""
P_THICK = 0.4
P_DARK = 0.8
"""Probability that the background is the darkest tissue, as in most pictures."""


@dataclass(frozen=True, eq=False)
class TissueTable:
    """What label maps contain, by index: ids of the labels, ascending, the first 0; flip: index of the label on the other side;
    tissue: index of the brightness; inside: whether a label belongs to the brain or its fluid; classes: index of the class that
    is predicted, 0 for none."""

    ids: NDArray[np.int64]
    flip: NDArray[np.uint8]
    tissue: NDArray[np.int64]
    inside: NDArray[np.bool_]
    classes: NDArray[np.uint8]

    @classmethod
    def of(cls, present: set[int]) -> TissueTable:
        """The table of the labels that occur in any map, and of those on their other sides."""
        every = sorted({0} | present | set(mirrored(sorted(present))))
        where = {k: i for i, k in enumerate(every)}
        classes = np.zeros(len(every), np.uint8)
        for number, ids in enumerate(head_groups().values(), 1):
            for k in ids:
                if k in where:
                    classes[where[k]] = number
        numbers = np.array(every)
        flip = np.array([where[k] for k in mirrored(every)], np.uint8)
        inside = (numbers > 0) & (numbers < OUTSIDE_BRAIN)
        return cls(numbers, flip, np.array(tissues(every)), inside, classes)

    def indices(self, ids: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The index of each label of a map."""
        return np.asarray(np.searchsorted(self.ids, ids), np.uint8)


def synthesise(
    fine: torch.Tensor, factor: int, table: TissueTable, spacing: Floats, rng: np.random.Generator
) -> tuple[torch.Tensor, bool]:
    """(a normalised picture (1, X, Y, Z) float32, whether everything outside the brain is removed) of a map of label indices (X *
    factor, Y * factor, Z * factor). spacing: millimetres of the picture."""
    count = int(table.tissue.max()) + 1
    mean, deviation = rng.uniform(0, 1, count), rng.uniform(0, 0.15, count)
    if rng.random() < P_DARK:
        mean[table.tissue[0]], deviation[table.tissue[0]] = rng.uniform(0, 0.08), rng.uniform(0, 0.04)
    by_label = [np.asarray(x[table.tissue], np.float32) for x in (mean, deviation)]
    stripped = bool(rng.random() < P_STRIPPED)
    if stripped:
        for values in by_label:
            values[~table.inside] = 0
    index = fine.long()
    noise = torch.from_numpy(rng.standard_normal(tuple(fine.shape), np.float32))
    x = torch.from_numpy(by_label[0])[index] + torch.from_numpy(by_label[1])[index] * noise
    if factor > 1:
        x = torch.nn.functional.avg_pool3d(x[None, None], factor)[0, 0]
    return degrade(x[None], spacing, rng), stripped


def degrade(x: torch.Tensor, spacing: Floats, rng: np.random.Generator) -> torch.Tensor:
    """A normalised picture (1, X, Y, Z) with random resolution, bias field, gamma and noise."""
    x = blur(x, [float(s) for s in rng.uniform(0.1, 0.8, 3)])
    if rng.random() < P_THICK:
        x = thick_slices(x, int(rng.integers(3)), float(rng.uniform(2.0, 8.0)), spacing)
    field = bias_field(tuple(x.shape[1:]), spacing, 0.5, rng)
    x = x.clamp_min(0) * torch.exp(field)[None]
    x = x / x.max().clamp_min(1e-6)
    x = x ** float(np.exp(rng.normal(0, 0.3)))
    x = x + torch.from_numpy(rng.standard_normal(tuple(x.shape), np.float32)) * float(
        rng.uniform(0.001, 0.06)
    )
    return torch.from_numpy(normalise(x[0].numpy(), "any", None))[None]


def thick_slices(x: torch.Tensor, axis: int, thickness: float, spacing: Floats) -> torch.Tensor:
    """A picture (1, X, Y, Z) whose slices along an axis are so thick in millimetres, interpolated back to its voxels."""
    ratio = thickness / spacing[axis]
    if ratio <= 1:
        return x
    sigmas = [0.02, 0.02, 0.02]
    sigmas[axis] = 0.4 * ratio
    small = list(x.shape[1:])
    small[axis] = max(2, int(round(small[axis] / ratio)))
    smooth = blur(x, sigmas)[None]
    down = torch.nn.functional.interpolate(smooth, tuple(small), mode="nearest")
    return torch.nn.functional.interpolate(down, tuple(x.shape[1:]), mode="trilinear", align_corners=False)[0]


def gather_labels(labels: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """(X, Y, Z) uint8 labels nearest to positions (X, Y, Z, 3) in voxels of a map; 0 outside."""
    size = torch.tensor(labels.shape)
    nearest = torch.floor(positions + 0.5).long()
    inside = ((nearest >= 0) & (nearest < size)).all(-1)
    clipped = torch.minimum(nearest.clamp_min(0), size - 1)
    flat = (clipped[..., 0] * labels.shape[1] + clipped[..., 1]) * labels.shape[2] + clipped[..., 2]
    return labels.reshape(-1)[flat] * inside
