"""3MF (core specification 1.3, materials and properties 1.2): in and out, in millimetres, Z up.

The unit is part of the format. A model of unknown scale is written with its numbers as they are and the
metadata "lift3d:unit" = "null", which is read back. Vertices are merged by exact position, as printing
programs judge by shared indices whether a mesh is closed; texture coordinates go by triangle corner.
"""

from __future__ import annotations

import posixpath
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np

from lift3d.errors import InputError
from lift3d.io import archives
from lift3d.io.parts import (
    GREY,
    MAX_ELEMENTS,
    WHITE,
    Bytes4,
    Material,
    Model,
    Part,
    damaged,
    decode_texture,
    encode_picture,
    float_text,
)
from lift3d.types import F64

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_MATERIAL = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MODEL_TYPE = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_TEXTURE_TYPE = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dtexture"
_METRES = {
    "micron": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 0.0254,
    "foot": 0.3048,
    "meter": 1.0,
}
Attributes = dict[str, str]


@dataclass
class _Object:
    """Flat tables: three coordinates a vertex; three vertices, three property indices (-1: the default) and a
    property group a triangle."""

    default: tuple[str, int] | None = None
    vertices: array[float] = field(default_factory=lambda: array("d"))
    triangles: array[int] = field(default_factory=lambda: array("q"))
    properties: array[int] = field(default_factory=lambda: array("q"))
    groups: list[str | None] = field(default_factory=list)
    components: list[Attributes] = field(default_factory=list)


@dataclass
class _Document:
    """What one model file of the package says."""

    unit: str = "millimeter"
    metadata: dict[str, str] = field(default_factory=dict)
    objects: dict[str, _Object] = field(default_factory=dict)
    groups: dict[str, list[Any]] = field(default_factory=dict)
    textures: dict[str, str] = field(default_factory=dict)
    group_texture: dict[str, str] = field(default_factory=dict)
    items: list[Attributes] = field(default_factory=list)


def _colour(text: str) -> Bytes4:
    code = text.strip().lstrip("#")
    r, g, b, a = (int((code + "FF")[i : i + 2], 16) for i in (0, 2, 4, 6))
    return r, g, b, a


def _parse(data: bytes, name: str) -> _Document:
    """One pass over the XML; document types (and so entities) are refused."""
    document = _Document()
    current = _Object()
    group: list[Any] = []
    key: list[str] = []

    def start(tag: str, a: Attributes) -> None:
        nonlocal current, group
        tag = tag.rpartition(":")[2]
        if tag == "triangle":
            current.triangles.extend((int(a["v1"]), int(a["v2"]), int(a["v3"])))
            p = a.get("p1", "-1")
            current.properties.extend((int(p), int(a.get("p2", p)), int(a.get("p3", p))))
            current.groups.append(intern(a["pid"]) if "pid" in a else None)
        elif tag == "vertex":
            current.vertices.extend((float(a["x"]), float(a["y"]), float(a["z"])))
            if len(current.vertices) > 3 * MAX_ELEMENTS:
                raise damaged(name, f"holds more than {MAX_ELEMENTS} vertices")
        elif tag == "tex2coord":
            group.append((float(a["u"]), float(a["v"])))
        elif tag == "color":
            group.append(_colour(a["color"]))
        elif tag == "base":
            group.append(_colour(a.get("displaycolor", "#C8C8C8")))
        elif tag in ("texture2dgroup", "colorgroup", "basematerials"):
            group = document.groups.setdefault(a["id"], [])
            if tag == "texture2dgroup":
                document.group_texture[a["id"]] = a["texid"]
        elif tag == "texture2d":
            document.textures[a["id"]] = a["path"]
        elif tag == "object":
            current = document.objects.setdefault(a["id"], _Object())
            if "pid" in a:
                current.default = (a["pid"], int(a.get("pindex", 0)))
        elif tag == "component":
            current.components.append(_plain(a))
        elif tag == "item":
            document.items.append(_plain(a))
        elif tag == "model":
            document.unit = a.get("unit", "millimeter")
        elif tag == "metadata":
            key.append(a.get("name", ""))

    def text(content: str) -> None:
        if key:
            document.metadata[key[-1]] = (document.metadata.get(key[-1], "") + content)[:1000]

    def end(tag: str) -> None:
        if tag.rpartition(":")[2] == "metadata" and key:
            key.pop()

    def refuse(*_: object) -> None:
        raise InputError(f"{name} declares XML entities, which no 3MF needs", "do not trust this file")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise damaged(name, f"is damaged ({error})") from error
    return document


