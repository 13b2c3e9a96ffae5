"""G3D, the models of Glest and MegaGlest, versions 3 and 4: meshes of one or more frames, Y up; the first is read.

Version 4: header "G3D", version, mesh count, type; per mesh a name of 64 bytes, counts of frames, vertices and indices,
eight material floats, properties, texture flags with a name of 64 bytes for each, then positions and normals of all
frames, texture coordinates and indices.
"""

from __future__ import annotations

import numpy as np

from lift3d.corpus.cursor import Cursor
from lift3d.io.parts import Material, Part, checked, damaged


def read(data: bytes, name: str) -> list[Part]:
    """First frame of every mesh. Raises InputError for a damaged file or another version."""
    at = Cursor(data, name)
    start = at.array("u1", 4).tobytes()
    if start[:3] != b"G3D" or start[3] != 4:
        raise damaged(name, "is not a G3D model of version 4")
    meshes = at.number("<u2")
    at.skip(1)
    parts = []
    for _ in range(meshes):
        at.skip(64)
        frames, vertices, indices = at.array("<u4", 3).tolist()
        colour = np.clip(at.array("<f4", 8)[:3], 0, 1)
        _, textures = at.array("<u4", 2).tolist()
        names = [at.text(64) for bit in range(5) if textures >> bit & 1]
        if frames < 1:
            raise damaged(name, "has a mesh without frames")
        xyz = at.array("<f4", vertices, 3).astype(np.float64)
        at.skip((24 * frames - 12) * vertices)
        uv = at.array("<f4", vertices, 2).astype(np.float64) if textures else None
        faces = at.array("<u4", indices // 3, 3).astype(np.int64)
        at.skip(4 * (indices % 3))
        rgb = (round(255 * float(c)) for c in colour) if not names else (255, 255, 255)
        red, green, blue = rgb
        material = Material(names[0] if textures & 1 else "", (red, green, blue, 255))
        parts.append(checked(Part(xyz, faces, uv, material=material), name))
    return parts
