"""Who tells the kinds of places in the space of shapes, as arrays: what stands between the network
(nets/embedding_classifier.py),
search and classification."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from lift3d.errors import InputError, MissingExtra
from lift3d.inference.embedding import APPEARANCE_DIM, EmbeddingNetwork
from lift3d.inference.networks import inference_mode, load_network
from lift3d.types import F32, Embedding
from lift3d.weights import find

NAME = "embedding_to_label"
BATCH_SIZE = 4096
TEXT_SHARPNESS = 20.0
"""How much a cosine between words and a kind's words weighs, as the logarithm of a probability."""


class EmbeddingClassifier:
    """The network with its weights. weights: a run's folder or a weights file; the package's own if not given."""

    def __init__(self, weights: str | Path | None = None) -> None:
        self.net, self.found = load_network(NAME, weights)
        self.names = self.found.require_labels()
        self.space = str(self.found.data_digest.get("space"))

    def require(self, space: str) -> None:
        """InputError unless it has learned from places of this space."""
        if self.space != space:
            raise InputError(
                f"{self.found.file.name} knows the places of another embedding",
                "train embedding-to-label with these weights: --set embedding=RUN",
            )

    def classify(self, place: Embedding) -> F32:
        """(K,) probabilities; of words by how near they are to the kinds' own words, if these can be had."""
        if place.modality == "text" and self.said is not None:
            alike = TEXT_SHARPNESS * (self.said @ place.vectors[:, APPEARANCE_DIM:].mean(0))
            likely = np.exp(alike - alike.max())
            return np.asarray(likely / likely.sum(), np.float32)
        return self.classify_all(
            place.vectors, np.zeros(len(place.vectors), np.int64), place.modality == "shape"
        )[0]

    @cached_property
    def said(self) -> F32 | None:
        """(K, KIND) of the words of every kind, by the package's embedding."""
        from lift3d.taxonomy.captions import category_text

        space = EmbeddingNetwork()
        if space.name != self.space:
            return None
        try:
            return space.embed_texts([category_text(name) for name in self.names])[:, APPEARANCE_DIM:]
        except MissingExtra:
            return None

    def classify_all(self, vectors: F32, owners: np.ndarray, solids: bool = True) -> F32:
        """(T, K) of the things that the rows of vectors (M, D) belong to, owners (M,), one thing's rows together; solids: the
        first row of each is its solid's."""
        import torch

        first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        sizes = np.diff(np.r_[first, len(owners)])
        solid = vectors[first] if solids else np.zeros((len(first), vectors.shape[1]), np.float32)
        counts = sizes - int(solids)
        views = (np.add.reduceat(vectors, first) - solid) / np.maximum(counts, 1)[:, None]
        there = np.stack([counts > 0, np.full(len(first), solids)], 1)
        out = []
        with inference_mode():
            for at in range(0, len(first), BATCH_SIZE):
                some = (torch.from_numpy(a[at : at + BATCH_SIZE]) for a in (views, solid, there))
                out.append(self.net(*some).softmax(1).numpy())
        return np.concatenate(out)


@lru_cache(4)
def find_classifier(space: str) -> EmbeddingClassifier | None:
    """The package's own, if it knows this space."""
    try:
        find(NAME)
    except InputError:
        return None
    judge = EmbeddingClassifier()
    return judge if judge.space == space else None
