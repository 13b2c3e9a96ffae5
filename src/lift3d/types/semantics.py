"""What something means: labels, words, embeddings, latent codes and search results."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lift3d.types.arrays import F32, F64, _require


@dataclass(frozen=True, eq=False)
class Latent:
    """The code of a solid. values (Z, D, H, W) float32; space: which autoencoder's it is (the start of its weights' sum);
    affine (4, 4): from the unit frame (geometry/voxels/canonical_frame.py) to the world."""

    values: F32
    space: str
    affine: F64 = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        _require(
            self.values.ndim == 4 and self.values.dtype == np.float32, "Latent.values must be (Z, D, H, W)"
        )
        _require(self.affine.shape == (4, 4), "Latent.affine must be 4x4")


@dataclass(frozen=True, eq=False)
class Label:
    """What kind of thing something is, as far as can be told: names of categories, and the probability of each (K,)."""

    names: tuple[str, ...]
    probabilities: F64

    def __post_init__(self) -> None:
        p = self.probabilities
        _require(p.shape == (len(self.names),) and len(p) > 0, "Label needs one probability for each name")
        _require(len(set(self.names)) == len(self.names), "Label.names must differ")
        _require(
            bool((p >= 0).all()) and abs(float(p.sum()) - 1) < 1e-4,
            "Label.probabilities must be positive and sum to 1",
        )

    def top(self, count: int) -> list[tuple[str, float]]:
        """The likeliest names, likeliest first; equal ones in the order of the names."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.names[i], float(self.probabilities[i])) for i in order]

    @property
    def name(self) -> str:
        """The likeliest name."""
        return self.top(1)[0][0]

    @staticmethod
    def certain(name: str) -> Label:
        """One category with probability 1."""
        return Label((name,), np.ones(1))


@dataclass(frozen=True)
class Words:
    """What somebody calls a thing, in English."""

    text: str

    def __post_init__(self) -> None:
        _require(bool(self.text.strip()), "Words need a word")


@dataclass(frozen=True, eq=False)
class Embedding:
    """Where a thing lies in the space of shapes. vectors (N, D) float32, finite: of an "image" its own; of a "shape" its
    solid's first, then its views'; of "words" their own. space: which weights made them; others do not compare."""

    vectors: F32
    modality: str
    space: str

    def __post_init__(self) -> None:
        v = self.vectors
        _require(
            v.ndim == 2 and len(v) > 0 and v.dtype == np.float32, "Embedding.vectors must be (N, D) float32"
        )
        _require(bool(np.isfinite(v).all()), "Embedding.vectors must be finite")
        _require(self.modality in ("image", "shape", "text"), "Embedding.modality is image, shape or text")


@dataclass(frozen=True)
class Neighbour:
    """A find: its name in the index, and how near it is; larger is nearer, and 1 about as near as can be."""

    name: str
    score: float


@dataclass(frozen=True)
class Neighbours:
    """Finds, the nearest first."""

    items: tuple[Neighbour, ...]

    def __len__(self) -> int:
        return len(self.items)
