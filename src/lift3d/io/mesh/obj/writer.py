"""Wavefront OBJ and MTL out. The unit is a comment ("# unit: m" or "# unit: null"); axes are written unchanged, Z up."""

from __future__ import annotations

import numpy as np

from lift3d.io.mesh.common import format_points, format_rows
from lift3d.types import Material, Part


def write(
    part: Part,
    unit: str | None,
    library: str | None,
    normals: np.ndarray | None = None,
    frame: str | None = None,
) -> bytes:
    """The OBJ file of a part. unit: of its numbers, "m" or "mm", or None; library: the name of the MTL beside it; normals: (V, 3)
    per vertex; frame: of its coordinates, which a comment states."""
    lines = ["# made by lift3d", f"# unit: {unit or 'null'}", "# up: Z"]
    lines += [] if frame is None else [f"# frame: {frame}"]
    if library is not None:
        lines.append(f"mtllib {library}")
    xyz = format_points(part.vertices)
    if part.colours is not None:
        rgb = part.colours[:, :3] / 255.0
        lines += [f"v {p} {c}" for p, c in zip(xyz, format_rows(rgb, 6))]
    else:
        lines += [f"v {p}" for p in xyz]
    if part.uv is not None:
        lines += [f"vt {p}" for p in format_rows(part.uv.astype(np.float32))]
    if normals is not None:
        lines += [f"vn {p}" for p in format_rows(normals, 6)]
    if library is not None and part.material is not None:
        lines.append(f"usemtl {_token(part.material.name)}")
    pattern = {
        (False, False): "{0}",
        (True, False): "{0}/{0}",
        (False, True): "{0}//{0}",
        (True, True): "{0}/{0}/{0}",
    }[(part.uv is not None, normals is not None)]
    corner = [pattern.format(i + 1) for i in range(len(part.vertices))]
    lines += [f"f {corner[a]} {corner[b]} {corner[c]}" for a, b, c in part.faces.tolist()]
    return ("\n".join(lines) + "\n").encode()


def _token(label: str) -> str:
    """A name without spaces, which MTL does not allow."""
    return "_".join(label.split()) or "material"


def write_library(material: Material, picture: str | None) -> bytes:
    """The MTL file of one material; `picture` is the name of its texture file."""
    r, g, b, a = (c / 255 for c in material.colour)
    lines = [
        "# made by lift3d",
        f"newmtl {_token(material.name)}",
        f"Kd {r:.6f} {g:.6f} {b:.6f}",
        "Ka 0 0 0",
        "Ks 0 0 0",
    ]
    lines += [f"d {a:.6f}", "illum 1"]
    if picture is not None:
        lines.append(f"map_Kd {picture}")
        if material.texture is not None and material.texture.mode == "RGBA":
            lines.append(f"map_d {picture}")
    return ("\n".join(lines) + "\n").encode()