def _plain(a: Attributes) -> Attributes:
    return {k.rpartition(":")[2]: v for k, v in a.items()}


def _matrix(text: str | None) -> F64:
    """3MF's 12 numbers, row vectors times matrix, as a 4x4 for column vectors."""
    matrix = np.eye(4)
    if text:
        matrix[:3] = np.array([float(n) for n in text.split()]).reshape(4, 3).T
    return matrix


class _Reader:
    def __init__(self, archive: archives.Archive, name: str) -> None:
        self.archive, self.name = archive, name
        self.documents: dict[str, _Document] = {}
        self.materials: dict[tuple[str, str], Material] = {}
        self.warnings: list[str] = []
        self.parts: list[Part] = []
        self.elements = 0

    def document(self, path: str) -> _Document:
        path = path.lstrip("/")
        if path not in self.documents:
            try:
                self.documents[path] = _parse(self.archive.read(path), self.name)
            except KeyError as error:
                raise damaged(self.name, f"lacks its part {path[:80]!r}") from error
        return self.documents[path]

    def place(self, path: str, number: str, matrix: F64, depth: int) -> None:
        """Add an object and its components."""
        document = self.document(path)
        shape = document.objects.get(number)
        if shape is None:
            raise damaged(self.name, f"refers to object {number[:20]}, which is not there")
        if depth > 16:
            raise damaged(self.name, "has objects that contain themselves")
        self.elements += len(shape.groups) + len(shape.vertices) // 3 + 1
        if self.elements > MAX_ELEMENTS:
            raise damaged(self.name, f"holds more than {MAX_ELEMENTS} vertices and triangles")
        if shape.groups:
            self.mesh(path, document, shape, matrix)
        for component in shape.components:
            inner = component.get("path", path)
            self.place(inner, component["objectid"], matrix @ _matrix(component.get("transform")), depth + 1)

    def mesh(self, path: str, document: _Document, shape: _Object, matrix: F64) -> None:
        points = np.array(shape.vertices).reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
        triangles = np.array(shape.triangles).reshape(-1, 3)
        if triangles.min() < 0 or triangles.max() >= len(points):
            worst = triangles.max() if triangles.max() >= len(points) else triangles.min()
            there = f"but there are {len(points)} vertices"
            raise damaged(self.name, f"has a triangle that names vertex {worst}, {there}")
        properties = np.array(shape.properties).reshape(-1, 3)
        if np.linalg.det(matrix[:3, :3]) < 0:
            triangles, properties = triangles[:, ::-1], properties[:, ::-1]
        default = shape.default if shape.default is not None else ("", 0)
        numbers = {g: i for i, g in enumerate(dict.fromkeys(shape.groups))}
        owner = np.array([numbers[g] for g in shape.groups])
        for label, number in numbers.items():
            group = default[0] if label is None else label
            faces, pick = triangles[owner == number], properties[owner == number]
            values = document.groups.get(group)
            if not values:
                self.parts.append(Part(points, faces))
                continue
            pick = np.where(pick < 0, default[1] if default[0] == group else 0, pick)
            if pick.min() < 0 or pick.max() >= len(values):
                raise damaged(self.name, "names a material that is not there")
            keys = np.column_stack([faces.reshape(-1), pick.reshape(-1)])
            unique, inverse = np.unique(keys, axis=0, return_inverse=True)
            own = np.array(values)[unique[:, 1]]
            corners, joined = points[unique[:, 0]], inverse.reshape(-1, 3)
            if group in document.group_texture:
                material = self.material(path, document, document.group_texture[group])
                self.parts.append(Part(corners, joined, own.astype(np.float64), None, material))
            elif len(set(values)) == 1:
                self.parts.append(Part(points, faces, None, None, self.plain(path, group, values[0])))
            else:
                self.parts.append(Part(corners, joined, None, own.astype(np.uint8)))

    def plain(self, path: str, group: str, colour: Bytes4) -> Material:
        return self.materials.setdefault((path, f"group {group}"), Material("material", colour))

    def material(self, path: str, document: _Document, texture: str) -> Material:
        if (path, texture) not in self.materials:
            place = posixpath.normpath(document.textures.get(texture, "")).lstrip("/")
            picture = None
            if place in self.archive.entries:
                picture = decode_texture(self.archive.read(place), f"{place} of {self.name}")
            else:
                self.warnings.append(f"the texture {place} is missing")
            self.materials[path, texture] = Material(
                "material", WHITE if picture is not None else GREY, picture
            )
        return self.materials[path, texture]


