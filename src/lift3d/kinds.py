"""Kinds of things by the words people use for them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from lift3d.corpus.taxonomy import meant
from lift3d.errors import InputError

MOST_LETTERS = 100


def kind_number(names: Sequence[str], kind: str) -> int:
    """Which of the names is meant: with _ - or a space between words, singular or plural; InputError with the nearest."""
    wanted = "_".join(kind.strip().lower().replace("-", " ").replace("_", " ").split())
    for word in (wanted, wanted.removesuffix("s"), wanted.removesuffix("es")):
        if word in names:
            return list(names).index(word)
    named = [n for n in (*wanted.split("_"), *meant(kind[:MOST_LETTERS])) if n in names]
    near = list(dict.fromkeys(named))[:3] or get_close_matches(wanted, names, 4, 0.6)
    near = near or [n for n in names if wanted and wanted[:4] in n][:4]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(
        f"there is no kind called {kind[:MOST_LETTERS]!r}", f"{hint}choose from {', '.join(names)}"
    )
