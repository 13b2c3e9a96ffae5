"""An embedding to a label: a classifier on the embeddings of a photo, of the views of a model, or of its solid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import DISTRIBUTION, REFUSES_OTHER_SPACE
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Embedding, Label, Provenance

NAME = "embedding_to_label"


@register(
    Card(
        NAME, "Embedding", "Label",
        (DISTRIBUTION, REFUSES_OTHER_SPACE, SAME_BYTES),
        "learned", "Su et al. 2015; Menon et al. 2021",
    )
)  # fmt: skip
@dataclass(frozen=True)
class EmbeddingToLabel(Mapping[Embedding, Label]):
    """weights: a run's folder or a weights file; if not given, the package's own for the space of the embedding. runtime: "torch"
    or "onnx", as in `lift3d.inference.network.open_network`."""

    weights: str | None = None
    runtime: str | None = None

    def apply(self, source: Embedding, context: Context) -> Label:
        from lift3d.inference.embedding_classifier import EmbeddingClassifier, find_classifier

        if source.modality == "text":
            raise InputError("text needs no classification", "give a photo or a model")
        packaged = find_classifier(source.space, self.runtime) if self.weights is None else None
        classifier = packaged or EmbeddingClassifier(self.weights, self.runtime)
        classifier.require(source.space)
        probabilities = classifier.classify(source).astype(np.float64)
        if not np.isfinite(probabilities).all():
            raise InputError(
                f"{classifier.found.file.name} gives values that are not finite",
                "download weights and card again",
            )
        context.note(NAME, weights=classifier.found.name, sha256=classifier.found.sha256)
        provenance = (Provenance(NAME, classifier.found.name, classifier.found.sha256),)
        return Label(classifier.names, probabilities / probabilities.sum(), provenance=provenance)
