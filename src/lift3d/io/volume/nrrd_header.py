"""Headers of NRRD files: fields and key/value pairs, sizes, axes and the affine."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError, damaged_file
from lift3d.io.volume.limits import printable
from lift3d.io.volume.nifti import stated_axes
from lift3d.types.arrays import F64

TYPES = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1", "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "short": "i2", "short int": "i2", "signed short": "i2", "signed short int": "i2", "int16": "i2", "int16_t": "i2",
    "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2", "uint16_t": "u2",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4", "uint": "u4", "unsigned int": "u4", "uint32": "u4",
    "uint32_t": "u4", "longlong": "i8", "long long": "i8", "long long int": "i8", "signed long long": "i8",
    "signed long long int": "i8", "int64": "i8", "int64_t": "i8", "ulonglong": "u8", "unsigned long long": "u8",
    "unsigned long long int": "u8", "uint64": "u8", "uint64_t": "u8", "float": "f4", "double": "f8",
}  # fmt: skip
SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1), "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip
"""Signs that turn the coordinates of a space into RAS."""
LENGTHS = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "millimeters": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001,
           "µm": 0.001, "μm": 0.001, "micron": 0.001, "microns": 0.001, "micrometer": 0.001, "nm": 1e-6}  # fmt: skip
"""Millimetres of a unit of length."""
SPATIAL_KINDS = ("domain", "space", "???", "none")
VECTOR = re.compile(r"\(([^()]*)\)|(none)", re.IGNORECASE)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
MAX_AXES = 16


@dataclass(frozen=True, eq=False)
class Header:
    """fields by lower-case name; pairs: the key/value pairs; sizes of all axes, the fastest first."""

    fields: dict[str, str]
    pairs: dict[str, str]
    sizes: tuple[int, ...]
    dtype: np.dtype[np.generic]
    name: str

    def text(self, *names: str) -> str:
        """The first of some fields that is there, else ""."""
        return next((self.fields[n] for n in names if n in self.fields), "")

    def whole(self, *names: str) -> int:
        """A whole number of a field, 0 where it is missing. Raises InputError for anything else."""
        text = self.text(*names) or "0"
        if not re.fullmatch(r"[+-]?\d{1,15}", text):
            raise damaged_file(self.name, f"states {names[0]!r} as {printable(text, 30)!r}")
        return int(text)


def parse(lines: Sequence[str], name: str) -> Header:
    """The header of its lines, without the first. Raises InputError where something necessary is missing or contradictory."""
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for line in lines:
        if line.startswith("#") or not line.strip():
            continue
        field = re.match(r"([^:]+): (.*)$|([^:]+):$", line)
        if ":=" in line and (field is None or line.index(":=") < line.index(": ")):
            key, _, value = line.partition(":=")
            pairs[key.strip()] = value.strip()
        elif field:
            fields[(field[1] or field[3]).strip().lower()] = (field[2] or "").strip()
        else:
            raise damaged_file(name, f"has a header line that says nothing ({printable(line, 40)!r})")
    for needed in ("dimension", "type", "encoding", "sizes"):
        if needed not in fields:
            raise damaged_file(name, f"has no {needed!r} in its header")
    code = TYPES.get(" ".join(fields["type"].lower().split()))
    if code is None:
        raise InputError(
            f"{name} holds values of type {printable(fields['type'], 30)!r}, which are not read",
            "convert them to short or float",
        )
    sizes = [int(s) if s.isascii() and s.isdigit() and len(s) < 16 else 0 for s in fields["sizes"].split()]
    if fields["dimension"] != str(len(sizes)) or not 1 <= len(sizes) <= MAX_AXES or min(sizes) < 1:
        raise damaged_file(
            name,
            f"states sizes {printable(fields['sizes'], 40)!r} of {printable(fields['dimension'], 10)!r} dimensions",
        )
    endian = fields.get("endian", "").lower()
    ascii_text = fields["encoding"].lower() in ("ascii", "text", "txt")
    if endian not in ("little", "big") and int(code[1]) > 1 and not ascii_text:
        raise damaged_file(name, "does not say whether its values are little or big endian")
    dtype = np.dtype((">" if endian == "big" else "<") + code)
    return Header(fields, pairs, tuple(sizes), dtype, name)


def spatial_axes(header: Header) -> list[int]:
    """The indices of the three spatial axes. Raises InputError where there are fewer, or where a list has colours or vectors."""
    count = len(header.sizes)
    directions = _directions(header)
    kinds = header.text("kinds").lower().split()
    if directions is not None:
        axes = [i for i, one in enumerate(directions) if one is not None]
    elif len(kinds) == count:
        axes = [i for i, kind in enumerate(kinds) if kind in SPATIAL_KINDS]
    else:
        axes = list(range(min(count, 3)))
    if len(axes) > 3 and directions is None:
        axes = axes[:3]
    if len(axes) != 3:
        raise InputError(f"{header.name} has {len(axes)} spatial axes, not three", "give a volume of slices")
    if len(kinds) == count:
        for i in set(range(count)) - set(axes):
            if header.sizes[i] > 1 and ("color" in kinds[i] or "vector" in kinds[i] or "matrix" in kinds[i]):
                raise InputError(
                    f"{header.name} holds colours or vectors, not measured numbers",
                    "give one value for each voxel",
                )
    return axes


def affine_of(
    header: Header, axes: Sequence[int], spacing: Sequence[float] | None, notes: Callable[[str], None]
) -> F64:
    """The affine (4, 4) to RAS mm. spacing: of the user, in mm, where the file states no unit. Raises InputError where it is not
    known."""
    name, space = header.name, header.text("space").lower().removesuffix("-time")
    space = space[:3] if len(space) == 4 and space.endswith("t") else space
    directions = _directions(header)
    if directions is not None and space in SPACES:
        if spacing is not None:
            raise InputError(f"{name} states its own spacing", "leave out --spacing")
        columns = np.array([directions[i] for i in axes], np.float64).T
        origin = _vectors(header, "space origin")
        if not origin or origin[0] is None:
            notes(f"{name} states no origin: 0, 0, 0 is used")
            origin = [[0.0, 0.0, 0.0]]
        scale = _scale(header, "space units", [0, 1, 2])
        return _joined(
            columns, np.array(origin[0]), np.array(SPACES[space]) * (1.0 if scale is None else scale)
        )
    if directions is not None and header.text("space", "space dimension"):
        stated_space = printable(header.text("space", "space dimension"), 40)
        raise InputError(
            f"{name} has the space {stated_space!r}, which says nothing about the patient",
            "write it with the space left-posterior-superior",
        )
    stated, scale = _spacings(header, axes), _scale(header, "units", axes)
    if spacing is not None:
        if stated is not None and scale is not None:
            raise InputError(f"{name} states its own spacing", "leave out --spacing")
        return stated_axes(spacing, "LPS", name, notes)
    if stated is None:
        raise InputError(
            f"{name} states no spacing",
            "give its voxel size in millimetres, for example --spacing 0.5,0.5,0.5",
        )
    if scale is None:
        raise InputError(
            f"{name} states spacings of {' x '.join(f'{s:g}' for s in stated)}, but neither a unit nor a space",
            "give its voxel size in millimetres, for example --spacing 0.5,0.5,0.5",
        )
    return stated_axes([float(s) * scale for s in stated], "LPS", name, notes)


def _joined(columns: F64, origin: F64, signs: F64) -> F64:
    """The affine of direction columns."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = columns * signs[:, None], origin * signs
    return affine


