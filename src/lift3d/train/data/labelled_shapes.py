"""Shapes of a corpus with their categories: the training and test data of the classifier, and random rotations."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.taxonomy.categories import UNKNOWN
from lift3d.train.data.shape_set import ShapeSet

LEAST, OWN_LEAST = 50, 2
"""Minimum number of shapes of a category: in the corpus of packages, and in a corpus of the user's own meshes."""
TURN_SEED = 20


def category_names(corpus: Corpus, least: int = 0) -> tuple[str, ...]:
    """Sorted names of the categories, without "unknown", with at least `least` shapes in all splits and one in the training
    split.

    least: 0 for the default. InputError where there are fewer than two such categories."""
    own = corpus.card.get("plan", {}).get("folder") is not None
    enough = least or (OWN_LEAST if own else LEAST)
    categories = corpus.column("category")
    counts, learned = Counter(categories), {categories[int(i)] for i in corpus.where(split="train")}
    names = tuple(sorted(n for n, c in counts.items() if c >= enough and n in learned and n != UNKNOWN))
    if len(names) < 2:
        has = f"{len(names)} {'category' if len(names) == 1 else 'categories'}"
        less = ", or give --set least=2" if enough > OWN_LEAST else ""
        raise InputError(
            f"{corpus.folder} has {has} of {enough} shapes or more, but a classifier needs two",
            f"add shapes, one folder for each category{less}",
        )
    return names


class LabelledShapes:
    """Shapes of a split whose category is one of `names`. share: fraction of each category that is used, at least one shape; for
    the same seed a smaller fraction is a subset of a larger one. InputError where no shape remains."""

    def __init__(
        self, corpus: Corpus, split: str, names: tuple[str, ...], share: float = 1.0, seed: int = 0
    ) -> None:
        self.shapes, self.names = ShapeSet(corpus, split, "levels"), names
        row = {name: k for k, name in enumerate(names)}
        label_of = np.array([row.get(str(name), -1) for name in self.shapes.category])
        self.members = np.flatnonzero(label_of >= 0)
        if share < 1:
            self.members = _subset(label_of, len(names), share, seed)
        if not len(self.members):
            raise InputError(
                f"no shape of the split {split} of {corpus.folder} has one of the {len(names)} categories of the network",
                "add shapes of these categories, or name weights of this corpus' categories with --weights",
            )
        self.targets = label_of[self.members]

    def __len__(self) -> int:
        return len(self.members)

    def full(self, i: int) -> NDArray[np.bool_]:
        """Occupancy (64, 64, 64) bool, axes x y z, its bounding box centred in the grid."""
        return centre_in_grid(self.shapes.full(int(self.members[i])))

    def number(self, i: int) -> int:
        """The index of shape i in the corpus."""
        return int(self.shapes.numbers[self.members[i]])

    @property
    def families(self) -> list[str]:
        """The family of each shape."""
        family = self.shapes.corpus.column("family")
        return [str(family[self.number(i)]) for i in range(len(self))]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of shapes (K,) of each category."""
        return np.bincount(self.targets, minlength=len(self.names))


def centre_in_grid(full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The grid shifted by whole voxels so that the bounding box of the full voxels is centred."""
    moves = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        found = np.flatnonzero(full.any(others))
        if not len(found):
            return full
        moves.append((full.shape[axis] - 1 - int(found[0]) - int(found[-1])) // 2)
    return np.roll(full, moves, (0, 1, 2))


def random_rotation(rng: np.random.Generator, kind: str) -> NDArray[np.float32]:
    """A rotation (3, 3): "none": the identity, "up": about z, "any": uniform over all rotations (Shoemake 1992)."""
    if kind == "none":
        return np.eye(3, dtype=np.float32)
    if kind == "up":
        c, s = np.cos(angle := rng.uniform(0, 2 * np.pi)), np.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
    w, x, y, z = rng.normal(size=4)
    return Rotation.from_quat([x, y, z, w]).as_matrix().astype(np.float32)


def small_rotation(rng: np.random.Generator, degrees: float) -> NDArray[np.float32]:
    """A rotation (3, 3) whose rotation vector has this standard deviation in each coordinate."""
    return Rotation.from_rotvec(rng.normal(0, np.deg2rad(degrees), 3)).as_matrix().astype(np.float32)


def evaluation_rotation(number: int, kind: str) -> NDArray[np.float32]:
    """The rotation (3, 3) of shape `number` of a corpus in an evaluation, which depends on `number` and `kind` alone."""
    return random_rotation(np.random.default_rng([TURN_SEED, number]), kind)


def _subset(label_of: NDArray[np.int64], labels: int, share: float, seed: int) -> NDArray[np.int64]:
    """Sorted indices of a fraction of the shapes of each label, at least one of each."""
    chosen = []
    for label in range(labels):
        own = np.flatnonzero(label_of == label)
        count = min(len(own), max(1, round(share * len(own))))
        chosen.append(np.random.default_rng([seed, label]).permutation(own)[:count])
    return np.sort(np.concatenate(chosen))
