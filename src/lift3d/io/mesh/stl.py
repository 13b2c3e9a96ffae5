"""STL, binary and text in, binary out; it holds triangles only.

The format has no unit. lift3d writes "unit: mm" into the header, or "unit: null" for a model of unknown scale, whose
numbers are written unchanged; without either a file has no unit. The header never begins with "solid", by which readers
recognise the text format. Corners are merged by exact position on reading.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from lift3d.errors import damaged_file
from lift3d.types import F64, Model, Part

_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def weld_corners(corners: F64) -> Part:
    """A part from triangle corners (3F, 3), merged by exact position; vertices in order of first appearance."""
    flat = np.ascontiguousarray(corners + 0.0)  # turns -0 into 0
    _, first, inverse = np.unique(flat.view("V24").reshape(-1), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return Part(flat[first[order]], rank[inverse.reshape(-1)].reshape(-1, 3))


def read(data: bytes, path: Path) -> Model:
    """One part, in metres when the header says "unit: mm", else without unit. Raises InputError for a damaged file."""
    name = path.name
    count = struct.unpack_from("<I", data, 80)[0] if len(data) >= 84 else -1
    text = data[:5].lower() == b"solid" and (count < 0 or len(data) != 84 + 50 * count)
    if text and b"vertex" in data:
        head, corners = data[:200].split(b"\n")[0], _text_corners(data, name)
    else:
        if count < 0:
            raise damaged_file(name, "is not an STL file")
        if len(data) < 84 + 50 * count:
            raise damaged_file(name, f"is cut short (it should hold {count} triangles)")
        head = data[:80]
        corners = np.frombuffer(data, _RECORD, count, 84)["corners"].astype(np.float64).reshape(-1, 3)
    if len(corners) == 0:
        raise damaged_file(name, "holds no triangles")
    known = b"unit: mm" in head
    return Model([weld_corners(corners / 1000.0 if known else corners)], "m" if known else None)


def _text_corners(data: bytes, name: str) -> F64:
    """(3F, 3) corners of the text format."""
    numbers = re.findall(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", data)
    if not numbers or len(numbers) % 3:
        raise damaged_file(name, "is cut short (a triangle has fewer than three corners)")
    return np.array(numbers).astype(np.float64)


def write(part: Part, unit: str | None) -> bytes:
    """Binary STL of a part: in millimetres for unit "m" (metres in memory), unchanged for None."""
    header = b"lift3d binary STL unit: mm" if unit == "m" else b"lift3d binary STL unit: null"
    scaled = (part.vertices * (1000.0 if unit == "m" else 1.0)).astype("<f4")
    records = np.zeros(len(part.faces), _RECORD)
    corners = scaled[part.faces]
    normal = np.cross(
        corners[:, 1].astype(np.float64) - corners[:, 0], corners[:, 2].astype(np.float64) - corners[:, 0]
    )
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    records["normal"] = normal / np.where(length > 0, length, 1.0)
    records["corners"] = corners
    return header.ljust(80, b" ") + struct.pack("<I", len(records)) + records.tobytes()