def read(data: bytes, path: Path) -> Model:
    """All build items (or, without any, all objects) in metres, or bare numbers when it says so."""
    archive = archives.Archive(data, path.name)
    models = [n for n in archive.names() if n.lower().endswith(".model")]
    root = "3D/3dmodel.model" if "3D/3dmodel.model" in models else (sorted(models, key=len) or [""])[0]
    if not root:
        raise damaged(path.name, "is a zip archive without a 3D model")
    reader = _Reader(archive, path.name)
    document = reader.document(root)
    if document.unit not in _METRES:
        raise damaged(path.name, f"has the unknown unit {document.unit[:20]!r}")
    items = document.items or [{"objectid": number} for number in document.objects]
    for item in items:
        reader.place(item.get("path", root), item["objectid"], _matrix(item.get("transform")), 0)
    if document.metadata.get("lift3d:unit") == "null":
        return Model(reader.parts, None, reader.warnings)
    scale = 1 / round(1 / _METRES[document.unit]) if _METRES[document.unit] < 0.02 else _METRES[document.unit]
    parts = [Part(p.vertices * scale, p.faces, p.uv, p.colours, p.material) for p in reader.parts]
    return Model(parts, "m", reader.warnings)


def write(part: Part, unit: str | None) -> bytes:
    """Millimetres of a part in metres (unit "m"), or its bare numbers (unit None)."""
    millimetres = (part.vertices * (1000.0 if unit == "m" else 1.0)).astype(np.float32) + np.float32(0)
    merged, place = np.unique(millimetres, axis=0, return_inverse=True)
    faces = place.reshape(-1)[part.faces]
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
    for row in float_text(merged):
        x, y, z = row.split()
        lines.append(f'<vertex x="{x}" y="{y}" z="{z}"/>')
    lines.append("</vertices><triangles>")
    if picks is None:
        lines += [f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in faces.tolist()]
    else:
        lines += [
            f'<triangle v1="{a}" v2="{b}" v3="{c}" pid="{group}" p1="{p}" p2="{q}" p3="{r}"/>'
            for (a, b, c), (p, q, r) in zip(faces.tolist(), picks.tolist())
        ]
    lines.append("</triangles></mesh></object>")
    lines.append('</resources><build><item objectid="1"/></build></model>')
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


def _relations(targets: list[tuple[str, str]]) -> bytes:
    rows = "".join(
        f"<Relationship Target={quoteattr(target)} Id={quoteattr(f'rel{i}')} Type={quoteattr(kind)}/>"
        for i, (target, kind) in enumerate(targets)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f'{head}<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'.encode()


def _resources(part: Part) -> tuple[list[str], str, np.ndarray | None, list[tuple[str, bytes]]]:
    """(XML lines, group id or "", property index by triangle corner or None, files of the package)."""
    material = part.material
    if part.uv is not None and material is not None and material.picture is not None:
        data, ending = encode_picture(material.picture)
        place = f"3D/Textures/texture.{ending}"
        kind = "image/png" if ending == "png" else "image/jpeg"
        lines = [
            f'<m:texture2d id="2" path="/{place}" contenttype="{kind}"/>',
            '<m:texture2dgroup id="3" texid="2">',
        ]
        coordinates, pick = np.unique(part.uv.astype(np.float32), axis=0, return_inverse=True)
        for row in float_text(coordinates):
            u, v = row.split()
            lines.append(f'<m:tex2coord u="{u}" v="{v}"/>')
        return [*lines, "</m:texture2dgroup>"], "3", pick.reshape(-1)[part.faces], [(place, data)]
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
