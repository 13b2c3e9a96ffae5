"""Shapes of a corpus as training samples: the cells that each fills, upright, in the corpus' grid."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.geometry.voxels.occupancy import occupancy_levels

HALF = 127
RULES = ("whole", "levels")
"""How cells are told full: so that thin parts hang together (geometry/voxels/occupancy.py), or by levels
(geometry/voxels/view_frame.py),
which the networks that tell kinds have learned from."""
ORIENTATIONS = 8
"""Ways to lay a shape upright onto its grid: four quarter turns, each also mirrored."""


class ShapeSet:
    """The shapes of one split; samples by number, in the order of the corpus."""

    def __init__(self, corpus: Corpus, split: str, rule: str = "whole") -> None:
        """rule: one of RULES."""
        if rule not in RULES:
            raise ValueError(f"cells are told full by one of {RULES}, not by {rule!r}")
        self.corpus, self.split, self.rule = corpus, split, rule
        self.numbers = corpus.where(split=split)
        if not len(self.numbers):
            raise InputError(
                f"{corpus.folder} has no shapes in the split {split}", "build it from more things"
            )
        names = np.array(corpus.column("category"))
        self.category: NDArray[np.str_] = names[self.numbers]

    def __len__(self) -> int:
        return len(self.numbers)

    def full(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64), x y z: which cells are full. What is thinner than a cell has whole cells, so that nothing is lost."""
        number = int(self.numbers[i])
        if self.rule == "whole":
            return self.corpus.occupied(number)
        return np.asarray(
            occupancy_levels(self.corpus.inside(number), self.corpus.surface_voxels(number)) > HALF
        )

    def digest(self) -> str:
        """A sum over the shapes' keys, and the rule: what a run was trained on."""
        keys = self.corpus.keys
        text = " ".join(keys[int(i)] for i in self.numbers)
        if self.rule != "levels":
            text += f" {self.rule}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def orient(full: NDArray[np.bool_], move: int) -> NDArray[np.bool_]:
    """The shape turned by quarters around z, and mirrored if move is 4 or more; 0 leaves it."""
    turned = np.rot90(full, move % 4, (0, 1))
    return np.ascontiguousarray(turned[::-1] if move >= 4 else turned)
