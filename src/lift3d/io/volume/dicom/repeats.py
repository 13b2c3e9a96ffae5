"""Several pictures at one place of the body (times, echoes, b-values, types): named, counted, and one of them chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from lift3d.errors import InputError
from lift3d.io.files.checksum import file_sha256
from lift3d.io.volume.dicom.slices import Slice
from lift3d.io.volume.limits import number, printable
from lift3d.types.arrays import F64

LISTED = 6


def without_copies(places: Sequence[list[Slice]], notes: Callable[[str], None]) -> list[list[Slice]]:
    """Places (pictures that lie together) without files that are byte for byte the same; what was left out is noted."""
    result, copies = [], 0
    for place in places:
        kept: dict[tuple[str, int | None], Slice] = {}
        if len({one.path for one in place}) > 1:
            for one in place:
                kept.setdefault((_checksum(one.path), one.frame), one)
            copies += len(place) - len(kept)
        result.append(list(kept.values()) if kept else place)
    if copies:
        notes(f"{copies} pictures are in files that are copies of others, and were left out")
    return result


def choose(
    places: Sequence[list[Slice]], heights: F64, time: int | None, name: str, notes: Callable[[str], None]
) -> list[Slice]:
    """One picture for every place, in their order.

    heights (N,): of the places along the normal in mm. time: which picture where there are several, from 0. Raises InputError
    where several need a choice, or where their number differs from place to place."""
    counts = [len(place) for place in places]
    most = max(counts)
    if most == 1:
        if time not in (None, 0):
            raise InputError(
                f"{name} has one picture at each place, so there is no time {time}", "leave out --time"
            )
        return [place[0] for place in places]
    if min(counts) != most:
        common = max(set(counts), key=counts.count)
        odd = next(i for i, count in enumerate(counts) if count != common)
        raise InputError(
            f"{name} has {counts[odd]} pictures at {number(heights[odd])} mm along its normal and {common} elsewhere",
            "give a folder with one complete series",
        )
    what, stacks = _stacks(places, most, name)
    labels = ", ".join(f"{i}: {printable(label, 40)}" for i, (label, _) in enumerate(stacks[:LISTED]))
    more = f" and {most - LISTED} more" if most > LISTED else ""
    if time is None:
        raise InputError(
            f"{name} has {most} pictures at each place, which differ by {what} ({labels}{more})",
            f"choose one with --time 0 to {most - 1}",
        )
    if not 0 <= time < most:
        raise InputError(
            f"{name} has no time {time}", f"choose one with --time 0 to {most - 1} ({labels}{more})"
        )
    notes(f"time {time} of 0 to {most - 1} was read ({what} {printable(stacks[time][0], 40)})")
    return stacks[time][1]


def _stacks(places: Sequence[list[Slice]], most: int, name: str) -> tuple[str, list[tuple[str, list[Slice]]]]:
    """(what differs, [(its value, one picture for every place)]).

    An attribute, or all of them together, count when each of their values occurs exactly once at every place; where none does,
    pictures of a place are taken in the order of their instance numbers. Raises InputError where these are equal."""
    same = [what for what in places[0][0].repeats if _equal_sets(places, (what,))]
    for whats in [*((what,) for what in same), tuple(same)]:
        values = {_key(one, whats) for one in places[0]}
        if len(values) == most and _equal_sets(places, whats):
            by_value = [{_key(one, whats): one for one in place} for place in places]
            ordered = sorted(values, key=lambda key: [_order(text) for text in key])
            varying = [i for i in range(len(whats)) if len({key[i] for key in values}) > 1]
            what = " and ".join(whats[i] for i in varying)
            return what, [
                (" ".join(_shown(v[i]) for i in varying), [one[v] for one in by_value]) for v in ordered
            ]
    ranked = [sorted(place, key=lambda one: (one.instance, one.frame or 0)) for place in places]
    if any(len({(one.instance, one.frame) for one in place}) < most for place in places):
        raise InputError(
            f"{name} has {most} pictures at each place, and nothing in them says which belong together",
            "give a folder with one complete series",
        )
    return "instance number", [(f"rank {n}", [place[n] for place in ranked]) for n in range(most)]


def _key(one: Slice, whats: Sequence[str]) -> tuple[str, ...]:
    """The values of some attributes of a picture."""
    return tuple(one.repeats.get(what, "") for what in whats)


def _equal_sets(places: Sequence[list[Slice]], whats: Sequence[str]) -> bool:
    """Whether attributes take the same values at every place."""
    first = {_key(one, whats) for one in places[0]}
    return all({_key(one, whats) for one in place} == first for place in places)


@lru_cache(maxsize=100_000)
def _checksum(path: Path) -> str:
    """Checksum of a file, computed once."""
    return file_sha256(path)


def _shown(text: str) -> str:
    """A value for a message: numbers without trailing zeros."""
    number_or_text = _order(text)[0]
    return f"{number_or_text:g}" if abs(number_or_text) < 1e6 else text


def _order(text: str) -> tuple[float, str]:
    """Numbers by size, other text by its letters, after them."""
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
