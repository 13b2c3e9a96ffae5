"""Categories as phrases."""

from __future__ import annotations

import re

from lift3d.taxonomy.categories import CATEGORIES, UNKNOWN


def split_name(text: str) -> str:
    """Words apart and in small letters, without the numbers of series: "TO-220-3_Horizontal" is "to horizontal"."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z]+", " ", text)
    return " ".join(word for word in text.lower().split() if len(word) > 1)


def category_text(category: str) -> str:
    """A category and what it is."""
    name = category.replace("_", " ")
    known = CATEGORIES.get(category)
    return f"{name}: {known.about}" if known is not None and category != UNKNOWN else name
