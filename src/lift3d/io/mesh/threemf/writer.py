"""3MF out (core specification 1.3, materials and properties 1.2), in millimetres, Z up.

The unit is part of the format. A model of unknown scale is written with its numbers unchanged and the metadata
"lift3d:unit" = "null", which the reader understands. A model far from the origin is written around it, with its place in
the transform of the build item, so that readers with single precision keep its shape. Vertices are merged by exact
position, because slicers decide by shared indices whether a mesh is closed; texture coordinates belong to triangle
corners.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.io.mesh import zip_archive as archives
from lift3d.io.mesh.common import encode_picture, format_rows
from lift3d.types import F32, Part

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_MATERIAL = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MODEL_TYPE = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_TEXTURE_TYPE = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dtexture"
CHUNK = 4096
"""Elements that are formatted at once."""


def write(part: Part, unit: str | None) -> bytes:
    """The 3MF package of a part: in millimetres for unit "m" (metres in memory), unchanged for None.

    Triangles with two equal corners, which 3MF does not allow, are left out. Raises InputError if no other ones remain.
    """
    millimetres = part.vertices * (1000.0 if unit == "m" else 1.0)
    shift = recentring_shift(millimetres)
    merged, row = _merged((millimetres - shift).astype(np.float32) + np.float32(0))
    faces = row[part.faces]
    proper = (faces != np.roll(faces, 1, axis=1)).all(1)
    if not proper.any():
        raise InputError("every triangle of the mesh has two equal corners", "check how the mesh was made")
    faces, part = faces[proper], replace(part, faces=part.faces[proper])
    resources, group, picks, files = _resources(part)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(
        f'<model unit="millimeter" xml:lang="en-US" xmlns="{_CORE}" xmlns:m="{_MATERIAL}" '
        'xmlns:lift3d="https://lift3d.invalid/2026">'
    )
    lines.append('<metadata name="Application">lift3d</metadata>')
    lines.append(f'<metadata name="lift3d:unit">{"mm" if unit == "m" else "null"}</metadata>')
    lines.append("<resources>")
    lines += resources
    default = f' pid="{group}" pindex="0"' if group else ""
    lines.append(f'<object id="1" type="model"{default}><mesh><vertices>')
    lines += _elements('<vertex x="%.9g" y="%.9g" z="%.9g"/>', merged)
    lines.append("</vertices><triangles>")
    corners = '<triangle v1="%d" v2="%d" v3="%d"'
    if picks is None:
        lines += _elements(f"{corners}/>", faces)
    else:
        lines += _elements(f'{corners} pid="{group}" p1="%d" p2="%d" p3="%d"/>', np.hstack([faces, picks]))
    lines.append("</triangles></mesh></object>")
    place = ""
    if shift.any():
        place = f' transform="1 0 0 0 1 0 0 0 1 {" ".join(repr(float(x)) for x in shift)}"'
    lines.append(f'</resources><build><item objectid="1"{place}/></build></model>')
    kinds = "".join(
        f'<Default Extension="{e}" ContentType="{t}"/>'
        for e, t in (
            ("rels", "application/vnd.openxmlformats-package.relationships+xml"),
            ("model", "application/vnd.ms-package.3dmanufacturing-3dmodel+xml"),
            ("png", "image/png"),
            ("jpg", "image/jpeg"),
        )
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    content = f'{head}<Types xmlns="{_PACKAGE}/content-types">{kinds}</Types>'
    package = [
        ("[Content_Types].xml", content.encode()),
        ("_rels/.rels", _relations([("/3D/3dmodel.model", _MODEL_TYPE)])),
        ("3D/3dmodel.model", "\n".join(lines).encode()),
    ]
    if files:
        package.append(("3D/_rels/3dmodel.model.rels", _relations([(f"/{files[0][0]}", _TEXTURE_TYPE)])))
    return archives.pack(package + files)


def _merged(v: F32) -> tuple[F32, NDArray[np.int64]]:
    """(rows (U, 3) in lexicographic order, row (V,) of each of v (V, 3)): `np.unique` with axis 0, several times as fast."""
    order = np.lexsort((v[:, 2], v[:, 1], v[:, 0]))
    ordered = v[order]
    new = np.ones(len(v), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(1)
    row = np.empty(len(v), np.int64)
    row[order] = np.cumsum(new) - 1
    return ordered[new], row


def _elements(pattern: str, values: NDArray[Any]) -> list[str]:
    """One element per row of values (N, K), several thousand lines to a string, since each call of % costs as much as a row."""
    return [
        "\n".join([pattern] * len(chunk)) % tuple(chunk.reshape(-1).tolist())
        for chunk in (values[first : first + CHUNK] for first in range(0, len(values), CHUNK))
    ]


def _relations(targets: list[tuple[str, str]]) -> bytes:
    """A relationships file of (target, type) pairs."""
    rows = "".join(
        f"<Relationship Target={quoteattr(target)} Id={quoteattr(f'rel{i}')} Type={quoteattr(kind)}/>"
        for i, (target, kind) in enumerate(targets)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f'{head}<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'.encode()


def _resources(part: Part) -> tuple[list[str], str, np.ndarray | None, list[tuple[str, bytes]]]:
    """(XML lines, property group id or "", property index per triangle corner or None, files of the package)."""
    material = part.material
    if part.uv is not None and material is not None and material.texture is not None:
        data, ending = encode_picture(material.texture)
        path = f"3D/Textures/texture.{ending}"
        kind = "image/png" if ending == "png" else "image/jpeg"
        lines = [
            f'<m:texture2d id="2" path="/{path}" contenttype="{kind}"/>',
            '<m:texture2dgroup id="3" texid="2">',
        ]
        coordinates, pick = np.unique(part.uv.astype(np.float32), axis=0, return_inverse=True)
        for row in format_rows(coordinates):
            u, v = row.split()
            lines.append(f'<m:tex2coord u="{u}" v="{v}"/>')
        return [*lines, "</m:texture2dgroup>"], "3", pick.reshape(-1)[part.faces], [(path, data)]
    if part.colours is not None:
        rgba, pick = np.unique(part.colours, axis=0, return_inverse=True)
        lines = ['<m:colorgroup id="3">']
        lines += [f'<m:color color="#{bytes(c).hex().upper()}"/>' for c in rgba]
        return [*lines, "</m:colorgroup>"], "3", pick.reshape(-1)[part.faces], []
    if material is not None:
        code = bytes(material.colour).hex().upper()
        base = f'<base name={quoteattr(material.name)} displaycolor="#{code}"/>'
        return ['<basematerials id="3">', base, "</basematerials>"], "3", None, []
    return [], "", None, []
