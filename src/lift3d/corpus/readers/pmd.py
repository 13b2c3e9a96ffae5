"""PMD, the cached meshes of 0 A.D.'s engine: little endian, versions 1 to 4, one mesh, Y up.

Header "PSMD", version, size; vertex count, from version 4 on the number of texture coordinates; per vertex position and
normal (3 + 3 floats), u v pairs, four bone weights and four bone bytes; face count and 16-bit corners.
"""

from __future__ import annotations

import numpy as np

from lift3d.corpus.bytes import Cursor
from lift3d.io.parts import Part, checked, damaged


def read(data: bytes, name: str) -> list[Part]:
    """The mesh in its bind pose. Raises InputError for a damaged file."""
    at = Cursor(data, name)
    if at.array("u1", 4).tobytes() != b"PSMD":
        raise damaged(name, "is not a PMD mesh")
    version = at.number("<u4")
    if not 1 <= version <= 4:
        raise damaged(name, f"is of version {version}, and 1 to 4 are known")
    at.skip(4)
    count = at.number("<u4")
    pairs = at.number("<u4") if version >= 4 else 1
    if pairs > 8:
        raise damaged(name, f"says that it has {pairs} texture coordinates per vertex")
    row = np.dtype(
        [("xyz", "<f4", 3), ("n", "<f4", 3), ("uv", "<f4", (pairs, 2)), ("w", "<f4", 4), ("b", "u1", 4)]
    )
    rows = at.array(row, count)
    faces = at.array("<u2", at.number("<u4"), 3).astype(np.int64)
    uv = rows["uv"][:, 0].astype(np.float64) if pairs else None
    return [checked(Part(rows["xyz"].astype(np.float64), faces, uv), name)]
