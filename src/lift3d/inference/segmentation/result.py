"""The result of a segmentation: labels, uncertainty of each voxel, and certainty of each label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.types.volumes import Labels, Volume

SURE = 0.5
"""Normalised entropy above which a voxel counts as uncertain."""

EXPECTED = "expected"
"""Name of the validation metric that states the usual mean expected Dice."""


@dataclass(frozen=True)
class LabelCertainty:
    """What is known of one label. id, name; millilitres: its volume; expected_dice: the mean Dice of the label with structures
    sampled from the predicted probabilities, if these are calibrated, 0 where the label is empty; uncertain: the fraction of its
    voxels with an entropy above SURE."""

    id: int
    name: str
    millilitres: float
    expected_dice: float
    uncertain: float


@dataclass(frozen=True, eq=False)
class Segmentation:
    """labels: on the grid of the volume. uncertainty: entropy of each voxel's probabilities, 0 (certain) to 1 (all classes are
    equally probable), on the same grid. certainty: of each label. means: mean normalised value of each class, the background
    first, nan for a class that is empty. usual: mean expected Dice of the volumes that were held back in training; None where
    the weights do not state it."""

    labels: Labels
    uncertainty: Volume
    certainty: tuple[LabelCertainty, ...]
    means: tuple[float, ...]
    usual: float | None = None

    @property
    def expected_dice(self) -> float:
        """Mean expected Dice of the labels that occur; 0 where none does."""
        found = [one.expected_dice for one in self.certainty if one.expected_dice > 0]
        return sum(found) / len(found) if found else 0.0


def expected_dice(probability: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """The expected Dice of a mask with structures sampled from the probabilities (X, Y, Z), approximated by the ratio of the
    expectations, 2 sum(p in the mask) / (|mask| + sum(p)); 0 for an empty mask."""
    count = int(mask.sum())
    if not count:
        return 0.0
    inside = float(probability[mask].sum(dtype=np.float64))
    return 2 * inside / (count + float(probability.sum(dtype=np.float64)))
