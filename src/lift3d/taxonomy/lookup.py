"""Lookup of a category by the word that a user typed."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from lift3d.errors import InputError
from lift3d.taxonomy.categories import categories_in_text

MAX_CHARACTERS = 100
MIN_SUBSTRING = 4
"""Minimum length of a word that is searched within category names: "plane" suggests airplane."""


def category_index(names: Sequence[str], category: str) -> int:
    """The index of a category in `names`. Words may be joined by _, - or spaces, and be singular or plural. InputError, with
    the most similar names, for an unknown category."""
    wanted = "_".join(category.strip().lower().replace("-", " ").replace("_", " ").split())
    american = wanted.replace("our", "or")  # armour
    for word in (w.removesuffix(end) for w in (wanted, american) for end in ("", "s", "es")):
        if word in names:
            return list(names).index(word)
    named = [n for n in (*wanted.split("_"), *categories_in_text(category[:MAX_CHARACTERS])) if n in names]
    containing = [n for n in names if len(wanted) >= MIN_SUBSTRING and wanted in n]
    near = list(dict.fromkeys([*named, *containing]))[:4] or get_close_matches(wanted, names, 4, 0.6)
    near = near or [n for n in names if wanted and wanted[:4] in n][:4]
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
    if not wanted:
        raise InputError("the category is empty", "`lift3d generate --categories` lists the categories")
    raise InputError(f"there is no category called {category[:MAX_CHARACTERS]!r}", hint)
