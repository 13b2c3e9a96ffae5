"""MD2, the models of Quake II, also used by UFO: Alien Invasion: first frame, Z up.

Header "IDP2" and 16 counts and offsets; texture coordinates in pixels from the upper left; triangles of three vertex and
three coordinate indices; a frame consists of scale, translation, a name and one byte per axis and vertex.
"""

from __future__ import annotations

import numpy as np

from lift3d.corpus.readers.byte_cursor import Cursor
from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.types import Material, Part


def read(data: bytes, name: str) -> list[Part]:
    """The first frame, Z up. Raises InputError for a damaged file."""
    at = Cursor(data, name)
    if at.array("u1", 4).tobytes() != b"IDP2":
        raise damaged_file(name, "is not an MD2 model")
    (_, width, height, _, skins, points, coordinates, triangles, _, frames,
     skin_at, coordinate_at, triangle_at, frame_at, _, _) = at.array("<i4", 16).tolist()  # fmt: skip
    if frames < 1:
        raise damaged_file(name, "holds no frame")
    uv = Cursor(data, name, coordinate_at).array("<i2", coordinates, 2) / np.array(
        [max(width, 1), max(height, 1)]
    )
    corners = Cursor(data, name, triangle_at).array("<u2", triangles, 6).astype(np.int64)
    frame = Cursor(data, name, frame_at)
    scale, shift = frame.array("<f4", 2, 3).astype(np.float64)
    frame.skip(16)
    xyz = frame.array("u1", points, 4)[:, :3] * scale + shift
    skin = Cursor(data, name, skin_at).text(64) if skins > 0 else ""
    v, t = corners[:, :3].ravel(), corners[:, 3:].ravel()
    if len(v) and (v.max() >= points or (coordinates and t.max() >= coordinates)):
        raise damaged_file(name, "has faces that refer to vertices out of range")
    faces = np.arange(len(v)).reshape(-1, 3)[:, ::-1]  # clockwise in the file
    shown = uv[t] * [1, -1] + [0, 1] if coordinates else None
    return [validate_part(Part(xyz[v], faces, shown, material=Material(skin)), name)]
