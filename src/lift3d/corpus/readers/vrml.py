"""VRML97 as KiCad's part models use it: Shape nodes with one IndexedFaceSet and a material, no transforms, Z up.

A material is defined once (DEF name Material) and referenced later (USE name). Polygons may be concave.
"""

from __future__ import annotations

import re

import numpy as np

from lift3d.corpus.readers.text import checked_indices, parse_numbers, triangulate
from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.types import F64, Material, Part

_MATERIAL = re.compile(r"DEF\s+(\S+)\s+Material\s*\{([^}]*)\}")
_COLOUR = re.compile(r"diffuseColor\s+(\S+)\s+(\S+)\s+([^\s}]+)")
_CLEAR = re.compile(r"transparency\s+([^\s}]+)")
_LIST = {key: re.compile(rf"\b{key}\s*\[([^\]]*)\]") for key in ("coordIndex", "point")}
_USE = re.compile(r"material\s+USE\s+([^\s}]+)")


def read(data: bytes, name: str) -> list[Part]:
    """One part per Shape node, Z up. Raises InputError for a damaged file."""
    if not data.startswith(b"#VRML V2.0"):
        raise damaged_file(name, "is not a VRML97 file")
    text = re.sub(r"#[^\n]*", "", data.decode("utf-8", "replace"))
    known = {m[1]: _material(m[2], m[1], name) for m in _MATERIAL.finditer(text)}
    parts = []
    for shape in re.split(r"\bShape\s*\{", text)[1:]:
        corners, points = (_LIST[key].search(shape) for key in ("coordIndex", "point"))
        if corners is None or points is None:
            continue
        xyz = _numbers(points[1], name)
        if len(xyz) % 3:
            raise damaged_file(name, "has points without three coordinates")
        used = _USE.search(shape)
        material = known.get(used[1]) if used else _material(shape, "", name)
        xyz = xyz.reshape(-1, 3)
        index = np.r_[_numbers(corners[1], name), -1]
        ends = np.flatnonzero(index < 0)
        sizes = np.diff(ends, prepend=-1) - 1
        vertex = checked_indices(index[index >= 0], len(xyz), name)
        faces = vertex[triangulate(sizes, vertex, xyz)]
        if len(faces):
            parts.append(validate_part(Part(xyz, faces, material=material), name))
    return parts


def _numbers(text: str, name: str) -> F64:
    """The values of a list separated by spaces or commas."""
    return parse_numbers(text.replace(",", " ").split(), name)


def _material(text: str, label: str, name: str) -> Material | None:
    """The material in the text of a node; None without a colour."""
    colour, clear = _COLOUR.search(text), _CLEAR.search(text)
    if colour is None:
        return None
    rgb = np.clip(_numbers(" ".join(colour.groups()), name), 0, 1)
    alpha = 1 - float(np.clip(_numbers(clear[1], name)[0], 0, 1)) if clear else 1.0
    red, green, blue = (round(255 * float(c)) for c in rgb)
    return Material(label, (red, green, blue, round(255 * alpha)))
