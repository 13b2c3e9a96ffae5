"""G3D, the models of Glest and MegaGlest, versions 2 to 4: meshes with one or more frames, Y up; the first frame is read.

Version 4: header "G3D", version, mesh count, type; per mesh a name of 64 bytes, counts of frames, vertices and indices,
eight material floats, properties, texture flags with a name of 64 bytes for each, then positions and normals of all
frames, texture coordinates and indices. Versions 2 and 3: mesh count; per mesh counts of frames of positions, normals,
texture coordinates and colours, of vertices and indices, properties (3: no texture in the lowest bit, 2: texture in the
first byte), a texture name of 64 bytes (from byte 27 on in version 2), then the arrays in this order, indices last.
The lowest property bit of version 4 states that the texture's alpha is the opacity over the owner's colour rather than
transparency; the material is then called "team/NAME".
"""

from __future__ import annotations

import numpy as np

from lift3d.corpus.readers.byte_cursor import Cursor
from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.types import Bytes4, Material, Part


def read(data: bytes, name: str) -> list[Part]:
    """The first frame of every mesh, Y up. Raises InputError for a damaged file or another version."""
    at = Cursor(data, name)
    start = at.array("u1", 4).tobytes()
    if start[:3] != b"G3D" or start[3] not in (2, 3, 4):
        raise damaged_file(name, "is not a G3D model of version 2 to 4")
    if start[3] < 4:
        return [_old_mesh(at, start[3]) for _ in range(at.number("<u4"))]
    meshes = at.number("<u2")
    at.skip(1)
    return [_mesh(at) for _ in range(meshes)]


def _mesh(at: Cursor) -> Part:
    """A mesh of version 4."""
    at.skip(64)
    frames, vertices, indices = at.array("<u4", 3).tolist()
    colour = at.array("<f4", 8)[:3]
    properties, textures = at.array("<u4", 2).tolist()
    names = [at.text(64) for bit in range(5) if textures >> bit & 1]
    xyz = _frames(at, frames, vertices)
    at.skip(12 * frames * vertices)
    uv = at.array("<f4", vertices, 2) if textures else None
    name = ("team/" if properties & 1 else "") + names[0] if textures & 1 else ""
    return _part(at, xyz, uv, indices, Material(name, _rgb(colour, bool(names))))


def _old_mesh(at: Cursor, version: int) -> Part:
    """A mesh of version 2 or 3."""
    frames, normals, maps, colours, vertices, indices = at.array("<u4", 6).tolist()
    first = at.array("u1", 4)
    textured = bool(first[0]) if version == 2 else not first[0] & 1
    at.at -= 1 if version == 2 else 0
    texture = at.text(64) if textured else ""
    at.skip((0 if textured else 64) + (1 if version == 2 else 0))
    xyz = _frames(at, frames, vertices)
    at.skip(12 * normals * vertices)
    uv = _frames(at, maps, vertices, 2) if textured else None
    colour = _frames(at, colours, 1, 4)[0, :3]
    return _part(at, xyz, uv, indices, Material(texture, _rgb(colour, textured)))


def _frames(at: Cursor, frames: int, count: int, width: int = 3) -> np.ndarray:
    """(count, width) values of the first frame; the cursor moves behind the last."""
    if frames < 1:
        raise damaged_file(at.name, "has a mesh without frames")
    out = at.array("<f4", count, width)
    at.skip(4 * width * count * (frames - 1))
    return out


def _part(at: Cursor, xyz: np.ndarray, uv: np.ndarray | None, indices: int, material: Material) -> Part:
    faces = at.array("<u4", indices // 3, 3).astype(np.int64)
    at.skip(4 * (indices % 3))
    coordinates = None if uv is None else uv.astype(np.float64)
    return validate_part(Part(xyz.astype(np.float64), faces, coordinates, material=material), at.name)


def _rgb(colour: np.ndarray, textured: bool) -> Bytes4:
    """RGBA bytes of a colour (3,) in [0, 1]; white where there is a texture."""
    rgb = np.clip(np.where(np.isfinite(colour), colour, 1), 0, 1)
    red, green, blue = (255, 255, 255) if textured else (round(255 * float(c)) for c in rgb)
    return red, green, blue, 255
