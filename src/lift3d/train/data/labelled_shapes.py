"""Shapes of a corpus with the names of their categories: what a classifier learns from, and is measured on."""

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
"""Shapes that a category has at least: in the corpus of packages, in one of one's own meshes."""
TURN_SEED = 20


def category_names(corpus: Corpus, least: int = 0) -> tuple[str, ...]:
    """Categories with enough shapes in all splits together, and one to learn from; "unknown" is none. least: 0 for the
    usual number."""
    own = corpus.card.get("plan", {}).get("folder") is not None
    enough = least or (OWN_LEAST if own else LEAST)
    categories = corpus.column("category")
    counts, learned = Counter(categories), {categories[int(i)] for i in corpus.where(split="train")}
    names = tuple(sorted(n for n, c in counts.items() if c >= enough and n in learned and n != UNKNOWN))
    if len(names) < 2:
        has = f"{len(names)} {'category' if len(names) == 1 else 'categories'}"
        less = " or say --set least=2" if enough > OWN_LEAST else ""
        raise InputError(
            f"{corpus.folder} has {has} of {enough} shapes or more, and two are needed to tell apart",
            f"add shapes, one folder for each category{',' if less else ''}{less}",
        )
    return names


class LabelledShapes:
    """Shapes of a split whose category is one of `names`. share: of each category so much is kept, at least one shape; the
    same ones for the same seed, and the fewer among the more."""

    def __init__(
        self, corpus: Corpus, split: str, names: tuple[str, ...], share: float = 1.0, seed: int = 0
    ) -> None:
        self.shapes, self.names = ShapeSet(corpus, split, "levels"), names
        row = {name: k for k, name in enumerate(names)}
        known = np.array([row.get(str(name), -1) for name in self.shapes.category])
        self.members = np.flatnonzero(known >= 0)
        if share < 1:
            self.members = _few(known, len(names), share, seed)
        if not len(self.members):
            raise InputError(
                f"no shape of the split {split} of {corpus.folder} has one of the {len(names)} categories that are told",
                "add shapes of these categories, or name weights that know this corpus' own with --weights",
            )
        self.targets = known[self.members]

    def __len__(self) -> int:
        return len(self.members)

    def full(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64), x y z: which cells are full, the thing's box in the middle of the grid."""
        return centre_in_grid(self.shapes.full(int(self.members[i])))

    def number(self, i: int) -> int:
        """Of the shape in the corpus."""
        return int(self.shapes.numbers[self.members[i]])

    @property
    def families(self) -> list[str]:
        held = self.shapes.corpus.column("family")
        return [str(held[self.number(i)]) for i in range(len(self))]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Shapes of each category."""
        return np.bincount(self.targets, minlength=len(self.names))


def centre_in_grid(full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same cells, moved by whole cells so that their box lies in the middle of the grid."""
    moves = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        found = np.flatnonzero(full.any(others))
        if not len(found):
            return full
        moves.append((full.shape[axis] - 1 - int(found[0]) - int(found[-1])) // 2)
    return np.roll(full, moves, (0, 1, 2))


def random_rotation(rng: np.random.Generator, kind: str) -> NDArray[np.float32]:
    """(3, 3) rotation: "none", "up" (around z), or "any", evenly over all (Shoemake 1992)."""
    if kind == "none":
        return np.eye(3, dtype=np.float32)
    if kind == "up":
        c, s = np.cos(angle := rng.uniform(0, 2 * np.pi)), np.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
    w, x, y, z = rng.normal(size=4)
    return Rotation.from_quat([x, y, z, w]).as_matrix().astype(np.float32)


def small_rotation(rng: np.random.Generator, degrees: float) -> NDArray[np.float32]:
    """(3, 3) rotation around any axis, by an angle of this standard deviation in each of the three."""
    return Rotation.from_rotvec(rng.normal(0, np.deg2rad(degrees), 3)).as_matrix().astype(np.float32)


def evaluation_rotation(number: int, kind: str) -> NDArray[np.float32]:
    """The turn in which shape `number` of a corpus is looked at when a network is measured."""
    return random_rotation(np.random.default_rng([TURN_SEED, number]), kind)


def _few(known: NDArray[np.int64], labels: int, share: float, seed: int) -> NDArray[np.int64]:
    kept = []
    for label in range(labels):
        own = np.flatnonzero(known == label)
        count = min(len(own), max(1, round(share * len(own))))
        kept.append(np.random.default_rng([seed, label]).permutation(own)[:count])
    return np.sort(np.concatenate(kept))
