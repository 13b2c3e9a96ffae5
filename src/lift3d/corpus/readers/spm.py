"""SPM, the space-partitioned meshes of SuperTuxKart: little endian, Y up, sections of buffers.

Header "SP", a byte of version (1, in the upper five bits) and type (0 reserved, 1 with bones, 2 static), a byte of flags
(1 normals, 2 colours, 4 tangents), a bounding box; materials of two texture names each; per buffer counts of vertices and
indices and the material; a vertex has position, then a packed normal, a colour (one byte 128 for white, or another and
three more), half-float texture coordinates and a packed tangent as the flags say, and 16 bytes of bones where it has them.
"""

from __future__ import annotations

import numpy as np

from lift3d.corpus.readers.byte_cursor import Cursor
from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.types import F64, Material, Part

WITH_BONES, STATIC = 1 << 3 | 1, 1 << 3 | 2
"""Version 1 and type."""


def read(data: bytes, name: str) -> list[Part]:
    """One part per buffer in the rest pose, Y up. Raises InputError for a damaged file."""
    at = Cursor(data, name)
    if at.array("u1", 2).tobytes() != b"SP":
        raise damaged_file(name, "is not an SPM mesh")
    kind, flags = at.number("u1"), at.number("u1")
    if kind not in (WITH_BONES, STATIC):
        raise damaged_file(name, "is not an SPM mesh of version 1")
    at.skip(24)
    textures = []
    for _ in range(at.number("<u2")):
        textures.append(tuple(at.array("u1", at.number("u1")).tobytes().decode("latin-1") for _ in range(2)))
    parts = []
    for _ in range(at.number("<u2")):
        for _ in range(at.number("<u2")):
            vertices, indices, material = at.number("<u4"), at.number("<u4"), at.number("<u2")
            if material >= len(textures):
                raise damaged_file(name, "refers to a material that it does not hold")
            first, second = textures[material]
            layout = (
                bool(flags & 1),
                bool(flags & 2),
                bool(flags & 4),
                bool(first),
                bool(second),
                kind == WITH_BONES,
            )
            xyz, uv = _vertices(at, vertices, layout)
            if uv is not None:
                uv[:, 1] = 1 - uv[:, 1]  # the file's v points down
            faces = at.array("u1" if vertices <= 255 else "<u2", indices // 3, 3).astype(np.int64)
            at.skip((indices % 3) * (1 if vertices <= 255 else 2))
            parts.append(validate_part(Part(xyz, faces, uv, material=Material(first)), name))
    return parts


def _vertices(at: Cursor, count: int, layout: tuple[bool, ...]) -> tuple[F64, F64 | None]:
    """Positions (N, 3) and texture coordinates (N, 2) or None; rows have equal lengths except for their colours.

    layout: whether there are normals, colours, tangents, a first and a second texture, and bones.
    """
    normals, colours, tangents, one, two, animated = layout
    fields = [("xyz", "<f4", 3)] + ([("n", "<u4", 1)] if normals else [])
    tail = ([("uv", "<f2", 2)] if one else []) + ([("uv2", "<f2", 2)] if one and two else [])
    tail += [("t", "<u4", 1)] if one and tangents else []
    tail += [("bones", "u1", 16)] if animated else []
    if not colours:
        rows = at.array(np.dtype(fields + tail), count)
        return rows["xyz"].astype(np.float64), rows["uv"].astype(np.float64) if one else None
    head, rest = np.dtype(fields), np.dtype(tail)
    if count * head.itemsize > len(at.data):
        at.skip(len(at.data))
    xyz, uv = np.empty((count, 3)), np.zeros((count, 2))
    for i in range(count):
        xyz[i] = at.array(head, 1)["xyz"][0]
        if at.number("u1") != 128:
            at.skip(3)
        if tail:
            row = at.array(rest, 1)
            if one:
                uv[i] = row["uv"][0]
    return xyz, uv if one else None
