"""Shapes of a corpus as training samples: upright occupancy in the corpus' grid."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.geometry.voxels.occupancy import occupancy_levels

HALF = 127
RULES = ("whole", "levels")
"""Rules by which occupancy is thresholded. "whole": thin parts stay connected (geometry/voxels/occupancy.py); "levels": by the
occupancy level alone, as for the packaged classifiers."""
ORIENTATIONS = 8
"""Number of orientations of an upright shape on its grid: four rotations by 90 degrees, and their reflections."""


class ShapeSet:
    """The shapes of one split, by index, in the order of the corpus. InputError for a split without shapes."""

    def __init__(self, corpus: Corpus, split: str, rule: str = "whole") -> None:
        """rule: one of RULES; ValueError for any other."""
        if rule not in RULES:
            raise ValueError(f"the rule is one of {RULES}, not {rule!r}")
        self.corpus, self.split, self.rule = corpus, split, rule
        self.numbers = corpus.where(split=split)
        if not len(self.numbers):
            raise InputError(
                f"{corpus.folder} has no shapes in the split {split}", "build the corpus from more meshes"
            )
        names = np.array(corpus.column("category"))
        self.category: NDArray[np.str_] = names[self.numbers]

    def __len__(self) -> int:
        return len(self.numbers)

    def full(self, i: int) -> NDArray[np.bool_]:
        """Occupancy (64, 64, 64) bool of shape i, axes x y z. With the rule "whole", parts thinner than a voxel fill whole
        voxels."""
        number = int(self.numbers[i])
        if self.rule == "whole":
            return self.corpus.occupied(number)
        return np.asarray(
            occupancy_levels(self.corpus.inside(number), self.corpus.surface_voxels(number)) > HALF
        )

    def digest(self) -> str:
        """A hash of the shapes' keys and the rule, which identifies the training data."""
        keys = self.corpus.keys
        text = " ".join(keys[int(i)] for i in self.numbers)
        if self.rule != "levels":
            text += f" {self.rule}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def orient(full: NDArray[np.bool_], orientation: int) -> NDArray[np.bool_]:
    """The shape (n, n, n) in one of the ORIENTATIONS: rotated by `orientation % 4` times 90 degrees about z, then reflected in x
    if `orientation` is 4 or more."""
    rotated = np.rot90(full, orientation % 4, (0, 1))
    return np.ascontiguousarray(rotated[::-1] if orientation >= 4 else rotated)
