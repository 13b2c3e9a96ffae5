"""Captions of a corpus' shapes, as text and as sentence vectors: names, folder words, categories and their definitions."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.dataset import Corpus
from lift3d.nets.multimodal_embedding import SENTENCE_SIZE
from lift3d.taxonomy.captions import category_text, split_name
from lift3d.taxonomy.categories import UNKNOWN


def captions(corpus: Corpus, shape: int) -> list[str]:
    """One or more captions of a shape: those of its own name before those of its category. Empty texts are omitted."""
    row = corpus.row(shape)
    category = str(row["category"])
    name, words = split_name(str(row["name"])), split_name(str(row["words"] or ""))
    own = [text for text in dict.fromkeys((name, words)) if text]
    if category == UNKNOWN:
        return own or [UNKNOWN]
    noun = category.replace("_", " ")
    return [*own, *(f"{noun}, {text}" for text in own[:1] if noun not in text), noun, category_text(category)]


class CaptionVectors:
    """Sentence vectors of all captions of some shapes of a corpus.

    names: K categories; category: shape to index of its category, -1 for an unknown category; rows (N, 384): vectors of all
    captions; of: shape to rows of its captions; category_rows (K, 384): vector of each category's definition."""

    def __init__(self, corpus: Corpus, shapes: list[int], encode: bool) -> None:
        """encode: True for the vectors of the sentence encoder, which needs the extra `text`; False for random vectors, which
        separate categories but have no meaning."""
        names = corpus.column("category")
        self.names = sorted({str(names[i]) for i in shapes} - {UNKNOWN})
        self.category = {i: self.names.index(names[i]) if names[i] in self.names else -1 for i in shapes}
        texts: dict[str, int] = {}
        self.of: dict[int, list[int]] = {}
        for i in shapes:
            self.of[i] = [texts.setdefault(text, len(texts)) for text in captions(corpus, i)]
        every = [*texts, *(category_text(name) for name in self.names)]
        if encode:
            from lift3d.inference.sentence_encoder import encode_sentences

            rows = encode_sentences(every)
        else:
            rows = np.random.default_rng(0).standard_normal((len(every), SENTENCE_SIZE)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        self.rows, self.category_rows = rows[: len(texts)], rows[len(texts) :]