def _directions(header: Header) -> list[list[float] | None] | None:
    """The direction of each axis, None for an axis outside space; None where the file states none."""
    if "space directions" not in header.fields:
        return None
    vectors = _vectors(header, "space directions")
    if len(vectors) != len(header.sizes):
        raise damaged_file(
            header.name, f"states {len(vectors)} space directions for {len(header.sizes)} axes"
        )
    return vectors


def _vectors(header: Header, field: str) -> list[list[float] | None]:
    """The vectors of three numbers in a field; None for "none". Raises InputError for other text."""
    text = header.text(field)
    if VECTOR.sub("", text).strip():
        raise damaged_file(header.name, f"states {field!r} as {printable(text, 40)!r}")
    found: list[list[float] | None] = []
    for match in VECTOR.finditer(text):
        vector = None if match[2] else _floats(match[1].split(","))
        if not match[2] and (vector is None or len(vector) != 3):
            raise damaged_file(
                header.name, f"states a vector of {field!r} as {printable(match[0], 40)!r}, not three numbers"
            )
        found.append(vector)
    return found


def _floats(words: Sequence[str]) -> list[float] | None:
    """Finite numbers of words, or None."""
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    return numbers if all(math.isfinite(n) for n in numbers) else None


def _spacings(header: Header, axes: Sequence[int]) -> list[float] | None:
    """Positive spacings of the spatial axes, in the unit of the file, or None where it states none."""
    words = header.text("spacings").split()
    if len(words) != len(header.sizes):
        return None
    numbers = _floats([words[i] for i in axes])
    return None if numbers is None or min(abs(n) for n in numbers) <= 0 else [abs(n) for n in numbers]


def _scale(header: Header, field: str, axes: Sequence[int]) -> float | None:
    """Millimetres of the unit in a field, the same for all axes, or None where it states none. Raises InputError for others."""
    units = QUOTED.findall(header.text(field))
    chosen = {units[i].strip() for i in axes if i < len(units)} - {""}
    if not chosen:
        return None
    if len(chosen) > 1 or not chosen <= set(LENGTHS):
        raise InputError(
            f"{header.name} states {printable(' and '.join(sorted(chosen)), 40)!r} as unit of length",
            "write it in mm",
        )
    return LENGTHS[chosen.pop()]
