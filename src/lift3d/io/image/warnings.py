"""The warnings of many photos in few sentences."""

from __future__ import annotations

from collections.abc import Sequence

from lift3d.types import Image


def photo_warnings(images: Sequence[Image]) -> tuple[str, ...]:
    """One sentence for each warning, with the names of the photos that it is about; equal warnings are given once."""
    names: dict[str, list[str]] = {}
    for image in images:
        for warning in dict.fromkeys(image.warnings):
            names.setdefault(warning, []).append(image.name)
    return tuple(f"{_list(of)}: {warning}." for warning, of in names.items())


def _list(names: list[str]) -> str:
    """ "a.jpg", "a.jpg and b.jpg" or "a.jpg and 11 others"."""
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} others"
