"""The warnings of many photos in few sentences."""

from __future__ import annotations

from collections.abc import Sequence

from lift3d.errors import Lift3dError
from lift3d.types import Image

MAX_SENTENCES = 8


def photo_warnings(images: Sequence[Image], unreadable: Sequence[Lift3dError] = ()) -> tuple[str, ...]:
    """One sentence for each warning, with the names of the photos that it is about, and for each unreadable photo; equal warnings
    are given once, at most MAX_SENTENCES in all."""
    names: dict[str, list[str]] = {}
    for image in images:
        for warning in dict.fromkeys(image.warnings):
            names.setdefault(warning, []).append(image.name)
    sentences = [f"{_list(of)}: {warning}." for warning, of in names.items()]
    sentences += [f"A photo is left out: {error.cause}." for error in unreadable]
    if len(sentences) > MAX_SENTENCES:
        rest = len(sentences) - MAX_SENTENCES + 1
        sentences[MAX_SENTENCES - 1 :] = [f"{rest} more warnings about photos are in the report."]
    return tuple(sentences)


def _list(names: list[str]) -> str:
    """ "a.jpg", "a.jpg and b.jpg" or "a.jpg and 11 others"."""
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} others"
