"""PMD, the cached meshes of the engine of 0 A.D.: little endian, versions 1 to 4, one mesh, Y up.

Header "PSMD", version, size; vertex count, from version 4 on the number of texture coordinates; per vertex position and
normal (3 + 3 floats), u v pairs, four bone weights and four bone bytes; face count and 16-bit corners; bones of seven
floats; from version 2 on attachment points: name, translation, rotation (x, y, z, w), bone.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from lift3d.corpus.readers.byte_cursor import Cursor
from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.types import F64, Part


def read(data: bytes, name: str) -> list[Part]:
    """The mesh in its bind pose, Y up. Raises InputError for a damaged file."""
    return [_mesh(Cursor(data, name))[0]]


def attachment_points(data: bytes, name: str) -> dict[str, F64]:
    """4x4 poses of the attachment points by name, without those attached to a bone. Raises InputError for a damaged file."""
    at = Cursor(data, name)
    _, version = _mesh(at)
    at.array("<f4", at.number("<u4"), 7)
    points: dict[str, F64] = {}
    for _ in range(at.number("<u4") if version >= 2 else 0):
        label = at.text(at.number("<u4"))
        numbers, bone = at.array("<f4", 7).astype(np.float64), at.number("u1")
        if bone == 255 and np.isfinite(numbers).all() and np.linalg.norm(numbers[3:]) > 1e-6:
            pose = np.eye(4)
            pose[:3, :3], pose[:3, 3] = Rotation.from_quat(numbers[3:]).as_matrix(), numbers[:3]
            points[label] = pose
    return points


def _mesh(at: Cursor) -> tuple[Part, int]:
    """The mesh and the file's version; the cursor moves behind the faces."""
    if at.array("u1", 4).tobytes() != b"PSMD":
        raise damaged_file(at.name, "is not a PMD mesh")
    version = at.number("<u4")
    if not 1 <= version <= 4:
        raise damaged_file(at.name, f"has version {version}, but only 1 to 4 are supported")
    at.skip(4)
    count = at.number("<u4")
    pairs = at.number("<u4") if version >= 4 else 1
    if pairs > 8:
        raise damaged_file(at.name, f"states {pairs} texture coordinates per vertex; at most 8 are supported")
    row = np.dtype(
        [("xyz", "<f4", 3), ("n", "<f4", 3), ("uv", "<f4", (pairs, 2)), ("w", "<f4", 4), ("b", "u1", 4)]
    )
    rows = at.array(row, count)
    faces = at.array("<u2", at.number("<u4"), 3).astype(np.int64)
    uv = rows["uv"][:, 0].astype(np.float64) if pairs else None
    return validate_part(Part(rows["xyz"].astype(np.float64), faces, uv), at.name), version
