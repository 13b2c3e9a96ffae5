"""STL, binary and text in, binary out; it holds triangles only.

The format has no unit. lift3d writes "unit: mm" into the header, or "unit: null" for a model of unknown scale, whose
numbers are written unchanged; without either a file has no unit. Text and binary are distinguished by content, since many binary
files begin with "solid", too. Corners are merged by exact position on reading. Colours of faces are read in both forms that
programs write (the one of VisCAM and SolidView, and that of Materialise Magics), never written.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.io.mesh.faces import paint_faces
from lift3d.io.mesh.polygons import triangulate
from lift3d.io.mesh.text import utf8_text
from lift3d.types import F64, GREY, Model, Part

_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_SOLID = re.compile(rb"^[ \t]*(?:end[ \t]*)?solid\b[^\n]*", re.IGNORECASE | re.MULTILINE)
_VERTEX = re.compile(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)|\b(endloop)\b", re.IGNORECASE)
_NOT_A_NUMBER = re.compile(rb"[-+]?(nan|inf|\d*\.?#)", re.IGNORECASE)


def weld_corners(corners: F64) -> Part:
    """A part from triangle corners (3F, 3), merged by exact position; vertices in order of first appearance."""
    flat = np.ascontiguousarray(corners + 0.0)  # turns -0 into 0
    _, first, inverse = np.unique(flat.view("V24").reshape(-1), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return Part(flat[first[order]], rank[inverse.reshape(-1)].reshape(-1, 3))


def read(data: bytes, path: Path) -> Model:
    """One part, in metres when the header says "unit: mm" or "unit: m", else without unit. Raises InputError for a damaged file.

    A wrong number of triangles in the header, triangles that are not finite and such without area are warnings.
    """
    name, notes = path.name, list[str]()
    text = _text(data)
    rgba: NDArray[np.uint8] | None = None
    if text is not None:
        head, corners = text[:200].split(b"\n")[0], _text_corners(text, name, notes)
    else:
        head, records = data[:80], _records(data, name, notes)
        corners = records["corners"].astype(np.float64).reshape(-1, 3)
        rgba = _colours(head, records["attribute"])
    if len(corners) == 0:
        raise damaged_file(name, "holds no triangles")
    finite = (np.abs(corners) < 1e30).all(1).reshape(-1, 3).all(1)
    if not finite.any():
        raise damaged_file(name, "holds only triangles with numbers that are not finite, or over 1e30")
    if not finite.all():
        lost = int((~finite).sum())
        many = "one triangle" if lost == 1 else f"{lost} triangles"
        notes.append(f"{many} with coordinates that are not finite, or over 1e30, left out")
        corners = corners[np.repeat(finite, 3)]
        rgba = rgba[finite] if rgba is not None else None
    stated = re.search(rb"unit: (mm|m)\b", head)
    part = weld_corners(corners / 1000.0 if stated and stated[1] == b"mm" else corners)
    a, b, c = part.faces.T
    flat = (a == b) | (b == c) | (c == a)
    if flat.all():
        raise damaged_file(name, "holds no triangles with an area")
    if flat.any():
        notes.append(f"triangles with two equal corners are left out ({int(flat.sum())})")
        part = Part(part.vertices, part.faces[~flat])
    if rgba is not None:
        part = paint_faces(part.vertices, part.faces, rgba[~flat])
    return Model([part], "m" if stated else None, notes)


def _text(data: bytes) -> bytes | None:
    """The text with LF as line end if the file is a text STL, else None."""
    text = utf8_text(data[:4096])
    if any(byte < 9 or 13 < byte < 32 for byte in text[:2048]):
        return None
    if not re.search(rb"\b(facet|vertex|endsolid)\b", text, re.IGNORECASE):
        return None
    return utf8_text(data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _text_corners(text: bytes, name: str, notes: list[str]) -> F64:
    """(3F, 3) corners of the text format; names of solids may contain any word."""
    if not re.search(rb"\bend[ \t]*solid\b", text, re.IGNORECASE):
        notes.append("the last solid has no end (endsolid): the file may be cut short")
    found = _VERTEX.findall(_SOLID.sub(b"", text)) or _VERTEX.findall(text)  # the latter: all on one line
    rows = np.array([(x, y, z) for x, y, z, end in found if not end])
    loops = np.flatnonzero([bool(end) for *_, end in found])
    short = damaged_file(name, "is cut short (a triangle has fewer than three corners)")
    if len(loops):
        counts = np.diff(loops, prepend=-1) - 1
        if len(found) - 1 > loops[-1] or (counts < 3).any():
            raise short
    else:
        counts = np.full(len(rows) // 3, 3)
    if not len(rows) or counts.sum() != len(rows):
        raise short
    try:
        xyz = rows.astype(np.float64)
    except ValueError:
        flat = [
            b"nan" if _NOT_A_NUMBER.match(word) else word.replace(b",", b".") for word in rows.reshape(-1)
        ]
        try:
            xyz = np.array(flat).astype(np.float64).reshape(-1, 3)
        except ValueError as error:
            raise damaged_file(name, "has text where numbers should be") from error
    if (counts == 3).all():
        return xyz
    notes.append(f"faces with more than three corners are cut into triangles ({int((counts > 3).sum())})")
    return xyz[triangulate(counts, np.arange(len(xyz)), xyz).corners.reshape(-1)]


def _records(data: bytes, name: str, notes: list[str]) -> NDArray[np.void]:
    """The triangles of a binary file, as many as it holds where the header states a number that cannot be."""
    if len(data) < 84:
        raise damaged_file(name, "is not an STL file")
    (count,) = struct.unpack_from("<I", data, 80)
    held, rest = divmod(len(data) - 84, _RECORD.itemsize)
    records = np.frombuffer(data, _RECORD, held, 84)
    if count == held:
        return records
    if count > held:
        if rest or not held or not _plausible(records):
            raise _cut_short(data, count, name)
    elif not _plausible(records[count:]) or (rest and count):
        notes.append(f"{len(data) - 84 - count * 50} bytes behind the last triangle are not read")
        return records[:count]
    notes.append(f"the header states {count} triangles, but the file holds {held}: all of them are read")
    return records


def _plausible(records: NDArray[np.void]) -> bool:
    """Whether these bytes may be triangles: most coordinates are finite and neither huge nor minute."""
    size = np.abs(records["corners"].astype(np.float64))
    return bool((((size < 1e12) & (size > 1e-12)) | (size == 0)).mean() > 0.9) if len(records) else False


def _cut_short(data: bytes, count: int, name: str) -> InputError:
    if re.match(rb"\s*solid\b", data, re.IGNORECASE) or count > 1 << 30:
        return damaged_file(name, "is not an STL file, or is cut short")
    return damaged_file(name, f"is cut short (it should hold {count} triangles)")


def _colours(head: bytes, attribute: NDArray[np.uint16]) -> NDArray[np.uint8] | None:
    """(F, 4) colours of faces, None without any.

    With "COLOR=" and four bytes in the header (Magics) bit 15 means that colour, otherwise the bits are blue, green, red from
    the highest; without it (VisCAM, SolidView) bit 15 means that the face has a colour: red, green, blue from the highest.
    """
    bits = attribute.astype(np.int64)
    first, second, third = (((bits >> shift & 31) * 255 + 15) // 31 for shift in (0, 5, 10))
    alpha = np.full(len(bits), 255)
    high = bits >> 15 == 1
    at = head.upper().find(b"COLOR=")
    if 0 <= at <= 70:
        whole = np.frombuffer(head, np.uint8, 4, at + 6).astype(np.int64)
        whole[3] = whole[3] or 255
        own = np.column_stack([first, second, third, alpha])
        return np.where(high[:, None], whole, own).astype(np.uint8)
    if not high.any():
        return None
    own = np.column_stack([third, second, first, alpha])
    return np.where(high[:, None], own, np.array(GREY)).astype(np.uint8)


def write(part: Part, unit: str | None, stated: str = "mm", frame: str | None = None) -> bytes:
    """Binary STL of a part. unit: "m" for metres in memory, None for numbers that are written unchanged. stated: "mm" or "m", the
    unit of the numbers in the file. frame: the frame of its coordinates, which the header states."""
    header = f"lift3d binary STL unit: {'null' if unit is None else stated}".encode()
    if frame is not None:
        header += f" frame: {frame}".encode()
    scaled = (part.vertices * (1000.0 if unit == "m" and stated == "mm" else 1.0)).astype("<f4")
    records = np.zeros(len(part.faces), _RECORD)
    corners = scaled[part.faces]
    normal = np.cross(
        corners[:, 1].astype(np.float64) - corners[:, 0], corners[:, 2].astype(np.float64) - corners[:, 0]
    )
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    records["normal"] = normal / np.where(length > 0, length, 1.0)
    records["corners"] = corners
    return header.ljust(80, b" ") + struct.pack("<I", len(records)) + records.tobytes()
