"""Sentence embeddings: BERT's word pieces, and the vectors of the published encoder where it is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from lift3d.errors import MissingExtra
from lift3d.inference import sentence_encoder as sentences

PIECES = {
    w: i
    for i, w in enumerate(
        [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "un",
            "##aff",
            "##able",
            "round",
            "table",
            ",",
            "cafe",
            "3",
            ".",
            "5",
            "_",
        ]
    )
}


def pieces(text: str) -> list[str]:
    names = list(PIECES)
    return [names[i] for i in sentences.tokenize(text, PIECES)[1:-1]]


def test_words_are_split_into_pieces() -> None:
    assert pieces("Round table, CAFÉ") == ["round", "table", ",", "cafe"]
    assert pieces("unaffable") == ["un", "##aff", "##able"]
    assert pieces("3.5_table") == ["3", ".", "5", "_", "table"]
    assert pieces("xyzzy round") == ["[UNK]", "round"]
    assert pieces("") == [] and pieces("\x00\u200b \n") == []


def test_long_texts_are_truncated() -> None:
    row = sentences.tokenize("table " * 5000, PIECES)
    assert len(row) == sentences.MAX_TOKENS and row[0] == PIECES["[CLS]"] and row[-1] == PIECES["[SEP]"]
    assert pieces("t" * 101) == ["[UNK]"]


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "PACKAGE", "no_such_package_of_words")
    with pytest.raises(MissingExtra, match=r"lift3d\[text\]"):
        sentences.model_folder()


@pytest.mark.skipif(
    importlib.util.find_spec(sentences.PACKAGE) is None, reason="the extra text is not installed"
)
def test_vectors_equal_the_published_ones() -> None:
    """Values of transformers' BertModel with the same weights."""
    pytest.importorskip("torch")
    found = sentences.encode_sentences(["round table", "A wooden chair with four legs."])
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.allclose(found[0, :4], [0.0528707, 0.0660544, -0.0857037, -0.0197796], atol=1e-5)
    assert np.allclose(found[1, :4], [0.0722835, 0.0284587, -0.0585165, -0.0123678], atol=1e-5)
    assert np.allclose(sentences.encode_sentences(["x", "round table", "a b c"])[1], found[0], atol=1e-6)
