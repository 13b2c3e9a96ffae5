"""OFF in, the format of Geomview, ModelNet and CGAL: a header, vertices, then faces with their number of corners first.

The letters before OFF say what a vertex has: N a normal, C a colour, ST texture coordinates, 4 a homogeneous coordinate, n
another number of dimensions. The header is optional, "BINARY" behind it means big-endian numbers. Faces may have colours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS, validate_part
from lift3d.io.mesh.faces import finite_parts, paint_corners, paint_faces, rgba_bytes
from lift3d.io.mesh.polygons import triangulate
from lift3d.io.mesh.text import utf8_text
from lift3d.types import F64, GREY, Model, Part

_HEADER = re.compile(r"((?:ST|st|C|c|N|4|n)*)OFF", re.IGNORECASE)
_BINARY = re.compile(rb"\s*((?:ST|C|N|4|n)*)OFF[ \t]+BINARY[^\n]*\n")


@dataclass
class _Content:
    """vertices: their numbers, as many as each has. counts (F,), index: corners of faces. colours: numbers behind each face."""

    vertices: list[list[str]] | NDArray[np.float64]
    counts: list[int]
    index: list[int]
    colours: list[list[str]]
    rest: int = 0
    """Lines behind the last face."""


def read(data: bytes, path: Path) -> Model:
    """One part, with the colours of its faces or vertices; polygons may be concave. Headers joined to the first number ("OFF490
    518 0") are accepted, and files without a header.

    Raises InputError for a damaged file.
    """
    name, notes = path.name, list[str]()
    binary = _BINARY.match(data)
    if binary:
        letters, at = binary[1].decode(), binary.end()
        content, size, homogeneous = _binary(data, at, letters, name)
    else:
        letters, content, size, homogeneous = _text(utf8_text(data).decode("latin-1"), name)
    return _model(content, letters, size, homogeneous, name, notes)


def _letters(word: str) -> str:
    """The prefix in standard form: "ST", "C", "N", "4" and "n" as far as they are there."""
    plain = word if word != word.lower() else word.replace("st", "ST").replace("c", "C")
    return plain.upper().replace("N", "") + ("N" if "N" in plain else "") + ("n" if "n" in plain else "")


def _out_of_range(n: int, m: int, name: str, held: int) -> None:
    if not (0 <= n <= MAX_ELEMENTS and 0 <= m <= MAX_ELEMENTS) or n + m > held:
        raise damaged_file(name, f"is cut short (it should hold {n} vertices and {m} faces)")


def _text(text: str, name: str) -> tuple[str, _Content, int, bool]:
    """(letters, content, dimensions, whether a homogeneous coordinate follows) of the text format."""
    lines = (line.split("#")[0].split() for line in re.split(r"[\r\n]", text))
    rows = [line for line in lines if line]
    letters = ""
    found = _HEADER.match(rows[0][0]) if rows else None
    if found:
        letters = _letters(found[1])
        rest = [rows[0][0][found.end() :], *rows[0][1:]]
        rows[0] = [word for word in rest if word]
    elif not rows or not re.fullmatch(r"\d+", rows[0][0]):
        raise damaged_file(name, "is not an OFF file, because its first word is not OFF")
    head: list[str] = []
    needed = 3 if "n" in letters else 2
    while rows and len(head) < needed:
        head += rows.pop(0)
    if len(head) > needed + 1:  # the first vertex stands on the line of the counts
        rows.insert(0, head[needed + 1 :])
    try:
        size = int(head[0]) if "n" in letters else 3
        n, m = (int(x) for x in head[needed - 2 : needed])
    except (ValueError, IndexError) as error:
        raise damaged_file(name, "does not state how many vertices and faces it holds") from error
    if not 1 <= size <= 100:
        raise damaged_file(name, f"has vertices of {size} dimensions")
    if rows and len(head) == needed and len(rows[0]) == 1 and len(rows) > n + m:
        rows = rows[1:]  # the number of edges, on a line of its own
    width = size + ("4" in letters)
    if len(rows) < n + m or any(len(row) < width for row in rows[:n]):
        rows = _regrouped(
            rows, n, m, width + 3 * ("N" in letters) + 4 * ("C" in letters) + 2 * ("ST" in letters)
        )
    _out_of_range(n, m, name, len(rows))
    counts, index, colours = [], [], []
    for row in rows[n : n + m]:
        count = int(row[0])
        if not 0 <= count < len(row):
            raise damaged_file(name, "has a face with missing corners")
        counts.append(count)
        index += [int(x) for x in row[1 : 1 + count]]
        colours.append(row[1 + count :])
    return letters, _Content(rows[:n], counts, index, colours, len(rows) - n - m), size, "4" in letters


def _regrouped(rows: list[list[str]], n: int, m: int, width: int) -> list[list[str]]:
    """The words of rows as one row per vertex and face, whatever their lines; without colours of faces."""
    words = [word for row in rows for word in row]
    if not 0 <= n * width <= len(words):
        return []
    out = [words[i * width : (i + 1) * width] for i in range(n)]
    at = n * width
    while len(out) < n + m and at < len(words):
        count = int(words[at])
        if not 0 <= count <= len(words) - at - 1:
            return []
        out.append(words[at : at + count + 1])
        at += count + 1
    return out


def _binary(data: bytes, at: int, prefix: str, name: str) -> tuple[_Content, int, bool]:
    """(content, dimensions, homogeneous) of the binary format: big-endian 32-bit integers and floats."""
    letters = _letters(prefix)
    whole = np.frombuffer(data, ">i4", (len(data) - at) // 4, at)
    real = whole.view(">f4")
    first = 1 if "n" in letters else 0
    if len(whole) < first + 3:
        raise damaged_file(name, "does not state how many vertices and faces it holds")
    size = int(whole[0]) if first else 3
    n, m = int(whole[first]), int(whole[first + 1])
    if not 1 <= size <= 100:
        raise damaged_file(name, f"has vertices of {size} dimensions")
    width = size + ("4" in letters) + 3 * ("N" in letters) + 4 * ("C" in letters) + 2 * ("ST" in letters)
    place = first + 3
    _out_of_range(n, m, name, len(whole))
    if place + n * width + 2 * m > len(whole):
        _out_of_range(n, m, name, -1)
    vertices = real[place : place + n * width].astype(np.float64).reshape(n, width)
    place += n * width
    content = _Content(vertices, [], [], [])
    for _ in range(m):
        count = int(whole[place]) if place < len(whole) else -1
        end = place + 1 + count
        extra = int(whole[end]) if count >= 0 and end < len(whole) else -1
        if not 0 <= extra <= 4 or end + 1 + extra > len(whole):
            raise damaged_file(name, "has a face with missing corners")
        content.counts.append(count)
        content.index += whole[place + 1 : end].tolist()
        content.colours.append([f"{v:.7f}" for v in real[end + 1 : end + 1 + extra].tolist()])
        place = end + 1 + extra
    return content, size, "4" in letters


def _model(
    content: _Content, letters: str, size: int, homogeneous: bool, name: str, notes: list[str]
) -> Model:
    width = size + homogeneous
    table = _table(content.vertices)
    if len(table) and table.shape[1] < width:
        raise damaged_file(name, "has a vertex with missing numbers")
    xyz = np.zeros((len(table), 3))
    xyz[:, : min(size, 3)] = table[:, : min(size, 3)]
    if homogeneous:
        xyz = xyz / table[:, size : size + 1]
    if size > 3:
        notes.append(f"of {size} dimensions the first three are read")
    own = _vertex_colours(table, width, letters, notes)
    counts, index = np.array(content.counts, np.int64), np.array(content.index, np.int64)
    if len(index) and (index.min() < 0 or index.max() >= len(xyz)):
        raise damaged_file(
            name, f"has faces that refer to vertices out of range (there are {len(xyz)} vertices)"
        )
    if content.rest:
        notes.append(f"lines behind the last face that the header states are not read ({content.rest})")
    triangles = triangulate(counts, index, xyz)
    notes += triangles.notes()
    faces = index[triangles.corners]
    stated = _face_colours(content.colours, notes)
    if stated is None:
        part = Part(xyz, faces, None, own)
    elif own is None:
        part = paint_faces(xyz, faces, stated[triangles.polygon])
    else:
        code = np.ascontiguousarray(stated).view("<u4").reshape(-1).astype(np.int64)[triangles.polygon]
        missing = np.array([not c for c in content.colours])[triangles.polygon]
        vertex = np.ascontiguousarray(own).view("<u4").reshape(-1).astype(np.int64)[faces]
        part = paint_corners(xyz, faces, np.where(missing[:, None], vertex, code[:, None]))
    (part,) = finite_parts([part], notes)
    return Model([validate_part(part, name)], None, notes)


def _table(rows: list[list[str]] | NDArray[np.float64]) -> F64:
    """(N, K) numbers of rows; missing ones are nan."""
    if isinstance(rows, np.ndarray):
        return rows
    widest = min(max((len(row) for row in rows), default=0), 120)
    return np.array([row[:widest] + ["nan"] * (widest - len(row)) for row in rows], np.float64).reshape(
        len(rows), widest
    )


def _vertex_colours(table: F64, width: int, letters: str, notes: list[str]) -> NDArray[np.uint8] | None:
    """(V, 4) colours: behind the normal, before the texture coordinates; in a file that names none, further numbers count as
    colours where there are three or four of them and none is negative."""
    extra = table[:, width + 3 * ("N" in letters) : table.shape[1] - 2 * ("ST" in letters)]
    if not extra.shape[1] or not len(table):
        return None
    if "C" not in letters and (extra.shape[1] not in (3, 4) or not (extra >= 0).all()):
        notes.append("further numbers of vertices are not read")
        return None
    if extra.shape[1] < 3:
        notes.append("colours of vertices that are no RGB are not read")
        return None
    return rgba_bytes(extra[:, :4])


def _face_colours(words: list[list[str]], notes: list[str]) -> NDArray[np.uint8] | None:
    """(F, 4) colours, grey where a face has none; None without any. One number is an index of a colour map, which is not in the
    file."""
    lengths = np.array([len(row) for row in words])
    if not (lengths > 0).any():
        return None
    if ((lengths == 1) | (lengths == 2)).any():
        notes.append("colours of faces by index of a colour map are not read")
    if not (lengths > 2).any():
        return None
    out = np.tile(np.array(GREY, np.uint8), (len(words), 1))
    fractional = np.array(["." in "".join(row) for row in words])
    for group in (fractional, ~fractional):
        chosen = np.flatnonzero(group & (lengths > 2))
        if len(chosen):
            out[chosen] = rgba_bytes(_table([words[k][:4] for k in chosen]))
    return out
