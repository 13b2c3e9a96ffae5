"""Words for sizes: lengths with their unit ("24cm"), beds ("220x220x250mm"), memory ("3GB"). A bare number
is refused, because a unit is never guessed."""

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
    """Say in which unit a mesh is, None for unknown (trimesh would set the word "none")."""
    if unit is None:
        mesh.metadata.pop("units", None)
    else:
        mesh.units = unit
    return mesh


def parse_length(text: str, what: str = "a length") -> float:
    """ "24cm" -> 0.24 metres; mm, cm, m, in, ft; decimals with a point or a comma."""
    match = re.fullmatch(rf"\s*{_number}((?:[eE][+-]?[0-9]{{1,3}})?)\s*([a-zA-Z\"]*)\s*", text)
    if not match:
        no = f"{what} '{text}' is no length" if what.startswith("-") else f"'{text}' is not {what}"
        raise InputError(no, "write a number above zero and its unit, such as 24cm, 240mm or 9.5in")
    number, unit = float(match[1].replace(",", ".") + match[2]), match[3].lower()
    if not unit:
        raise InputError(
            f"'{text}' has no unit", f"say which one: {match[1]}mm, {match[1]}cm, {match[1]}m or {match[1]}in"
        )
    if unit not in METRES:
        raise InputError(f"'{match[3]}' is not a unit of length that lift3d knows", "use mm, cm, m, in or ft")
    metres = number * METRES[unit]
    if not SHORTEST_METRES <= metres <= LONGEST_METRES:
        raise InputError(f"'{text}' is not a usable size", "give a length from 0.001 mm to 10 km")
    return metres


def parse_bed(text: str) -> tuple[float, float, float]:
    """ "220x220x250mm" -> metres (width, depth, height); one unit at the end serves all three."""
    parts = re.split(r"\s*[x×*]\s*", text.strip().lower())
    unit = re.search(r"([a-z\"]+)\s*$", parts[-1])
    if len(parts) != 3 or not unit:
        raise InputError(
            f"'{text}' is not a printer bed", "write width x depth x height and the unit: 220x220x250mm"
        )
    sizes = [parse_length(p if re.search(r"[a-z\"]$", p) else p + unit[1], "a bed size") for p in parts]
    return sizes[0], sizes[1], sizes[2]


def parse_memory(text: str) -> int:
    """ "3GB" -> bytes (decimal units; GiB, MiB and the bare letters G, M, K are powers of 1024)."""
    match = re.fullmatch(rf"\s*{_number}\s*([a-zA-Z]+)\s*", text)
    if not match or match[2].upper() not in BYTES:
        raise InputError(
            f"'{text}' is not an amount of memory", "write a number and its unit, such as 3GB or 1500MB"
        )
    amount = int(float(match[1].replace(",", ".")) * BYTES[match[2].upper()])
    if not 200 * 10**6 <= amount <= 2**50:
        raise InputError(
            f"a memory budget of {text} cannot be kept", "give at least 200MB; 3GB suits most photo sets"
        )
    return amount


def format_length(metres: float) -> str:
    """0.24 -> "240 mm"; the unit follows the size."""
    if metres < 1:
        return f"{metres * 1000:.3g} mm" if metres < 0.1 else f"{metres * 1000:.0f} mm"
    return f"{metres:.2f} m"


def format_memory(amount: float) -> str:
    """1.5e9 -> "1.5 GB"."""
    return f"{amount / 1e9:.1f} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def format_count(number: int, what: str, many: str = "") -> str:
    """1, "mesh", "meshes" -> "1 mesh"; the plural adds an s if not given."""
    return f"{number} {what if number == 1 else many or what + 's'}"


def format_seconds(seconds: float) -> str:
    """75 -> "1 min 15 s"."""
    whole = int(round(seconds))
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{max(seconds, 0):.0f} s"
