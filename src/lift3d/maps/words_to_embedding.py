"""English words to their embedding: a sentence encoder followed by a learned projection."""

from __future__ import annotations

from dataclasses import dataclass

from lift3d.context import Context
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import ONE_VECTOR
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Embedding, Words

NAME = "words_to_embedding"


@register(
    Card(
        NAME, "Words", "Embedding", (ONE_VECTOR, SAME_BYTES),
        "learned", "Reimers & Gurevych 2019; Radford et al. 2021",
    )
)  # fmt: skip
@dataclass(frozen=True)
class WordsToEmbedding(Mapping[Words, Embedding]):
    """weights: a run's folder or a weights file; the package's own if not given. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    runtime: str | None = None

    def apply(self, source: Words, context: Context) -> Embedding:
        from lift3d.inference.embedding import EmbeddingNetwork

        space = EmbeddingNetwork(self.weights, self.runtime)
        context.note(NAME, weights=space.found.name)
        return space.embed_text(source)
