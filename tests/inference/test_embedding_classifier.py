"""Classification of embeddings: which vectors the network receives, checked against a loop, and text by similarity."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.inference import embedding_classifier, networks  # noqa: E402
from lift3d.inference.embedding import APPEARANCE_DIM, EmbeddingNetwork  # noqa: E402
from lift3d.inference.embedding_classifier import (  # noqa: E402
    TEXT_SHARPNESS,
    EmbeddingClassifier,
    embedding_of,
    find_classifier,
)
from lift3d.types import Embedding  # noqa: E402
from lift3d.weights import PretrainedCfg  # noqa: E402

NAMES = ("views", "solid", "neither")


class Weighted(torch.nn.Module):
    """Logits: sum of the views' mean if present, sum of the solid's vector if present, 0."""

    def forward(self, views: torch.Tensor, solid: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        logits = torch.stack([views.double().sum(1), solid.double().sum(1)], 1) * present
        return torch.cat([logits, torch.zeros(len(logits), 1)], 1).float()


@pytest.fixture(scope="module")
def classifier() -> EmbeddingClassifier:
    card = SimpleNamespace(
        require_labels=lambda: NAMES, data_digest={"space": "abc"}, file=Path("mine.safetensors")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "load_network", lambda name, weights: (Weighted(), card))
        return EmbeddingClassifier()


def slow_probabilities(views: np.ndarray, solid: np.ndarray | None) -> np.ndarray:
    logits = np.array([views.mean(0).sum() if len(views) else 0, 0 if solid is None else solid.sum(), 0])
    return np.exp(logits) / np.exp(logits).sum()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.booleans(), st.integers(0, 99))
def test_probabilities_equal_those_of_a_loop(
    classifier: EmbeddingClassifier, counts: list[int], solids: bool, seed: int
) -> None:
    vectors = np.random.default_rng(seed).normal(size=(sum(counts), 4)).astype(np.float32)
    owners = np.repeat(np.arange(len(counts))[::-1] * 3, counts)
    fast = classifier.classify_all(vectors, owners, solids)
    starts = np.cumsum([0, *counts])
    for row, start, count in zip(fast, starts, counts):
        own = vectors[start : start + count]
        slow = slow_probabilities(own[1:], own[0]) if solids else slow_probabilities(own, None)
        assert row == pytest.approx(slow, abs=1e-5)


def test_batches_do_not_change_the_result(
    classifier: EmbeddingClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.random.default_rng(0).normal(size=(21, 4)).astype(np.float32)
    whole = classifier.classify_all(vectors, np.arange(21) // 3)
    monkeypatch.setattr(embedding_classifier, "BATCH_SIZE", 2)
    assert np.array_equal(classifier.classify_all(vectors, np.arange(21) // 3), whole)


def test_a_photo_has_no_solid_and_a_shape_begins_with_it(classifier: EmbeddingClassifier) -> None:
    vectors = np.array([[1.0, 2], [0.25, 0.5]], np.float32)
    image = classifier.classify(Embedding(vectors[:1], "image", "abc"))
    assert image == pytest.approx(slow_probabilities(vectors[:1], None), abs=1e-6)
    shape = classifier.classify(Embedding(vectors, "shape", "abc"))
    assert shape == pytest.approx(slow_probabilities(vectors[1:], vectors[0]), abs=1e-6)


def test_text_is_compared_with_the_descriptions_of_the_categories(classifier: EmbeddingClassifier) -> None:
    vector = np.zeros((1, APPEARANCE_DIM + 2), np.float32)
    vector[0, APPEARANCE_DIM:] = 1, 0
    classifier.__dict__["text_prototypes"] = np.array([[0.5, 9], [0.6, 9], [-1, 9]], np.float32)
    probabilities = classifier.classify(Embedding(vector, "text", "abc"))
    assert probabilities.sum() == pytest.approx(1) and probabilities.argmax() == 1
    assert np.log(probabilities[1] / probabilities[0]) == pytest.approx(TEXT_SHARPNESS * 0.1, abs=1e-4)
    classifier.__dict__["text_prototypes"] = None
    assert classifier.classify(Embedding(vector, "text", "abc")) == pytest.approx(
        slow_probabilities(vector, None), abs=1e-6
    )


def test_another_embedding_space_is_refused(classifier: EmbeddingClassifier) -> None:
    classifier.require("abc")
    with pytest.raises(InputError, match=r"mine\.safetensors was trained on another embedding"):
        classifier.require("abd")


def test_the_embedding_of_a_classifier_is_named_by_its_card_or_known_by_its_space() -> None:
    def card(config: dict[str, str], **data: str) -> PretrainedCfg:
        return PretrainedCfg("x", Path("x"), config=config, data_digest=data)

    assert embedding_of(card({"embedding": "runs/mine"}, space="abc")) == "runs/mine"
    assert embedding_of(card({"embedding": "embedding"}, space="abc")) is None
    assert embedding_of(card({})) is None


def test_each_packaged_embedding_has_its_classifier() -> None:
    for name, label in (
        ("embedding_backbone", "embedding_to_label"),
        ("embedding", "embedding_to_label_free"),
    ):
        found = find_classifier(EmbeddingNetwork(name).name)
        assert found is not None and found.found.name == label
        assert (embedding_of(found.found) or "embedding") == name
    assert find_classifier("another space") is None
