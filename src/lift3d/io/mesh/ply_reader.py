"""PLY in, text and binary of either byte order.

The comment "unit: m" states the unit; a file without it has none. The comment "TextureFile NAME" refers to a texture beside
the model, with coordinates s and t per vertex or per face corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import decode_texture, resolve_companion
from lift3d.io.mesh.polygons import fan_triangles
from lift3d.types import Material, Model, Part

_SCALARS = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
Column = NDArray[np.float64]
Lists = tuple[NDArray[np.int64], NDArray[np.float64]]
"""List lengths per row, and all values in sequence."""


@dataclass
class _Element:
    name: str
    count: int
    properties: list[tuple[str, str, str | None]]
    """(name, type, type of the length or None for a scalar)."""


def _header(data: bytes, name: str) -> tuple[str, list[_Element], list[str], int]:
    """(format, elements, comments, offset of the body)."""
    end = data.find(b"end_header", 0, 1 << 20)
    if data[:3] != b"ply" or end < 0:
        raise damaged_file(name, "is not a PLY file")
    body = data.find(b"\n", end) + 1 or len(data)
    kind, elements, comments = "", [], []
    for line in data[:end].decode("latin-1").splitlines()[1:]:
        words = line.split()
        if not words:
            continue
        if words[0] in ("comment", "obj_info"):
            comments.append(line[len(words[0]) + 1 :].strip())
        elif words[0] == "format":
            kind = words[1]
        elif words[0] == "element":
            count = int(words[2])
            if not 0 <= count <= MAX_ELEMENTS:
                raise damaged_file(name, f"states {count} entries of {words[1]}, which is out of range")
            elements.append(_Element(words[1], count, []))
        elif words[0] == "property" and words[1] == "list":
            elements[-1].properties.append((words[4], _SCALARS[words[3]], _SCALARS[words[2]]))
        elif words[0] == "property":
            elements[-1].properties.append((words[2], _SCALARS[words[1]], None))
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
            if not 0 <= length <= 1000:
                raise damaged_file(name, f"has a list of {length} entries in {element.name}")
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


Tables = dict[str, tuple[dict[str, Column], dict[str, Lists]]]


def read_tables(data: bytes, name: str) -> tuple[Tables, list[str]]:
    """The scalar columns and lists of every element by name, and the comments. Raises InputError for a damaged file."""
    kind, elements, comments, at = _header(data, name)
    lines = data[at:].splitlines() if kind == "ascii" else []
    lines = [line for line in lines if line.strip()]
    at = 0 if kind == "ascii" else at
    found: Tables = {}
    for element in elements:
        if kind == "ascii":
            columns, lists, at = _ascii(lines, at, element, name)
        else:
            columns, lists, at = _binary(data, at, element, "<" if kind.startswith("binary_l") else ">", name)
        found[element.name] = (columns, lists)
    return found, comments


def read(data: bytes, path: Path) -> Model:
    """One part, with texture coordinates per vertex or per face corner. Raises InputError for a damaged file."""
    name = path.name
    found, comments = read_tables(data, name)
    vertex = found.get("vertex", ({}, {}))[0]
    face_lists = found.get("face", ({}, {}))[1]
    corners = face_lists.get("vertex_indices", face_lists.get("vertex_index"))
    if not all(axis in vertex for axis in "xyz"):
        raise damaged_file(name, "holds no vertices")
    if corners is None or not len(corners[0]):
        raise damaged_file(name, "holds points but no faces" if len(vertex["x"]) else "holds no vertices")
    xyz = np.column_stack([vertex[a] for a in "xyz"])
    counts, flat = corners
    position = fan_triangles(counts)
    index = flat.astype(np.int64)
    colours = vertex_colours(vertex)
    material, warnings = _texture(comments, path)
    uv = None
    for u, v in (("s", "t"), ("u", "v"), ("texture_u", "texture_v")):
        if u in vertex and v in vertex:
            uv = np.column_stack([vertex[u], vertex[v]])
    wedge = face_lists.get("texcoord")
    faces = index[position]
    if wedge is not None and material is not None and np.array_equal(wedge[0], 2 * counts):
        if index.size and (index.min() < 0 or index.max() >= len(xyz)):
            raise damaged_file(
                name, f"has faces that refer to vertices out of range (there are {len(xyz)} vertices)"
            )
        keys = np.column_stack([index.astype(np.float64), wedge[1].reshape(-1, 2)])
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        source = unique[:, 0].astype(np.int64)
        xyz, uv, faces = xyz[source], unique[:, 1:], inverse.reshape(-1)[position]
        colours = colours[source] if colours is not None else None
    if material is None:
        uv = None
    elif uv is not None:
        colours = None
    unit = "m" if "unit: m" in comments else None
    return Model([Part(xyz, faces, uv, colours, material)], unit, warnings)


def vertex_colours(vertex: dict[str, Column]) -> NDArray[np.uint8] | None:
    """(N, 4) RGBA of the vertex columns, None where they have no colours."""
    if not all(c in vertex for c in ("red", "green", "blue")):
        return None
    opaque = np.full(len(vertex["red"]), 255.0)
    rgba = np.column_stack([vertex["red"], vertex["green"], vertex["blue"], vertex.get("alpha", opaque)])
    return np.clip(np.nan_to_num(rgba), 0, 255).astype(np.uint8)


def _texture(comments: list[str], path: Path) -> tuple[Material | None, list[str]]:
    """The material with the texture that a comment names, and warnings."""
    for comment in comments:
        if comment.startswith("TextureFile"):
            reference = comment[len("TextureFile") :].strip()
            try:
                picture = decode_texture(
                    read_bytes(resolve_companion(path.parent, reference, path.name)), reference
                )
            except FileNotFoundError:
                return None, [f"the texture {reference} is missing"]
            return Material("material", texture=picture), []
    return None, []
