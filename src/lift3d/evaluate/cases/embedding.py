"""Images, models and their embeddings of one split, for retrieval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32


@dataclass(frozen=True, eq=False)
class RetrievalSet:
    """N shapes of a split with one query image each.

    shapes: their indices in the corpus. images (N, 4, 128, 128): the query images; queries (N, D): their embeddings. models:
    for each shape the embeddings (1 + V, D) of its solid and of its V rendered views. owners (M,): the shape, in range(N), of
    each rendered view. features: baseline name -> features of the queries (N, F) and of the views (M, F). space: the
    embedding space.
    """

    shapes: list[int]
    images: F32
    queries: F32
    models: list[F32]
    owners: NDArray[np.int64]
    features: dict[str, tuple[F32, F32]]
    space: str = ""
