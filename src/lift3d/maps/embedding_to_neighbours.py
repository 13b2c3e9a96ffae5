"""An embedding to the most similar models of an index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lift3d.context import Context
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import DESCENDING, REFUSES_OTHER_SPACE
from lift3d.inference.embedding import SimilarityWeights
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Embedding, Neighbours

NAME = "embedding_to_neighbours"


@register(
    Card(
        NAME, "Embedding", "Neighbours",
        (DESCENDING, REFUSES_OTHER_SPACE, SAME_BYTES),
        reference="Malkov & Yashunin 2018",
    )
)  # fmt: skip
@dataclass(frozen=True)
class EmbeddingToNeighbours(Mapping[Embedding, Neighbours]):
    """index: the folder of an index (`lift3d index`); count: number of neighbours; views, solid, category, sharpness, feedback:
    as in `lift3d.inference.embedding.SimilarityWeights`."""

    index: str = ".lift3d-index"
    count: int = 5
    views: float = SimilarityWeights.views
    solid: float = SimilarityWeights.solid
    category: float = SimilarityWeights.category
    sharpness: float = SimilarityWeights.sharpness
    feedback: float = SimilarityWeights.feedback

    def apply(self, source: Embedding, context: Context) -> Neighbours:
        from lift3d.search_index.store import ModelIndex

        with ModelIndex(Path(self.index)) as store:
            mix = SimilarityWeights(self.views, self.solid, self.category, self.sharpness, self.feedback)
            found = store.search(source, self.count, mix)
            context.note(NAME, models=len(store), found=len(found))
        return found
