"""Functions that the readers of text formats share: numbers, indices, and polygons as triangles."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.mesh import polygons
from lift3d.types import F64

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def parse_numbers(words: list[str], name: str) -> F64:
    """(N,) values of words; text after a number ("1.5A") is dropped.

    Raises InputError for words without a number and values that are not finite.
    """
    if len(words) > 3 * MAX_ELEMENTS:
        raise damaged_file(name, "holds too many numbers")
    try:
        values = np.array(words, np.float64)
    except ValueError:
        found = [_NUMBER.match(word) for word in words]
        values = np.array([match[0] if match else "nan" for match in found], np.float64)
    if not np.isfinite(values).all():
        raise damaged_file(name, "has text where numbers should be, or numbers that are not finite")
    return values


def take_rows(lines: Iterator[str], count: int) -> list[str]:
    """The first three words of each of the next `count` non-empty lines, in one list.

    Raises ValueError for a line with fewer words, StopIteration where the lines end.
    """
    words: list[str] = []
    while count > 0:
        row = next(lines).split()[:3]
        if row and len(row) < 3:
            raise ValueError(row)
        words += row
        count -= bool(row)
    return words


def checked_indices(index: F64, count: int, name: str) -> NDArray[np.int64]:
    """Values as indices into a list of `count`. Raises InputError where one is out of range."""
    if not ((index >= 0) & (index < count)).all():
        raise damaged_file(
            name, f"has faces that refer to vertices out of range (there are {count} vertices)"
        )
    return index.astype(np.int64)


def triangulate(
    sizes: NDArray[np.int64], index: NDArray[np.int64], points: F64, strips: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """(F, 3) triangles of polygons with `sizes` corners each, as positions in the list of all corners.

    index: the vertex of each corner in points (V, 3). Where `strips` is True, the corners are a strip, whose odd triangles are
    reversed, instead of a polygon.
    """
    if strips is None or not strips.any():
        return polygons.triangulate(sizes, index, points).corners
    inside, number = np.repeat(strips, sizes), np.arange(len(sizes))
    place = np.flatnonzero(~inside)
    cut = polygons.triangulate(sizes[~strips], index[place], points)
    fans = polygons.fan_triangles(np.where(strips, sizes, 0))
    start = fans[:, 0]
    i = fans[:, 1] - start - 1
    strip = np.stack([start + i + i % 2, start + i + 1 - i % 2, start + i + 2], 1)
    owner = np.concatenate(
        [number[~strips][cut.polygon], np.repeat(number, np.where(strips, np.maximum(sizes - 2, 0), 0))]
    )
    faces = np.concatenate([place[cut.corners], np.flatnonzero(inside)[strip]])
    return faces[np.argsort(owner, kind="stable")]
