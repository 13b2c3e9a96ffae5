"""AC3D, the text format of FlightGear's models: a tree of objects with places, surfaces and materials, Y up.

OBJECT blocks hold loc, rot (rows of the transposed matrix), texture, numvert, then SURF blocks of a type (low four bits:
0 polygon, 1 and 2 lines, 4 strip), mat, and refs of vertex, u, v; `kids` ends an object and counts those inside it.
"""

from __future__ import annotations

import re

import numpy as np

from lift3d.io.parts import F64, MAX_ELEMENTS, Material, Part, checked, damaged

Surface = tuple[int, int, F64]
DEEPEST = 64


def read(data: bytes, name: str) -> list[Part]:
    """One part per object and material, in the frame of the file. Raises InputError for a damaged file."""
    if not data.startswith(b"AC3D"):
        raise damaged(name, "is not an AC3D file")
    lines = iter(data.decode("latin-1").splitlines()[1:])
    colours: list[tuple[int, int, int, int]] = []
    parts: list[Part] = []
    try:
        for line in lines:
            if line.startswith("MATERIAL"):
                rgb = re.search(r"\brgb\s+(\S+)\s+(\S+)\s+(\S+).*?(?:\btrans\s+(\S+)|$)", line)
                r, g, b, t = (float(x or 0) for x in rgb.groups()) if rgb else (1.0, 1.0, 1.0, 0.0)
                red, green, blue, alpha = (round(255 * min(max(c, 0.0), 1.0)) for c in (r, g, b, 1 - t))
                colours.append((red, green, blue, alpha))
            elif line.startswith("OBJECT"):
                _object(lines, np.eye(3), np.zeros(3), 0, colours, parts, name)
    except (ValueError, IndexError, OverflowError, StopIteration) as error:
        raise damaged(name, "ends in the middle or has words where numbers should be") from error
    return parts


def _object(lines, turn: F64, shift: F64, depth: int, colours, parts: list[Part], name: str) -> None:  # type: ignore[no-untyped-def]
    texture, own_turn, own_shift, xyz = "", np.eye(3), np.zeros(3), np.zeros((0, 3))
    surfaces: list[Surface] = []
    kind = material = kids = 0
    for line in lines:
        key, _, value = line.strip().partition(" ")
        if key == "texture":
            texture = texture or value.strip().strip('"')
        elif key == "loc":
            own_shift = np.array(value.split()[:3], float)
        elif key == "rot":
            own_turn = np.array(value.split()[:9], float).reshape(3, 3).T
        elif key == "data":
            next(lines)
        elif key == "numvert":
            xyz = _table(lines, value)
        elif key == "SURF":
            kind, material = int(value, 16) & 15, 0
        elif key == "mat":
            material = int(value.split()[0])
        elif key == "refs":
            surfaces.append((kind, material, _table(lines, value)))
        elif key == "kids":
            kids = int(value)
            break
    turn, shift = turn @ own_turn, shift + turn @ own_shift
    for number in sorted({m for k, m, ring in surfaces if len(ring) > 2 and k not in (1, 2)}):
        rings = [(k, ring) for k, m, ring in surfaces if m == number and len(ring) > 2 and k not in (1, 2)]
        faces, corners = (
            [],
            np.concatenate([ring for _, ring in rings]),
        )  # each corner is a vertex, for its own u and v
        first = 0
        for k, ring in rings:
            i = np.arange(len(ring) - 2)
            fan = [i + i % 2, i + 1 - i % 2, i + 2] if k == 4 else [0 * i, i + 1, i + 2]
            faces.append(np.stack(fan, 1) + first)
            first += len(ring)
        colour = colours[number] if 0 <= number < len(colours) else (255, 255, 255, 255)
        v = (xyz @ turn.T + shift)[corners[:, 0].astype(np.int64)]
        uv = corners[:, 1:] if texture else None
        parts.append(checked(Part(v, np.concatenate(faces), uv, material=Material(texture, colour)), name))
    for _ in range(kids):
        if depth < DEEPEST and any(line.startswith("OBJECT") for line in lines):
            _object(lines, turn, shift, depth + 1, colours, parts, name)


def _table(lines, count: str) -> F64:  # type: ignore[no-untyped-def]
    """The next `count` lines of three numbers."""
    if not 0 <= int(count) <= MAX_ELEMENTS:
        raise ValueError(count)
    return np.array([next(lines).split()[:3] for _ in range(int(count))], float).reshape(int(count), 3)
