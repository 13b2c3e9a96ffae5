"""Kinds of things by the words people use for them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from lift3d.errors import InputError
from lift3d.taxonomy.categories import categories_in_text

MAX_CHARACTERS = 100
MIN_SUBSTRING = 4
"""Letters that are looked for within a kind's name: an airplane is meant by plane."""


def category_index(names: Sequence[str], kind: str) -> int:
    """Which of the names is meant: with _ - or a space between words, singular or plural; InputError with the nearest."""
    wanted = "_".join(kind.strip().lower().replace("-", " ").replace("_", " ").split())
    here = wanted.replace("our", "or")  # armour
    for word in (w.removesuffix(end) for w in (wanted, here) for end in ("", "s", "es")):
        if word in names:
            return list(names).index(word)
    named = [n for n in (*wanted.split("_"), *categories_in_text(kind[:MAX_CHARACTERS])) if n in names]
    holding = [n for n in names if len(wanted) >= MIN_SUBSTRING and wanted in n]
    near = list(dict.fromkeys([*named, *holding]))[:4] or get_close_matches(wanted, names, 4, 0.6)
    near = near or [n for n in names if wanted and wanted[:4] in n][:4]
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
    if not wanted:
        raise InputError("no kind is named", "`lift3d generate --kinds` lists them")
    raise InputError(f"there is no kind called {kind[:MAX_CHARACTERS]!r}", hint)
