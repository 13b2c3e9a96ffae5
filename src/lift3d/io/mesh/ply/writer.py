"""PLY out, binary little-endian.

The unit stands in a comment ("unit: m" or "unit: null"). A texture is written beside the model and named by the comment
"TextureFile", with s and t per vertex; the vertex colours are then sampled from the texture, for programs that read only
those.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.parts.convert import vertex_colours
from lift3d.io.mesh.common import needs_double
from lift3d.types import Part


def write(
    part: Part,
    unit: str | None,
    texture: str | None,
    normals: NDArray[np.float32] | None = None,
    frame: str | None = None,
) -> bytes:
    """Binary PLY of a part. unit: of its numbers, "m" or "mm", or None; texture: the name of the picture beside it; normals: (V,
    3) per vertex; frame: of its coordinates, which a comment states."""
    kind = "<f8" if needs_double(part.vertices) else "<f4"  # else single precision would round visibly
    fields: list[tuple[str, str]] = [(a, kind) for a in "xyz"]
    columns: list[NDArray[np.generic]] = [part.vertices[:, i] for i in range(3)]
    if normals is not None:
        fields += [(a, "<f4") for a in ("nx", "ny", "nz")]
        columns += [normals[:, i] for i in range(3)]
    if texture is not None and part.uv is not None:
        fields += [("s", "<f4"), ("t", "<f4")]
        columns += [part.uv[:, 0], part.uv[:, 1]]
    colours = vertex_colours(part)
    if colours is not None:
        fields += [(c, "u1") for c in ("red", "green", "blue", "alpha")]
        columns += [colours[:, i] for i in range(4)]
    out = io.StringIO()
    out.write("ply\nformat binary_little_endian 1.0\ncomment made by lift3d\n")
    out.write(f"comment unit: {unit or 'null'}\n")
    if frame is not None:
        out.write(f"comment frame: {frame}\n")
    if texture is not None:
        out.write(f"comment TextureFile {texture}\n")
    out.write(f"element vertex {len(part.vertices)}\n")
    words = {"<f4": "float", "<f8": "double", "u1": "uchar"}
    for label, of in fields:
        out.write(f"property {words[of]} {label}\n")
    out.write(f"element face {len(part.faces)}\nproperty list uchar int vertex_indices\nend_header\n")
    table = np.zeros(len(part.vertices), np.dtype(fields))
    for (label, _), column in zip(fields, columns):
        table[label] = column
    rows = np.zeros(len(part.faces), np.dtype([("n", "u1"), ("v", "<i4", 3)]))
    rows["n"], rows["v"] = 3, part.faces
    return out.getvalue().encode() + table.tobytes() + rows.tobytes()
