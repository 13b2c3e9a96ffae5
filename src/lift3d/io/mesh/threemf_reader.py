"""3MF in: build items, components and transforms, colours and one texture per group, any unit.

The XML is read in one pass into flat tables. Document types are refused and counts are bounded.
"""

from __future__ import annotations

import posixpath
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Any
from xml.parsers import expat

import numpy as np

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.mesh import zip_archive as archives
from lift3d.io.mesh.common import decode_texture
from lift3d.types import F64, GREY, WHITE, Bytes4, Material, Model, Part

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
    """Flat tables of one object: three coordinates per vertex; three vertices, three property indices (-1: the default)
    and a property group per triangle."""

    default: tuple[str, int] | None = None
    vertices: array[float] = field(default_factory=lambda: array("d"))
    triangles: array[int] = field(default_factory=lambda: array("q"))
    properties: array[int] = field(default_factory=lambda: array("q"))
    groups: list[str | None] = field(default_factory=list)
    components: list[Attributes] = field(default_factory=list)


@dataclass
class _Document:
    """The tables of one model file of the package."""

    unit: str = "millimeter"
    metadata: dict[str, str] = field(default_factory=dict)
    objects: dict[str, _Object] = field(default_factory=dict)
    groups: dict[str, list[Any]] = field(default_factory=dict)
    textures: dict[str, str] = field(default_factory=dict)
    group_texture: dict[str, str] = field(default_factory=dict)
    items: list[Attributes] = field(default_factory=list)


def _colour(text: str) -> Bytes4:
    """RGBA of "#RRGGBB" or "#RRGGBBAA"."""
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
                raise damaged_file(name, f"holds more than {MAX_ELEMENTS} vertices")
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
            current.components.append(_without_prefix(a))
        elif tag == "item":
            document.items.append(_without_prefix(a))
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
        raise InputError(f"{name} declares XML entities, which 3MF does not use", "do not trust this file")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise damaged_file(name, f"is damaged ({error})") from error
    return document


def _without_prefix(a: Attributes) -> Attributes:
    """Attributes without namespace prefixes."""
    return {k.rpartition(":")[2]: v for k, v in a.items()}


def _matrix(text: str | None) -> F64:
    """The 12 numbers of a 3MF transform, which multiplies row vectors, as a 4x4 matrix for column vectors."""
    matrix = np.eye(4)
    if text:
        matrix[:3] = np.array([float(n) for n in text.split()]).reshape(4, 3).T
    return matrix


class _Reader:
    """The documents, materials and parts of one package."""

    def __init__(self, archive: archives.Archive, name: str) -> None:
        self.archive, self.name = archive, name
        self.documents: dict[str, _Document] = {}
        self.materials: dict[tuple[str, str], Material] = {}
        self.warnings: list[str] = []
        self.parts: list[Part] = []
        self.elements = 0

    def document(self, path: str) -> _Document:
        """The parsed model file at a path of the package."""
        path = path.lstrip("/")
        if path not in self.documents:
            try:
                self.documents[path] = _parse(self.archive.read(path), self.name)
            except KeyError as error:
                raise damaged_file(self.name, f"lacks its part {path[:80]!r}") from error
        return self.documents[path]

    def add_object(self, path: str, number: str, matrix: F64, depth: int) -> None:
        """Append the parts of an object and of its components, transformed by a 4x4 matrix."""
        document = self.document(path)
        shape = document.objects.get(number)
        if shape is None:
            raise damaged_file(self.name, f"refers to object {number[:20]}, which it does not hold")
        if depth > 16:
            raise damaged_file(self.name, "has objects that contain themselves")
        self.elements += len(shape.groups) + len(shape.vertices) // 3 + 1
        if self.elements > MAX_ELEMENTS:
            raise damaged_file(self.name, f"holds more than {MAX_ELEMENTS} vertices and triangles")
        if shape.groups:
            self.mesh(path, document, shape, matrix)
        for component in shape.components:
            inner = component.get("path", path)
            self.add_object(
                inner, component["objectid"], matrix @ _matrix(component.get("transform")), depth + 1
            )

    def mesh(self, path: str, document: _Document, shape: _Object, matrix: F64) -> None:
        """Append the parts of one object's mesh, one for each property group."""
        points = np.array(shape.vertices).reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
        triangles = np.array(shape.triangles).reshape(-1, 3)
        if triangles.min() < 0 or triangles.max() >= len(points):
            worst = triangles.max() if triangles.max() >= len(points) else triangles.min()
            limit = f"but there are {len(points)} vertices"
            raise damaged_file(self.name, f"has a triangle that refers to vertex {worst}, {limit}")
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
                raise damaged_file(self.name, "refers to a material that it does not hold")
            keys = np.column_stack([faces.reshape(-1), pick.reshape(-1)])
            unique, inverse = np.unique(keys, axis=0, return_inverse=True)
            own = np.array(values)[unique[:, 1]]
            corners, split = points[unique[:, 0]], inverse.reshape(-1, 3)
            if group in document.group_texture:
                material = self.material(path, document, document.group_texture[group])
                self.parts.append(Part(corners, split, own.astype(np.float64), None, material))
            elif len(set(values)) == 1:
                self.parts.append(
                    Part(points, faces, None, None, self.uniform_material(path, group, values[0]))
                )
            else:
                self.parts.append(Part(corners, split, None, own.astype(np.uint8)))

    def uniform_material(self, path: str, group: str, colour: Bytes4) -> Material:
        """The material of a property group with a single colour."""
        return self.materials.setdefault((path, f"group {group}"), Material("material", colour))

    def material(self, path: str, document: _Document, texture: str) -> Material:
        """The material of a texture id; grey with a warning where the picture is missing."""
        if (path, texture) not in self.materials:
            entry = posixpath.normpath(document.textures.get(texture, "")).lstrip("/")
            picture = None
            if entry in self.archive.entries:
                picture = decode_texture(self.archive.read(entry), f"{entry} of {self.name}")
            else:
                self.warnings.append(f"the texture {entry} is missing")
            self.materials[path, texture] = Material(
                "material", WHITE if picture is not None else GREY, picture
            )
        return self.materials[path, texture]


def read(data: bytes, path: Path) -> Model:
    """All build items (or, without any, all objects) in metres; without unit when the metadata says "null".

    Raises InputError for a damaged file.
    """
    archive = archives.Archive(data, path.name)
    models = [n for n in archive.names() if n.lower().endswith(".model")]
    root = "3D/3dmodel.model" if "3D/3dmodel.model" in models else (sorted(models, key=len) or [""])[0]
    if not root:
        raise damaged_file(path.name, "is a zip archive without a 3D model")
    reader = _Reader(archive, path.name)
    document = reader.document(root)
    if document.unit not in _METRES:
        raise damaged_file(path.name, f"has the unknown unit {document.unit[:20]!r}")
    items = document.items or [{"objectid": number} for number in document.objects]
    for item in items:
        reader.add_object(item.get("path", root), item["objectid"], _matrix(item.get("transform")), 0)
    if document.metadata.get("lift3d:unit") == "null":
        return Model(reader.parts, None, reader.warnings)
    scale = 1 / round(1 / _METRES[document.unit]) if _METRES[document.unit] < 0.02 else _METRES[document.unit]
    parts = [Part(p.vertices * scale, p.faces, p.uv, p.colours, p.material) for p in reader.parts]
    return Model(parts, "m", reader.warnings)
