"""The embedding vectors of the shapes of a split whose categories are known: the data of classifiers of embeddings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.train.data.embedding_vectors import EmbeddingVectors
from lift3d.types import F32


@dataclass(frozen=True, eq=False)
class LabelledSplit:
    """The shapes of a split with known categories. rows (N,): row of each shape in `vectors`; pictures: rows of the views of each
    shape; targets (N,): category indices; renderings: rows of the renderings of each shape, empty if there are none."""

    vectors: EmbeddingVectors
    rows: NDArray[np.int64]
    pictures: list[NDArray[np.int64]]
    targets: NDArray[np.int64]
    renderings: list[NDArray[np.int64]] = field(default_factory=list)

    def model(self, k: int) -> F32:
        """The vectors (1 + V, D) of shape k as a model: of the solid, and of its renderings, or of its pictures if it has no
        renderings."""
        solid = self.vectors.solids[self.rows[k], :1]
        seen = self.vectors.views[self.pictures[k]]
        if self.vectors.renderings is not None and len(self.renderings[k]):
            seen = self.vectors.renderings[self.renderings[k]]
        return np.concatenate([solid, seen]).astype(np.float32)

    def views(self, k: int, indices: NDArray[np.int64] | None = None) -> F32:
        """The mean vector (D,) of views of shape k. indices: rows of the views; None: all. Zero for a shape without views."""
        which = self.pictures[k] if indices is None else indices
        views = self.vectors.views
        return views[which].astype(np.float32).mean(0) if len(which) else np.zeros(views.shape[1], np.float32)


def select_labelled(vectors: EmbeddingVectors, corpus: Corpus, names: tuple[str, ...]) -> LabelledSplit:
    """The shapes of `vectors` whose category is one of `names`."""
    row = {name: k for k, name in enumerate(names)}
    category = corpus.column("category")
    known = np.array([row.get(str(category[int(i)]), -1) for i in vectors.shapes], np.int64)
    rows = np.flatnonzero(known >= 0)
    pictures = _rows_of(vectors.owners, rows)
    renderings = [] if vectors.rendered is None else _rows_of(vectors.rendered, rows)
    return LabelledSplit(vectors, rows, pictures, known[rows], renderings)


def _rows_of(owners: NDArray[np.int64], rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The indices of each of some rows in sorted `owners`."""
    low, high = np.searchsorted(owners, rows, "left"), np.searchsorted(owners, rows, "right")
    return [np.arange(a, b) for a, b in zip(low, high)]
