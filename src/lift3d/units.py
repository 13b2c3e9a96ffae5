"""Quantities with units as text: lengths ("24cm"), printer beds ("220x220x250mm"), memory ("3GB").

A number without a unit is refused, because a unit is never assumed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lift3d.errors import InputError

if TYPE_CHECKING:
    from lift3d.types import Mesh

METRES = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "in": 0.0254, "inch": 0.0254, '"': 0.0254, "ft": 0.3048}
BYTES = {
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "K": 2**10,
    "M": 2**20,
}
BYTES["G"] = 2**30
LONGEST_METRES = 10_000.0

SHORTEST_METRES = 1e-6

_number = r"([0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)"


def set_unit(mesh: Mesh, unit: str | None) -> Mesh:
    """Set the unit of a mesh in place and return the mesh; None removes the unit (trimesh would store "none")."""
    if unit is None:
        mesh.metadata.pop("units", None)
    else:
        mesh.units = unit
    return mesh


def parse_length(text: str, what: str = "a length") -> float:
    """Metres of a length such as "24cm" (0.24); units mm, cm, m, in, ft; decimal point or comma.

    `what` names the length in messages. Raises InputError for anything else, and outside 1 micrometre to 10 km.
    """
    match = re.fullmatch(rf"\s*{_number}((?:[eE][+-]?[0-9]{{1,3}})?)\s*([a-zA-Z\"]*)\s*", text)
    if not match:
        cause = f"{what} '{text}' is not a length" if what.startswith("-") else f"'{text}' is not {what}"
        raise InputError(cause, "write a number above zero and its unit, such as 24cm, 240mm or 9.5in")
    number, unit = float(match[1].replace(",", ".") + match[2]), match[3].lower()
    if not unit:
        raise InputError(
            f"'{text}' has no unit", f"add one: {match[1]}mm, {match[1]}cm, {match[1]}m or {match[1]}in"
        )
    if unit not in METRES:
        raise InputError(f"'{match[3]}' is not a unit of length that lift3d reads", "use mm, cm, m, in or ft")
    metres = number * METRES[unit]
    if not SHORTEST_METRES <= metres <= LONGEST_METRES:
        raise InputError(f"the length '{text}' is out of range", "give a length from 0.001 mm to 10 km")
    return metres


def parse_bed(text: str) -> tuple[float, float, float]:
    """Metres (width, depth, height) of a printer bed such as "220x220x250mm"; one unit at the end serves all three.

    Raises InputError for anything else.
    """
    parts = re.split(r"\s*[x×*]\s*", text.strip().lower())
    unit = re.search(r"([a-z\"]+)\s*$", parts[-1])
    if len(parts) != 3 or not unit:
        raise InputError(
            f"'{text}' is not the size of a printer bed",
            "write width x depth x height and the unit, such as 220x220x250mm",
        )
    sizes = [parse_length(p if re.search(r"[a-z\"]$", p) else p + unit[1], "a bed size") for p in parts]
    return sizes[0], sizes[1], sizes[2]


def parse_memory(text: str) -> int:
    """Bytes of an amount such as "3GB"; KB, MB, GB are powers of 1000; KiB, MiB, GiB, K, M, G are powers of 1024.

    Raises InputError for anything else, below 200 MB and above 1 PiB.
    """
    match = re.fullmatch(rf"\s*{_number}\s*([a-zA-Z]+)\s*", text)
    if not match or match[2].upper() not in BYTES:
        raise InputError(
            f"'{text}' is not an amount of memory", "write a number and its unit, such as 3GB or 1500MB"
        )
    amount = int(float(match[1].replace(",", ".")) * BYTES[match[2].upper()])
    if not 200 * 10**6 <= amount <= 2**50:
        raise InputError(
            f"a memory budget of {text} is out of range",
            "give at least 200MB; 3GB suits most photo sets",
        )
    return amount


def parse_length_range(text: str, what: str = "a range of lengths") -> tuple[float, float]:
    """Metres of "0.8mm..3mm", in the order given; "0.8..3mm" has one unit for both ends. Raises InputError otherwise."""
    first, dots, last = text.strip().partition("..")
    unit = re.search(r"[a-zA-Z\"]+\s*$", last)
    if not dots or not unit:
        raise InputError(f"'{text[:40]}' is not {what}", "write two lengths such as 0.8mm..3mm")
    if not re.search(r"[a-zA-Z\"]\s*$", first):
        first += unit[0]
    return parse_length(first, what), parse_length(last, what)


def parse_angle(text: str, what: str = "an angle") -> float:
    """Degrees of an angle such as "120deg" or "120°". Raises InputError for anything else; the range is not checked."""
    match = re.fullmatch(rf"\s*{_number}\s*([a-zA-Z°]*)\s*", text)
    if not match or match[2].lower() not in ("", "deg", "degree", "degrees", "°"):
        raise InputError(f"'{text[:40]}' is not {what}", "write degrees such as 120deg")
    if not match[2]:
        raise InputError(f"'{text[:40]}' has no unit", f"write {match[1]}deg")
    return float(match[1].replace(",", "."))


def parse_size(text: str, what: str) -> int:
    """Bytes of a size such as "200MB", named `what` in messages. Raises InputError for anything else, below 1 kB and
    above 1 PB."""
    match = re.fullmatch(rf"\s*{_number}\s*([a-zA-Z]+)\s*", text)
    if not match or match[2].upper() not in BYTES:
        raise InputError(
            f"{what} is '{text[:40]}', which is not a size", "write a number with its unit, such as 200MB"
        )
    size = float(match[1].replace(",", ".")) * BYTES[match[2].upper()]
    if not 1e3 <= size <= 1e15:
        raise InputError(f"{what} is {text[:40]}", "give a size from 1kB to 1PB")
    return int(size)


def parse_duration(text: str) -> float:
    """Seconds of "14d", "12h", "30min" or "45s". Raises InputError for anything else, and outside 1 s to 100 years."""
    match = re.fullmatch(rf"\s*{_number}\s*(s|min|h|d|w)\s*", text)
    factor = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
    seconds = 0.0 if match is None else float(match[1].replace(",", ".")) * factor[match[2]]
    if not 1 <= seconds <= 3.2e9:
        raise InputError(
            f"'{text[:40]}' is not a duration", "write a number with s, min, h, d or w, such as 14d"
        )
    return seconds


def length_in_metres(length: str | float | None, what: str = "a length") -> float | None:
    """Metres of "24cm" or of a number of metres; None stays None."""
    if isinstance(length, str):
        return parse_length(length, what)
    if length is not None and not SHORTEST_METRES <= length <= LONGEST_METRES:
        raise InputError(f"{what} is {length} m", "give a length from 0.001 mm to 10 km")
    return None if length is None else float(length)


def memory_in_bytes(memory: str | int) -> int:
    """Bytes of "3GB" or of a number of bytes."""
    return parse_memory(memory) if isinstance(memory, str) else int(memory)


def format_length(metres: float) -> str:
    """A length as text for people: "240 mm" for 0.24, "1.50 m" for 1.5."""
    if metres < 1:
        return f"{metres * 1000:.3g} mm" if metres < 0.1 else f"{metres * 1000:.0f} mm"
    return f"{metres:.2f} m"


def format_memory(amount: float) -> str:
    """A number of bytes as text for people: "1.5 GB" for 1.5e9."""
    return f"{amount / 1e9:.1f} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def format_count(number: int, noun: str, plural: str = "") -> str:
    """A count with its noun, "1 mesh" or "2 meshes"; without `plural` an s is added to the noun."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def format_seconds(seconds: float) -> str:
    """A duration as text for people: "1 min 15 s" for 75."""
    whole = int(round(seconds))
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{max(seconds, 0):.0f} s"
