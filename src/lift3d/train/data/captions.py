"""What a corpus says of its shapes, as sentences: names, shelves, categories and what they are."""

from __future__ import annotations

from lift3d.corpus.dataset import Corpus
from lift3d.taxonomy.captions import category_text, split_name
from lift3d.taxonomy.categories import UNKNOWN


def captions(corpus: Corpus, shape: int) -> list[str]:
    """One or more sentences of a shape, its own before those of its category; what stands for nothing is left out."""
    row = corpus.row(shape)
    category = str(row["category"])
    name, words = split_name(str(row["name"])), split_name(str(row["words"] or ""))
    own = [text for text in dict.fromkeys((name, words)) if text]
    if category == UNKNOWN:
        return own or [UNKNOWN]
    kind = category.replace("_", " ")
    return [*own, *(f"{kind}, {text}" for text in own[:1] if kind not in text), kind, category_text(category)]
