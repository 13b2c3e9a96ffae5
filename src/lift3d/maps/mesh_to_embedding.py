"""A mesh to its embedding: vectors of its coloured voxels and of rendered views around it."""

from __future__ import annotations

from dataclasses import dataclass

from lift3d.context import Context
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import EMBEDDING_IGNORES_SIZE, EQUAL_LENGTHS
from lift3d.geometry.parts.convert import mesh_to_part
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Embedding, Mesh

NAME = "mesh_to_embedding"


@register(
    Card(
        NAME, "Mesh", "Embedding",
        (EQUAL_LENGTHS, EMBEDDING_IGNORES_SIZE, SAME_BYTES),
        "learned", "Su et al. 2015; Radford et al. 2021",
    )
)  # fmt: skip
@dataclass(frozen=True)
class MeshToEmbedding(Mapping[Mesh, Embedding]):
    """weights: a run's folder or a weights file; the package's own if not given. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    runtime: str | None = None

    def apply(self, source: Mesh, context: Context) -> Embedding:
        from lift3d.inference.embedding import EmbeddingNetwork

        space = EmbeddingNetwork(self.weights, self.runtime)
        place = space.embed_parts([mesh_to_part(source)])
        context.note(NAME, weights=space.found.name, views=len(place.vectors) - 1)
        return place
