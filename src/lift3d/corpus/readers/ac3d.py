"""AC3D, the text format of FlightGear's models: a tree of objects with poses, surfaces and materials, Y up.

OBJECT blocks hold loc, rot (rows of the transposed matrix), texture, numvert, then SURF blocks of a type (low four bits:
0 polygon, 1 and 2 lines, 4 strip), mat, and refs of vertex, u, v; `kids` ends an object and states the number of children.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from lift3d.corpus.readers.text import checked_indices, parse_numbers, take_rows, triangulate
from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.types import F64, WHITE, Bytes4, Material, Part

Lines = Iterator[str]
Colours = list[Bytes4]
Rings = list[tuple[int, int, int]]
MAX_DEPTH, LINES, STRIP = 64, (1, 2), 4
EFFECTS = re.compile(r"wake|shadow|spray|glow|halo|light.?(cone|beam)|flare|prop.?dis[ck]", re.I)
_RGB = re.compile(r'^MATERIAL(?: +(?:"[^"\n]*"|\S+) +\w+ +(\S+) +(\S+) +(\S+)(?:.*\btrans +(\S+))?)?', re.M)


def read(data: bytes, name: str) -> list[Part]:
    """One part per object and material, Y up. Raises InputError for a damaged file."""
    if not data.startswith(b"AC3D"):
        raise damaged_file(name, "is not an AC3D file")
    text = data.decode("latin-1").replace("\t", " ")
    words = [x or default for found in _RGB.findall(text) for x, default in zip(found, "1110")]
    rgbt = parse_numbers(words, name).reshape(-1, 4)
    rgba = np.rint(255 * np.clip(rgbt * [1, 1, 1, -1] + [0, 0, 0, 1], 0, 1)).astype(int).tolist()
    lines, colours = text.split("\n"), [(r, g, b, a) for r, g, b, a in rgba]
    try:
        return _objects(iter(lines), len(lines), np.eye(4), 0, colours, name)
    except (ValueError, IndexError, KeyError, OverflowError, StopIteration) as error:
        raise damaged_file(name, "is cut short or has text where numbers should be") from error


def _objects(lines: Lines, count: int, outer: F64, depth: int, colours: Colours, name: str) -> list[Part]:
    """Parts of the next `count` objects and their children, without effects such as glow; outer: 4x4 pose of the parent."""
    parts: list[Part] = []
    while count > 0 and depth < MAX_DEPTH and any(line.startswith("OBJECT") for line in lines):
        values = {"loc": "0 0 0", "rot": "1 0 0 0 1 0 0 0 1", "mat": "0", "kids": "0"}
        xyz, surfaces, corners = np.zeros((0, 3)), Rings(), list[str]()
        for line in lines:
            key, _, value = line.strip().partition(" ")
            values[key] = values.get("texture", value) if key == "texture" else value
            _ = next(lines) if key == "data" else None
            if key == "numvert":
                xyz = parse_numbers(take_rows(lines, int(value)), name).reshape(-1, 3)
            elif key == "refs":
                ring = take_rows(lines, int(value))
                surfaces.append((int(values["SURF"], 16) & 15, int(values["mat"].split()[0]), len(ring) // 3))
                corners += ring
            elif key == "kids":
                break
        pose, texture, table = (
            np.eye(4),
            values.get("texture", "").strip().strip('"'),
            parse_numbers(corners, name),
        )
        pose[:3, :3] = parse_numbers(values["rot"].split()[:9], name).reshape(3, 3).T
        pose[:3, 3] = parse_numbers(values["loc"].split()[:3], name)
        pose = outer @ pose
        if not EFFECTS.search(values.get("name", "")):
            xyz = xyz @ pose[:3, :3].T + pose[:3, 3]
            parts += _parts(xyz, table.reshape(-1, 3), surfaces, texture, colours, name)
        parts += _objects(lines, int(values["kids"]), pose, depth + 1, colours, name)
        count -= 1
    return parts


def _parts(xyz: F64, corners: F64, rings: Rings, texture: str, colours: Colours, name: str) -> list[Part]:
    """One part per material. xyz: (V, 3); corners: (C, 3) of vertex, u and v; rings: type, material and number of corners
    of each surface."""
    types, materials, sizes = np.array(rings, np.int64).reshape(-1, 3).T
    filled, parts = (sizes > 2) & ~np.isin(types, LINES), []
    for number in np.unique(materials[filled]).tolist():
        chosen = filled & (materials == number)
        table = corners[np.repeat(chosen, sizes)]  # each corner becomes a vertex with its own u and v
        material = Material(texture, colours[number] if 0 <= number < len(colours) else WHITE)
        vertex = checked_indices(table[:, 0], len(xyz), name)
        faces = triangulate(sizes[chosen], vertex, xyz, types[chosen] == STRIP)
        uv = table[:, 1:] if texture else None
        parts.append(validate_part(Part(xyz[vertex], faces, uv, material=material), name))
    return parts
