"""What a corpus says of its shapes, as sentences: names, shelves, categories and what they are."""

from __future__ import annotations

import re

from lift3d.corpus.corpus import Corpus
from lift3d.corpus.taxonomy import CATEGORIES, UNKNOWN


def plain(text: str) -> str:
    """Words apart and in small letters, without the numbers of series: "TO-220-3_Horizontal" is "to horizontal"."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z]+", " ", text)
    return " ".join(word for word in text.lower().split() if len(word) > 1)


def kind_text(category: str) -> str:
    """A category and what it is."""
    name = category.replace("_", " ")
    known = CATEGORIES.get(category)
    return f"{name}: {known.about}" if known is not None and category != UNKNOWN else name


def texts_of(corpus: Corpus, shape: int) -> list[str]:
    """One or more sentences of a shape, its own before those of its category; what stands for nothing is left out."""
    row = corpus.row(shape)
    category = str(row["category"])
    name, words = plain(str(row["name"])), plain(str(row["words"] or ""))
    own = [text for text in dict.fromkeys((name, words)) if text]
    if category == UNKNOWN:
        return own or [UNKNOWN]
    kind = category.replace("_", " ")
    return [*own, *(f"{kind}, {text}" for text in own[:1] if kind not in text), kind, kind_text(category)]
