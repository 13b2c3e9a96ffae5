"""The elements of a PLY file as tables: text and binary of either byte order, with any line ends in the header."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.mesh.text import decode_name

_SCALARS = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "byte": "i1", "ubyte": "u1", "short": "i2", "int16": "i2",
    "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "long": "i4", "ulong": "u4",
    "int64": "i8", "uint64": "u8", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_END = re.compile(rb"[\r\n][ \t]*end_header[ \t]*(\r\n|\r|\n|$)")
Column = NDArray[np.float64]
Lists = tuple[NDArray[np.int64], NDArray[np.float64]]
"""List lengths per row, and all values in sequence."""


@dataclass
class _Element:
    name: str
    count: int
    properties: list[tuple[str, str, str | None]]
    """(name, type, type of the length or None for a scalar)."""


@dataclass(frozen=True)
class Table:
    """The rows of one element. whole: scalar properties that are integers by their type."""

    count: int = 0
    columns: dict[str, Column] = field(default_factory=dict)
    lists: dict[str, Lists] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()


def read_tables(data: bytes, name: str, notes: list[str] | None = None) -> tuple[dict[str, Table], list[str]]:
    """The table of every element by name, and the comments. Names are in lower case. notes: where a warning about data behind the
    last entry goes. Raises InputError for a damaged file."""
    kind, elements, comments, at = _header(data, name)
    if kind == "ascii":
        lines = [line for line in data[at:].splitlines() if line.strip(b" \t\0\x1a")]
        rest = len(lines) - sum(element.count for element in elements)
        try:
            parts = _all_ascii(lines, elements, name)
            if notes is not None and rest > 0:
                notes.append(f"lines behind the last entry that the header states are not read ({rest})")
        except (InputError, ValueError, LookupError):  # lines that are not one entry each
            try:
                parts = _all_ascii(_one_per_line(data[at:].split(), elements), elements, name)
            except (ValueError, LookupError):
                parts = _all_ascii(lines, elements, name)
    else:
        parts = []
        for element in elements:
            order = "<" if kind.startswith("binary_l") else ">"
            columns, lists, at = _binary(data, at, element, order, name)
            parts.append((columns, lists))
        if notes is not None and data[at:].strip(b"\0\r\n \x1a"):
            notes.append(
                f"bytes behind the last entry that the header states are not read ({len(data) - at})"
            )
    found: dict[str, Table] = {}
    for element, (columns, lists) in zip(elements, parts):
        whole = frozenset(p for p, kind, counter in element.properties if counter is None and kind[0] in "iu")
        found[element.name] = Table(element.count, columns, lists, whole)
    return found, comments


def _header(data: bytes, name: str) -> tuple[str, list[_Element], list[str], int]:
    """(format, elements, comments, offset of the body)."""
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    end = _END.search(data, 0, 1 << 20)
    if data[start : start + 3].lower() != b"ply" or end is None:
        raise damaged_file(name, "is not a PLY file")
    body = end.end()
    first = re.search(rb"\r\n|\r|\n", data)
    if end[1] == b"\r\n" and first is not None and first[0] == b"\r":
        body -= 1  # lines end in CR, so the LF is the first byte of the body
    kind, elements, comments = "", [], []
    for line in data[start : end.start()].splitlines()[1:]:
        text = decode_name(line).strip()
        words = text.split()
        if not words:
            continue
        key = words[0].lower()
        if key in ("comment", "obj_info"):
            comments.append(text[len(key) :].strip())
        elif key == "format":
            kind = words[1].lower()
        elif key == "element":
            count = int(words[2])
            if not 0 <= count <= MAX_ELEMENTS:
                raise damaged_file(name, f"states {count} entries of {words[1]}, which is out of range")
            elements.append(_Element(words[1].lower(), count, []))
        elif key == "property":
            types = [word.lower() for word in words[1:-1]]
            listed = types[:1] == ["list"]
            unknown = [word for word in types[listed:] if word not in _SCALARS]
            if unknown or len(types) != (3 if listed else 1) or not elements:
                raise damaged_file(name, f"has a property that is not PLY ({text[:60]!r})")
            of = [_SCALARS[word] for word in types[listed:]]
            elements[-1].properties.append((words[-1].lower(), of[-1], of[0] if listed else None))
    if kind not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise damaged_file(name, f"has the unknown PLY format {kind[:40]!r}")
    return kind, elements, comments, body


def _binary(
    data: bytes, at: int, element: _Element, order: str, name: str
) -> tuple[dict[str, Column], dict[str, Lists], int]:
    """The element's scalar columns and lists, and its end offset; lists of equal length are read as one array."""
    columns: dict[str, Column] = {}
    lists: dict[str, Lists] = {}
    short = damaged_file(name, f"is cut short (it should hold {element.count} {element.name} entries)")
    if element.count == 0:
        return columns, {p: (np.zeros(0, np.int64), np.zeros(0)) for p, _, c in element.properties if c}, at
    fields: list[Any] = []
    probe = at
    for number, (_, kind, counter) in enumerate(element.properties):  # lengths as in the first row
        if counter is None:
            fields.append((f"v{number}", order + kind))
            probe += np.dtype(kind).itemsize
        else:
            size = np.dtype(counter).itemsize
            if probe + size > len(data):
                raise short
            length = int(np.frombuffer(data, order + counter, 1, probe)[0])
            if not 0 <= length * np.dtype(kind).itemsize <= len(data) - probe - size:
                raise damaged_file(
                    name, f"has a list of {length} entries in {element.name}, more than it holds"
                )
            fields += [(f"n{number}", order + counter), (f"v{number}", order + kind, (length,))]
            probe += size + length * np.dtype(kind).itemsize
    row = np.dtype(fields)
    fits = at + row.itemsize * element.count <= len(data)
    table = np.frombuffer(data, row, element.count, at) if fits and row.itemsize else None
    if table is not None and all(
        (table[f"n{i}"] == table[f"n{i}"][0]).all() for i, p in enumerate(element.properties) if p[2]
    ):
        for number, (label, _, counter) in enumerate(element.properties):
            values = table[f"v{number}"].astype(np.float64)
            if counter is None:
                columns[label] = values
            else:
                lists[label] = (table[f"n{number}"].astype(np.int64), values.reshape(-1))
        return columns, lists, at + row.itemsize * element.count
    if not any(counter for _, _, counter in element.properties):
        raise short
    return _binary_rows(data, at, element, order, name, short)


