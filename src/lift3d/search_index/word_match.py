"""How near a query in words is to models, by the sentence encoder's own similarity (Reimers & Gurevych 2019): to what their files
and folders are called, and to the categories that they probably have.

The joint embedding knows words only through the categories of the corpus, and maps any other word to one of those. The encoder
alone knows how much a piano has in common with a bench.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from lift3d.inference.embedding_classifier import EmbeddingClassifier
from lift3d.inference.sentence_encoder import encode_sentences, split_words
from lift3d.taxonomy.captions import split_name
from lift3d.types import F32

NEAR, CATEGORY_BONUS = 0.525, 0.075
"""Nearness from which on a model counts as near to the words, and what is added to the cosine with categories, which is an
expectation and smaller than that with a name; both chosen on queries for validation (benchmarks/words.py)."""
LEVELS = 4
"""Last parts of a path that are read as names: the file and three folders."""
MIN_LETTERS = 3
"""Letters of a word that is looked up in paths."""


def words_nearness(
    words: str, paths: Sequence[str], probabilities: F32 | None, classifier: EmbeddingClassifier | None
) -> F32:
    """(N,) nearness of models: the larger of the cosine with the model's names and of its expectation over the model's categories
    plus `CATEGORY_BONUS`.

    paths (N,): of the models, relative to the root of the index. probabilities (N, K): of the classifier's categories for each
    model, None without a classifier. MissingExtra without the extra `text`."""
    query = encode_sentences([words])[0]
    out = names_similarity(query, paths)
    if probabilities is not None and classifier is not None:
        out = np.maximum(out, probabilities @ classifier.category_similarity(query) + CATEGORY_BONUS)
    return np.asarray(out, np.float32)


def names_similarity(query: F32, paths: Sequence[str]) -> F32:
    """(N,) cosine of a sentence vector with the most similar name in each path; 0 for a path without letters."""
    texts = [path_names(path) for path in paths]
    known = sorted({text for some in texts for text in some})
    if not known:
        return np.zeros(len(paths), np.float32)
    similarity = dict(zip(known, (_encoded(tuple(known)) @ query).tolist()))
    return np.array([max((similarity[text] for text in some), default=0.0) for some in texts], np.float32)


@lru_cache(2)
def _encoded(texts: tuple[str, ...]) -> F32:
    """The sentence vectors of the names in an index, cached for the next query."""
    return encode_sentences(texts)


def path_names(path: str) -> list[str]:
    """The names that a path consists of, in words: "seats/chair_A.obj" gives "chair" and "seats". Folders of ShapeNet, which are
    called by the offset of a noun in WordNet, give that noun."""
    from lift3d.corpus.sources.folder import SYNSETS

    *folders, file = path.split("/")[-LEVELS:]
    parts = [file.rsplit(".", 1)[0], *reversed(folders)]
    names = (split_name(SYNSETS.get(part, part) if part.isdigit() else part) for part in parts)
    return [name for name in dict.fromkeys(names) if name]


def path_patterns(words: str) -> list[str]:
    """SQL patterns of paths that contain a word of the query, without its plural ending."""
    found = [word for word in split_words(words) if re.fullmatch(r"[a-z]+", word)]
    stems = [word.removesuffix("s") if len(word) > MIN_LETTERS else word for word in found]
    return [f"%{stem}%" for stem in dict.fromkeys(stems) if len(stem) >= MIN_LETTERS]
