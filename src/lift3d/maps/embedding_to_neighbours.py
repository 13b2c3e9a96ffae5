"""A place in the space of shapes to the models of an index that are nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lift3d.context import Context
from lift3d.inference.embedding import Mix
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Embedding, Neighbours

NAME = "embedding_to_neighbours"


@register(
    Card(
        NAME, "Embedding", "Neighbours",
        ("the nearest first", "places that other weights made are refused"),
        reference="Malkov & Yashunin 2018",
    )
)  # fmt: skip
@dataclass(frozen=True)
class EmbeddingToNeighbours(Mapping[Embedding, Neighbours]):
    """index: the folder of an index (`lift3d index`); count: how many are wanted; views, solid, kind: how much the looks of
    the nearest views, the looks of the solid, and the kind of thing count; sharp, feedback: lift3d.inference.embedding.Mix."""

    index: str = ".lift3d-index"
    count: int = 5
    views: float = Mix.views
    solid: float = Mix.solid
    kind: float = Mix.kind
    sharp: float = Mix.sharp
    feedback: float = Mix.feedback

    def apply(self, source: Embedding, context: Context) -> Neighbours:
        from lift3d.index.store import Store

        with Store(Path(self.index)) as store:
            mix = Mix(self.views, self.solid, self.kind, self.sharp, self.feedback)
            found = store.search(source, self.count, mix)
            context.note(NAME, models=len(store), found=len(found))
        return found
