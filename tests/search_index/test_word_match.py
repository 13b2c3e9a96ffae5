"""Words and models: names in paths, expectation over categories, and what an index without anything near says.

The sentence encoder is replaced by one whose vectors count known words, so that every cosine is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.inference.embedding import APPEARANCE_DIM, SimilarityWeights  # noqa: E402
from lift3d.pipelines.search import is_near  # noqa: E402
from lift3d.search_index import store, word_match  # noqa: E402
from lift3d.search_index.store import IndexedFile, ModelIndex  # noqa: E402
from lift3d.search_index.word_match import (  # noqa: E402
    CATEGORY_BONUS,
    NEAR,
    path_names,
    path_patterns,
    words_nearness,
)
from lift3d.types import Embedding, Neighbour, Neighbours  # noqa: E402

VOCABULARY = ("chair", "table", "piano", "round", "models")


def encode(texts: list[str]) -> np.ndarray:
    """Unit vectors that count the words of the vocabulary; the last dimension counts all others."""
    out = np.zeros((len(texts), len(VOCABULARY) + 1), np.float32)
    for row, text in zip(out, texts):
        for word in text.split():
            row[VOCABULARY.index(word) if word in VOCABULARY else -1] += 1
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


class Classifier:
    """Chairs and tables."""

    names = ("chair", "table")

    def category_similarity(self, sentence: np.ndarray) -> np.ndarray:
        return encode(list(self.names)) @ sentence

    def classify(self, embedding: Embedding) -> np.ndarray:
        return np.array([0.5, 0.5], np.float32)

    def classify_all(self, vectors: np.ndarray, owners: np.ndarray) -> np.ndarray:
        """The first number of a model's vectors is its probability of being a chair."""
        first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        return np.stack([vectors[first, 0], 1 - vectors[first, 0]], 1).astype(np.float32)


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    word_match._encoded.cache_clear()
    monkeypatch.setattr(word_match, "encode_sentences", encode)
    monkeypatch.setattr(store, "find_classifier", lambda space: Classifier())


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("chair_A.obj", ["chair"]),
        ("seats/Chair-A2.v2.glb", ["chair", "seats"]),
        ("03928116/1a2b3c/models/model_normalized.obj", ["model normalized", "models", "piano"]),
        ("a/b/c/d/e/table.stl", ["table"]),
        ("0001/0002.ply", []),
        ("chairs/chairs.stl", ["chairs"]),
    ],
)
def test_names_are_the_words_of_a_path(path: str, names: list[str]) -> None:
    assert path_names(path) == names


def test_the_nearness_is_that_of_the_name_or_of_the_categories() -> None:
    paths = ["round table.obj", "7.obj", "models/piano.obj"]
    likely = np.array([[0, 1], [0.25, 0.75], [1, 0]], np.float32)
    of = Classifier()
    round_table = words_nearness("round table", paths, likely, of)  # type: ignore[arg-type]
    half = math.sqrt(0.5)
    assert round_table == pytest.approx([1, 0.75 * half + CATEGORY_BONUS, CATEGORY_BONUS], abs=1e-6)
    assert words_nearness("piano", paths, None, None) == pytest.approx([0, 0, 1])
    assert words_nearness("piano", ["1.stl", "2.stl"], None, None).tolist() == [0, 0]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_patterns_hold_letters_alone(words: str) -> None:
    for pattern in path_patterns(words):
        assert pattern[0] == pattern[-1] == "%" and pattern[1:-1].isascii() and pattern[1:-1].isalpha()


def test_patterns_are_words_without_plural() -> None:
    assert path_patterns("Round tables, a 50% oak_top") == ["%round%", "%table%", "%oak%", "%top%"]


def vectors(chair: float) -> np.ndarray:
    out = np.zeros((2, 256), np.float32)
    out[:, 0] = chair
    out[:, APPEARANCE_DIM] = 1
    return out


