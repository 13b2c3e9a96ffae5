"""Classification of embeddings (network: nets/embedding_classifier.py), for search and `lift3d classify`."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.errors import InputError, MissingExtra
from lift3d.inference.embedding import APPEARANCE_DIM, PACKAGED, EmbeddingNetwork
from lift3d.inference.embedding import NAME as EMBEDDING
from lift3d.inference.network import open_network
from lift3d.types import F32, Embedding
from lift3d.weights import PretrainedCfg, find

NAME, FREE = "embedding_to_label", "embedding_to_label_free"
"""The packaged weights: on the embedding of the pre-trained backbone, and on the one that has learned from free data alone."""
BATCH_SIZE = 4096
TEXT_SHARPNESS = 20.0
"""Factor from the cosine between a text and a category's description to a logit."""


class EmbeddingClassifier:
    """The network with its weights. weights, runtime: as in `lift3d.inference.network.open_network`."""

    def __init__(self, weights: str | Path | None = None, runtime: str | None = None) -> None:
        self.runtime = runtime
        self.network = open_network(NAME, weights, runtime)
        self.found = self.network.found
        self.names = self.found.require_labels()
        self.space = str(self.found.data_digest.get("space"))

    @property
    def net(self) -> Any:
        """The module of torch, for attribution."""
        return self.network.net  # type: ignore[attr-defined]

    def require(self, space: str) -> None:
        """Raise InputError unless the network was trained on embeddings of this space."""
        if self.space != space:
            raise InputError(
                f"{self.found.file.name} was trained on another embedding",
                "train embedding-to-label with these weights: --set embedding=RUN",
            )

    def classify(self, embedding: Embedding) -> F32:
        """(K,) probabilities of the categories. For text they follow from the similarity to the categories' descriptions, where
        these can be encoded."""
        if embedding.modality == "text" and self.text_prototypes is not None:
            alike = TEXT_SHARPNESS * (self.text_prototypes @ embedding.vectors[:, APPEARANCE_DIM:].mean(0))
            likely = np.exp(alike - alike.max())
            return np.asarray(likely / likely.sum(), np.float32)
        return self.classify_all(
            embedding.vectors, np.zeros(len(embedding.vectors), np.int64), embedding.modality == "shape"
        )[0]

    @cached_property
    def text_prototypes(self) -> F32 | None:
        """(K, C) category vectors of the categories' descriptions; None for other embeddings or without the extra `text`."""
        from lift3d.taxonomy.captions import category_text

        source = embedding_of(self.found) or EMBEDDING
        if source not in PACKAGED:
            return None
        space = EmbeddingNetwork(source, self.runtime)
        if space.name != self.space:
            return None
        try:
            return space.embed_texts([category_text(name) for name in self.names])[:, APPEARANCE_DIM:]
        except MissingExtra:
            return None

    @cached_property
    def category_sentences(self) -> F32:
        """(2, K, 384) vectors of the sentence encoder: of the categories' names, and of their descriptions."""
        from lift3d.inference.sentence_encoder import encode_sentences
        from lift3d.taxonomy.captions import category_text

        names = [name.replace("_", " ") for name in self.names]
        return np.stack([encode_sentences(names), encode_sentences([category_text(n) for n in self.names])])

    def category_similarity(self, sentence: F32) -> F32:
        """(K,) similarity of a vector of the sentence encoder (384,) to each category: the mean of its cosines with the name and
        with the description. MissingExtra without the extra `text`."""
        return np.asarray((self.category_sentences @ sentence).mean(0), np.float32)

    def classify_all(self, vectors: F32, owners: np.ndarray, solids: bool = True) -> F32:
        """(N, K) probabilities of N models. vectors (M, D); owners (M,): the model of each vector; a model's vectors are
        contiguous; solids: whether the first vector of each model is the vector of its solid."""
        first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        sizes = np.diff(np.r_[first, len(owners)])
        solid = vectors[first] if solids else np.zeros((len(first), vectors.shape[1]), np.float32)
        counts = sizes - int(solids)
        views = (np.add.reduceat(vectors, first) - solid) / np.maximum(counts, 1)[:, None]
        present = np.stack([counts > 0, np.full(len(first), solids)], 1)
        starts = range(0, len(first), BATCH_SIZE)
        inputs = views, solid, present
        return np.concatenate(
            [self.network.run("label", *(a[at : at + BATCH_SIZE] for a in inputs))[0] for at in starts]
        )


def embedding_of(found: PretrainedCfg) -> str | None:
    """Weights of the embedding on which a classifier was trained, as its card names them; None for the default."""
    source = found.config.get("embedding")
    return None if source in (None, EMBEDDING) else str(source)


@lru_cache(4)
def find_classifier(space: str, runtime: str | None = None) -> EmbeddingClassifier | None:
    """The packaged classifier that was trained on this embedding space; None where there is none. runtime: as in
    `open_network`."""
    for name in (NAME, FREE):
        try:
            find(name)
        except InputError:
            continue
        classifier = EmbeddingClassifier(name, runtime)
        if classifier.space == space:
            return classifier
    return None
