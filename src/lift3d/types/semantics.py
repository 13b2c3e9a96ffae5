"""Meaning: labels, words, embeddings, latent codes and search results."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lift3d.types.arrays import F32, F64, _require

MODALITIES = ("image", "shape", "text")


@dataclass(frozen=True, eq=False)
class Latent:
    """The latent code of a shape.

    values (Z, D, H, W) float32; space: identifier of the autoencoder's latent space (the first digits of its weights'
    checksum); affine (4, 4) float64: from the canonical frame (geometry/voxels/canonical_frame.py) to the world.
    """

    values: F32
    space: str
    affine: F64 = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        _require(
            self.values.ndim == 4 and self.values.dtype == np.float32, "Latent.values must be (Z, D, H, W)"
        )
        _require(self.affine.shape == (4, 4), "Latent.affine must be 4x4")


@dataclass(frozen=True)
class Provenance:
    """The weights with which a mapping computed a value. sha256: checksum of the weights as their card states it."""

    mapping: str
    weights: str
    sha256: str | None = None


@dataclass(frozen=True, eq=False)
class Label:
    """A distribution over categories.

    names (K,); probabilities (K,) float64, sum 1; rotation (3, 3) float64: the rotation that sets the classified shape
    upright (upright = rotation @ input), or None if it was not estimated; provenance: the weights used.
    """

    names: tuple[str, ...]
    probabilities: F64
    rotation: F64 | None = None
    provenance: tuple[Provenance, ...] = ()

    def __post_init__(self) -> None:
        p = self.probabilities
        _require(p.shape == (len(self.names),) and len(p) > 0, "Label needs one probability for each name")
        _require(len(set(self.names)) == len(self.names), "Label.names must differ")
        _require(
            bool((p >= 0).all()) and abs(float(p.sum()) - 1) < 1e-4,
            "Label.probabilities must be positive and sum to 1",
        )
        _require(self.rotation is None or self.rotation.shape == (3, 3), "Label.rotation must be 3x3")

    def top(self, count: int) -> list[tuple[str, float]]:
        """The `count` most probable (name, probability) pairs, in descending order; ties keep the order of `names`."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.names[i], float(self.probabilities[i])) for i in order]

    @property
    def name(self) -> str:
        """The most probable name."""
        return self.top(1)[0][0]

    @staticmethod
    def certain(name: str) -> Label:
        """One category with probability 1."""
        return Label((name,), np.ones(1))


@dataclass(frozen=True)
class Words:
    """An English name or description of an object."""

    text: str

    def __post_init__(self) -> None:
        _require(bool(self.text.strip()), "Words must not be empty")


@dataclass(frozen=True, eq=False)
class Embedding:
    """Vectors in the joint embedding space of images, shapes and text.

    vectors (N, D) float32, finite. modality: "image" (one vector), "shape" (first the solid's vector, then one for each
    rendered view) or "text" (one vector). space: identifier of the weights; embeddings of different spaces cannot be
    compared. words: the text itself, where it is known.
    """

    vectors: F32
    modality: str
    space: str
    words: str | None = None

    def __post_init__(self) -> None:
        v = self.vectors
        _require(
            v.ndim == 2 and len(v) > 0 and v.dtype == np.float32, "Embedding.vectors must be (N, D) float32"
        )
        _require(bool(np.isfinite(v).all()), "Embedding.vectors must be finite")
        _require(self.modality in MODALITIES, "Embedding.modality is image, shape or text")


@dataclass(frozen=True)
class Neighbour:
    """One search result: the model's name in the index and its similarity to the query (1 is about the highest). nearness: of a
    query in words, the cosine by which `near` is decided; None for other queries."""

    name: str
    score: float
    nearness: float | None = None


@dataclass(frozen=True)
class Neighbours:
    """Search results in descending order of score."""

    items: tuple[Neighbour, ...]

    def __len__(self) -> int:
        return len(self.items)
