"""A stack of slices as a `Volume`: pixels decoded, rescaled slice by slice, gaps interpolated where that was allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from lift3d.io.volume.dicom.pixels import decode
from lift3d.io.volume.dicom.slices import Slice
from lift3d.io.volume.dicom.stack import Stack
from lift3d.io.volume.limits import check_finite, check_size, matches_integers, narrowest, volume_of
from lift3d.types.volumes import Volume


def assemble(stack: Stack, name: str, notes: Callable[[str], None]) -> Volume:
    """The volume of a stack. Values are whole (int16 where they fit) when all slices share a whole slope and intercept, else
    float32. Raises InputError for pixels that cannot be decoded and for a volume beyond the limits."""
    first = stack.slices[0]
    shape = (first.columns, first.rows, stack.count)
    check_size(shape, name)
    slopes = {(one.slope, one.intercept) for one in stack.slices}
    whole = len(slopes) == 1 and matches_integers(first.slope, first.intercept)
    values: NDArray[np.generic] = np.empty(shape[::-1], np.int16 if whole else np.float32)
    gaps = {} if stack.is_complete else _neighbours(stack)
    previous: NDArray[np.generic] | None = None
    for index, picture in _pictures(stack.slices):
        if whole:
            exact = picture.astype(np.int64) * int(first.slope) + int(first.intercept)
            values = _widened(values, exact)
            picture = exact
        else:
            one = stack.slices[index]
            with np.errstate(over="ignore"):
                picture = (picture.astype(np.float64) * one.slope + one.intercept).astype(np.float32)
        if stack.is_complete:
            values[index] = picture
        else:
            for place, weight in gaps.get(index, []):
                blend = picture.astype(np.float64) * weight
                if weight < 1:
                    assert previous is not None  # weight 1 at the first slice
                    blend += previous.astype(np.float64) * (1 - weight)
                values[place] = np.rint(blend) if whole else blend
        previous = picture
    check_finite(values, name)
    _note_values(stack.slices, notes)
    units = {one.unit for one in stack.slices}
    return volume_of(values.transpose(2, 1, 0), stack.affine, units.pop() if len(units) == 1 else None, name)


def _pictures(slices: list[Slice]) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """(index, stored pixels) of slices in their order; each file is opened once for neighbouring frames of it."""
    for _, run in groupby(enumerate(slices), key=lambda pair: pair[1].path):
        members = list(run)
        one = members[0][1]
        frames = decode(one.path, one.name, [s.frame for _, s in members])
        yield from ((index, picture) for (index, _), picture in zip(members, frames))


def _widened(values: NDArray[np.generic], picture: NDArray[np.int64]) -> NDArray[np.generic]:
    """The array, in a wider type where a picture does not fit its present one."""
    info = np.iinfo(values.dtype.name) if values.dtype.kind in "iu" else None
    low, high = int(picture.min()), int(picture.max())
    if info is None or (info.min <= low and high <= info.max):
        return values
    kind = narrowest(min(low, int(info.min)), max(high, int(info.max)))
    return values.astype(kind if kind is not None else np.float32)


def _neighbours(stack: Stack) -> dict[int, list[tuple[int, float]]]:
    """For every slice, the slices of the grid between the one before and itself: (index on the grid, weight of itself)."""
    found: dict[int, list[tuple[int, float]]] = {}
    for place in range(stack.count):
        after = int(np.searchsorted(stack.places, place - 1e-6))
        after = min(after, len(stack.places) - 1)
        low, high = stack.places[max(after - 1, 0)], stack.places[after]
        weight = 1.0 if after == 0 or abs(high - place) < 1e-6 else float((place - low) / (high - low))
        found.setdefault(after, []).append((place, weight))
    return found


def _note_values(slices: list[Slice], notes: Callable[[str], None]) -> None:
    """Notes about values that are not what they seem."""
    if any(one.lossy for one in slices):
        notes("the pictures were compressed with loss, so values are not exactly those of the scanner")
    if any(one.inverted for one in slices):
        notes("the pictures are meant to be shown inverted (MONOCHROME1); values are kept as they are stored")
