"""Names of shapes and categories as input text of a sentence encoder."""

from __future__ import annotations

import re

from lift3d.taxonomy.categories import CATEGORIES, UNKNOWN


def split_name(text: str) -> str:
    """The words of a name in lower case, without digits and single letters: "TO-220-3_Horizontal" gives "to horizontal"."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z]+", " ", text)
    return " ".join(word for word in text.lower().split() if len(word) > 1)


def category_text(category: str) -> str:
    """A category's name with its definition, as "chair: a seat for one person"."""
    name = category.replace("_", " ")
    known = CATEGORIES.get(category)
    return f"{name}: {known.about}" if known is not None and category != UNKNOWN else name
