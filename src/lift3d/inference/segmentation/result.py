"""The result of a segmentation: labels, uncertainty of each voxel, and certainty of each label."""

from __future__ import annotations

from dataclasses import dataclass

from lift3d.types.volumes import Labels, Volume

SURE = 0.5
"""Normalised entropy above which a voxel counts as uncertain."""


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
    first, nan for a class that is empty."""

    labels: Labels
    uncertainty: Volume
    certainty: tuple[LabelCertainty, ...]
    means: tuple[float, ...]