def asked(words: str | None) -> Embedding:
    return Embedding(vectors(0.5)[:1], "text", "s", words)


def filled(folder: Path, names: dict[str, float]) -> ModelIndex:
    made = ModelIndex.create(folder, "s", "..")
    made.put([(IndexedFile(name, 1, 1), name, vectors(chair)) for name, chair in names.items()])
    return made


def test_words_rank_by_nearness_and_nothing_near_is_noticed(tmp_path: Path) -> None:
    names = {"1.stl": 1.0, "2.stl": 0.0, "seats/piano stool.stl": 0.0}
    with filled(tmp_path / "i", names) as held:
        chairs = held.search(asked("chair"), 3, SimilarityWeights())
        assert chairs.items[0].name == "1.stl" and is_near(chairs)
        assert chairs.items[0].nearness == pytest.approx(1 + CATEGORY_BONUS)
        piano = held.search(asked("piano"), 3, SimilarityWeights())
        assert piano.items[0].name == "seats/piano stool.stl" and is_near(piano)
        organ = held.search(asked("round"), 3, SimilarityWeights())
        assert not is_near(organ) and all(one.nearness is not None for one in organ.items)
        photo = held.search(Embedding(vectors(0.5)[:1], "image", "s"), 3, SimilarityWeights())
        assert is_near(photo) and all(one.nearness is None for one in photo.items)


def test_without_a_classifier_names_rank_but_nothing_is_called_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "find_classifier", lambda space: None)
    with filled(tmp_path / "i", {"1.stl": 0.0, "piano.stl": 0.0}) as held:
        found = held.search(asked("piano"), 2, SimilarityWeights())
        assert found.items[0].name == "piano.stl" and found.items[0].nearness is None
        assert is_near(held.search(asked("organ"), 2, SimilarityWeights()))


def test_a_large_index_finds_a_model_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "EXACT_LIMIT", 5)
    monkeypatch.setattr(store, "CANDIDATES", 3)
    far = {f"{k}.stl": 1.0 for k in range(40)}
    with filled(tmp_path / "i", far) as held:
        other = vectors(0.0)
        other[:, APPEARANCE_DIM], other[:, APPEARANCE_DIM + 1] = -1, 0
        held.put([(IndexedFile("old/Piano_2.stl", 1, 1), "p", other)])
        found = held.search(asked("pianos"), 1, SimilarityWeights())
        assert len(found) == 1, "it is among the candidates though its vectors are the farthest"
        names = [n.name for n in held.search(asked("piano"), 1, SimilarityWeights()).items]
        assert names == ["old/Piano_2.stl"]


def test_the_bound_itself_is_near() -> None:
    def found(*values: float | None) -> Neighbours:
        return Neighbours(tuple(Neighbour("a", 1.0, value) for value in values))

    assert is_near(found(0.1, NEAR)) and not is_near(found(0.1, NEAR - 1e-6))
    assert is_near(found()) and is_near(found(None))


def test_the_answer_says_that_nothing_is_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from lift3d.cli import app
    from lift3d.pipelines import search as pipeline

    class Network:
        name = "s"

        def __init__(self, weights: Any = None) -> None: ...

        def similarity_weights(self, modality: str) -> SimilarityWeights:
            return SimilarityWeights()

    monkeypatch.setattr(pipeline, "EmbeddingNetwork", Network)
    monkeypatch.setattr(pipeline, "embed_query", lambda query, *_: asked(query))
    filled(tmp_path / "i", {"1.stl": 1.0}).close()
    done = CliRunner().invoke(app, ["search", "organ", "--index", str(tmp_path / "i")])
    assert done.exit_code == 0 and done.stdout.count("\n") == 1, done.output
    assert 'nothing in the index is near "organ"; the nearest are listed' in done.stderr
    near = CliRunner().invoke(app, ["search", "chair", "--index", str(tmp_path / "i")])
    assert near.exit_code == 0 and "nothing in the index" not in near.output