def _binary_rows(
    data: bytes, at: int, element: _Element, order: str, name: str, short: InputError
) -> tuple[dict[str, Column], dict[str, Lists], int]:
    """As `_binary`, row by row for lists of different lengths."""
    kinds = [(np.dtype(order + k), np.dtype(order + c) if c else None) for _, k, c in element.properties]
    chunks: list[list[NDArray[np.float64]]] = [[] for _ in kinds]
    lengths: list[list[int]] = [[] for _ in kinds]
    for _ in range(element.count):
        for number, (kind, counter) in enumerate(kinds):
            length = 1
            if counter is not None:
                if at + counter.itemsize > len(data):
                    raise short
                length = int(np.frombuffer(data, counter, 1, at)[0])
                at += counter.itemsize
            if length < 0 or at + length * kind.itemsize > len(data):
                raise short
            chunks[number].append(np.frombuffer(data, kind, length, at).astype(np.float64))
            lengths[number].append(length)
            at += length * kind.itemsize
    columns, lists = {}, {}
    for number, (label, _, counter_name) in enumerate(element.properties):
        values = np.concatenate(chunks[number])
        if counter_name is None:
            columns[label] = values
        else:
            lists[label] = (np.array(lengths[number], np.int64), values)
    return columns, lists, at


def _ascii(
    lines: list[bytes], at: int, element: _Element, name: str
) -> tuple[dict[str, Column], dict[str, Lists], int]:
    """As `_binary`, from lines of text."""
    rows = lines[at : at + element.count]
    if len(rows) < element.count:
        raise damaged_file(name, f"is cut short (it should hold {element.count} {element.name} entries)")
    columns: dict[str, Column] = {}
    lists: dict[str, Lists] = {}
    if not any(counter for _, _, counter in element.properties):
        width = len(element.properties)
        table = np.array([r.split()[:width] for r in rows]).astype(np.float64).reshape(-1, width)
        return {p[0]: table[:, i] for i, p in enumerate(element.properties)}, lists, at + element.count
    values: list[list[bytes]] = [[] for _ in element.properties]
    lengths: list[list[int]] = [[] for _ in element.properties]
    for line in rows:
        words, position = line.split(), 0
        for number, (_, _, counter) in enumerate(element.properties):
            length = 1
            if counter is not None:
                length = int(words[position])
                position += 1
            if length < 0 or position + length > len(words):
                raise damaged_file(name, f"has an incomplete line in {element.name}")
            values[number] += words[position : position + length]
            lengths[number].append(length)
            position += length
    for number, (label, _, counter) in enumerate(element.properties):
        array = np.array(values[number]).astype(np.float64) if values[number] else np.zeros(0)
        if counter is None:
            columns[label] = array
        else:
            lists[label] = (np.array(lengths[number], np.int64), array)
    return columns, lists, at + element.count


def _all_ascii(
    lines: list[bytes], elements: list[_Element], name: str
) -> list[tuple[dict[str, Column], dict[str, Lists]]]:
    parts, at = [], 0
    for element in elements:
        columns, lists, at = _ascii(lines, at, element, name)
        parts.append((columns, lists))
    return parts


def _one_per_line(words: list[bytes], elements: list[_Element]) -> list[bytes]:
    """The words of the body as one line per entry. Raises ValueError where they are too few."""
    lines, at = [], 0
    for element in elements:
        for _ in range(element.count):
            start = at
            for _, _, counter in element.properties:
                length = 1 if counter is None else int(words[at]) + 1
                if length < 1:
                    raise ValueError(length)
                at += length
            if at > len(words) or at == start:
                raise ValueError(at)
            lines.append(b" ".join(words[start:at]))
    return lines
