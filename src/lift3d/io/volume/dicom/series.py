"""The stacks of slices in a folder: split by series, size, orientation and stack, listed, and one of them chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lift3d.errors import InputError
from lift3d.io.volume.dicom.slices import Slice
from lift3d.io.volume.limits import MIN_SLICES, number, printable

PARALLEL = 1e-3
"""Largest difference of direction cosines within a stack; `stack` then checks the corners in millimetres."""
SAME_SPACING = 1e-4
SAME_PLACE = 0.01
"""Millimetres along the normal within which pictures lie at one place."""
LISTED = 8


@dataclass(frozen=True, eq=False)
class Series:
    """A stack of slices that can be read. name: the value of `--series`, unique in its folder; uid: of the DICOM series.

    slices: pictures in it; shape: columns and rows; spacing: of columns and of rows in mm."""

    name: str
    uid: str
    modality: str
    description: str
    shape: tuple[int, int]
    spacing: tuple[float, float]
    pictures: tuple[Slice, ...]

    @property
    def slices(self) -> int:
        """The number of pictures."""
        return len(self.pictures)

    @cached_property
    def places(self) -> int:
        """The number of different places of its pictures along their normal: fewer than pictures where some are repeated."""
        normal = self.pictures[0].normal
        heights = np.sort([float(one.position @ normal) for one in self.pictures])
        width = min(SAME_PLACE, 0.1 * min(self.pictures[0].spacing))
        return 1 + int((np.diff(heights) > width).sum())

    def __str__(self) -> str:
        text = f' "{printable(self.description, 40)}"' if self.description else ""
        size = f"{self.shape[0]} x {self.shape[1]} pixels of {number(self.spacing[0])} x {number(self.spacing[1])} mm"
        pictures = "picture" if self.slices == 1 else "pictures"
        if self.places != self.slices:
            pictures += f" at {self.places} {'place' if self.places == 1 else 'places'}"
        return f"{self.name}: {self.modality or 'series'}{text}, {self.slices} {pictures} of {size}"


def split(slices: Sequence[Slice]) -> list[Series]:
    """The stacks of all slices, the largest first."""
    groups: dict[tuple[object, ...], list[list[Slice]]] = {}
    for one in slices:
        key = (one.series_uid, one.series_number, one.rows, one.columns, one.modality, one.stack)
        clusters = groups.setdefault(key, [])
        for cluster in clusters:
            if _alike(cluster[0], one):
                cluster.append(one)
                break
        else:
            clusters.append([one])
    stacks = [cluster for clusters in groups.values() for cluster in clusters]
    stacks.sort(key=lambda s: (-len(s) * s[0].rows * s[0].columns, s[0].series_number, s[0].name))
    numbers = [printable(s[0].series_number, 16) for s in stacks]
    names: list[str] = []
    for i, text in enumerate(numbers):
        plain = text and numbers.count(text) == 1
        names.append(text if plain else f"{text}.{numbers[: i + 1].count(text)}" if text else f"#{i + 1}")
    return [
        Series(
            name, s[0].series_uid, s[0].modality, s[0].description, (s[0].columns, s[0].rows),
            (s[0].spacing[1], s[0].spacing[0]), tuple(s),
        )
        for name, s in zip(names, stacks)
    ]  # fmt: skip


def _alike(a: Slice, b: Slice) -> bool:
    """Whether two slices of a series have one orientation and one pixel spacing."""
    return bool(np.abs(a.axes - b.axes).max() <= PARALLEL) and bool(
        np.allclose(a.spacing, b.spacing, rtol=SAME_SPACING, atol=0)
    )


def choose(stacks: list[Series], wanted: str | None, name: str, notes: Callable[[str], None]) -> Series:
    """The stack to read. wanted: its name or the UID of its series. Raises InputError, with the list, where that is not clear."""
    if wanted is not None:
        found = [s for s in stacks if wanted in (s.name, s.uid)] or [
            s for s in stacks if wanted == s.pictures[0].series_number
        ]
        large = [s for s in found if s.places >= MIN_SLICES]
        if len(found) == 1 or len(large) == 1:
            rest = [s for s in found if len(large) == 1 and s is not large[0]]
            if rest:
                notes(f"left out because they have fewer than {MIN_SLICES} parallel slices: {_listed(rest)}")
            return large[0] if len(large) == 1 else found[0]
        what = (
            f"no series {printable(wanted, 40)!r}"
            if not found
            else f"{len(found)} stacks in series {printable(wanted, 40)!r}"
        )
        raise InputError(f"{name} has {what}", f"choose one with --series ({_listed(stacks)})")
    large = [s for s in stacks if s.places >= MIN_SLICES]
    small = [s for s in stacks if s.places < MIN_SLICES]
    if len(large) > 1:
        raise InputError(
            f"{name} holds {len(large)} series or orientations",
            f"choose one with --series ({_listed(large)})",
        )
    if not large:
        raise InputError(
            f"{name} holds too few slices for a solid ({_listed(small)})",
            f"give a whole series, at least {MIN_SLICES} parallel slices",
        )
    if small:
        notes(f"left out because they have fewer than {MIN_SLICES} parallel slices: {_listed(small)}")
    return large[0]


def _listed(stacks: Sequence[Series]) -> str:
    """The stacks for a message."""
    more = f"; and {len(stacks) - LISTED} more" if len(stacks) > LISTED else ""
    return "; ".join(str(s) for s in stacks[:LISTED]) + more
