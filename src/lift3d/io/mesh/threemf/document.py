"""The XML of a model part in one pass: elements are distinguished by namespace and name, whatever their prefix.

Document types are refused and counts are bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.mesh.threemf import extensions as ext
from lift3d.io.mesh.threemf.tables import Attributes, Document, Group, Lattice, Object, Operation

_GROUPS = {
    "basematerials": "base",
    "colorgroup": "color",
    "texture2dgroup": "texture",
    "compositematerials": "composite",
    "multiproperties": "multi",
}
_PAINT = ("mmu_segmentation", "paint_color", "face_property")
_UNREAD = {
    (ext.DISPLACEMENT, "displacementmesh"): "a surface displaced by a picture (displacement extension)",
    (ext.VOLUMETRIC, "levelset"): "a level set of a function (volumetric extension)",
    (ext.VOLUMETRIC, "volumedata"): "colours or materials in its volume (volumetric extension)",
    (ext.IMPLICIT, "levelset"): "a level set of a function (implicit extension)",
}
"""Elements of an object that are not read."""
SHAPES = frozenset(words for (_, name), words in _UNREAD.items() if name != "volumedata")
"""Those of them that are the object's shape."""
Handler = Callable[[Attributes], None]


def colour(text: str) -> tuple[int, int, int, int]:
    """RGBA of "#RRGGBB" or "#RRGGBBAA"."""
    code = text.strip().lstrip("#")
    if len(code) not in (6, 8):
        raise ValueError(f"the colour {text[:20]!r}")
    r, g, b, a = (int((code + "FF")[i : i + 2], 16) for i in (0, 2, 4, 6))
    return r, g, b, a


def numbers(text: str) -> tuple[float, ...]:
    """The numbers of a list that is separated by white space."""
    return tuple(float(n) for n in text.split())


class Parser:
    """One pass over the XML of the model part of the file `name`; the result is `document`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.document = Document()
        self._object = Object("", {})
        self._names: dict[str, int] = {}
        self._group = Group("base", {})
        self._namespaces: dict[str, str] = {}
        self._known: dict[str, Handler | None] = {}
        self._ended: set[str] = set()
        self._root: str | None = None
        self._key: str | None = None
        self._depth = 0
        self._in_object = False
        core = {
            "model": self._model, "metadata": self._metadata, "object": self._start_object, "vertex": self._vertex,
            "triangle": self._triangle, "component": self._component, "item": self._item, "base": self._base,
            "basematerials": self._start_group("base"),
        }  # fmt: skip
        materials: dict[str, Handler] = {name: self._start_group(kind) for name, kind in _GROUPS.items()}
        materials |= {
            "color": self._colour, "tex2coord": self._coordinate, "composite": self._composite, "multi": self._multi,
            "texture2d": self._texture, "base": self._base,
        }  # fmt: skip
        self._handlers: dict[str, dict[str, Handler]] = {
            ext.CORE: core,
            ext.MATERIALS: materials,
            ext.BEAMS: {"beamlattice": self._lattice, "beam": self._beam},
            ext.BALLS: {"ball": self._ball},
            ext.BOOLEANS: {
                "booleanshape": self._operation,
                "booleans": self._operation,
                "boolean": self._operand,
            },
            ext.ALTERNATIVES: {"alternative": self._alternative},
            ext.SLIC3R: {"volume": self._volume},
            ext.CURA: {"setting": self._setting},
        }

    def parse(self, data: bytes) -> Document:
        """Raises InputError for damaged XML, entities and extensions that are required and unknown."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartNamespaceDeclHandler = self._declare
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise damaged_file(self.name, f"is damaged ({error})") from error
        return self.document

    def _refuse(self, *_: object) -> None:
        raise InputError(
            f"{self.name} declares XML entities, which 3MF does not use", "do not trust this file"
        )

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._namespaces.setdefault(prefix or "", uri or "")

    def _start(self, tag: str, attributes: Attributes) -> None:
        self._depth += 1
        try:
            handler = self._known[tag]
        except KeyError:
            handler = self._known[tag] = self._find(tag)
        if handler is not None:
            handler(attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag in self._ended:  # nearly all are vertices and triangles, whose end means nothing
            return
        name = tag.rpartition(" ")[2]
        if name in ("vertex", "triangle"):
            self._ended.add(tag)
        elif name in ("metadata", "setting"):
            self._key = None
        elif name == "object":
            self._in_object = False

    def _find(self, tag: str) -> Handler | None:
        """The handler of a tag "namespace name", None for elements that carry nothing that is read."""
        uri, _, name = tag.rpartition(" ")
        if self._root is None:  # a namespace of the root that is not known is taken for the core
            self._root = uri
            if name != "model":
                raise damaged_file(self.name, f"has a model part that is no 3MF model but <{name[:40]}>")
            if uri and ext.specification(uri) != ext.CORE:
                self.document.notes.add(
                    f"the namespace {uri[:100]} of its model is unknown: it is read as 3MF"
                )
        family = ext.CORE if uri in ("", self._root) else ext.specification(uri)
        if (family, name) in _UNREAD:
            words = _UNREAD[family, name]
            return lambda _: self._object.unread.add(words)
        handler = self._handlers.get(family, {}).get(name)
        if handler is None and family == ext.CORE:  # some writers forget the prefix of an extension
            found = [table[name] for table in self._handlers.values() if name in table]
            handler = found[0] if found else None
        if handler is None and family == ext.MATERIALS and name.endswith("displayproperties"):
            return lambda _: self.document.notes.add(
                "display properties (metallic, specular, translucent) are not read"
            )
        if handler is None and family not in ext.STANDARD | {ext.SLIC3R, ext.CURA}:
            self.document.notes.add(f"elements of the unknown namespace {family[:100]} are not read")
        return handler

    def _text(self, content: str) -> None:
        if self._key is None:
            return
        target = self._object.settings if self._in_object else self.document.metadata
        if self._key in target or len(target) < 1000:
            target[self._key] = (target.get(self._key, "") + content)[:1000]

    def _model(self, a: Attributes) -> None:
        self.document.unit = a.get("unit", "millimeter").strip()
        ext.require_extensions(a.get("requiredextensions", ""), self._namespaces, self.name)
        for prefix in a.get("recommendedextensions", "").split():
            uri = self._namespaces.get(prefix, "")
            if ext.specification(uri) not in ext.STANDARD:
                self.document.notes.add(
                    f"the extension {(uri or prefix)[:100]}, which it recommends, is not read"
                )

    def _metadata(self, a: Attributes) -> None:
        if self._in_object or self._depth == 2:  # those of build items mean nothing here
            self._key = a.get("name", "")

    def _setting(self, a: Attributes) -> None:
        self._key = "cura:" + a.get("key", "")

    def _start_object(self, a: Attributes) -> None:
        number = a["id"].strip()
        if number in self.document.objects:
            raise damaged_file(self.name, f"has two objects with the number {number[:20]}")
        local = _local(a)
        self._object = self.document.objects[number] = Object(number, local)
        self._names = {}
        self._in_object = True
        if "slicestackid" in local:
            coarse = local.get("meshresolution") == "lowres"
            self._object.unread.add("slices of low resolution" if coarse else "slices")

    def _vertex(self, a: Attributes) -> None:
        self._object.vertices.extend((float(a["x"]), float(a["y"]), float(a["z"])))
        if len(self._object.vertices) > 3 * MAX_ELEMENTS:
            raise damaged_file(self.name, f"holds more than {MAX_ELEMENTS} vertices")

    def _triangle(self, a: Attributes) -> None:
        shape = self._object
        shape.triangles.extend((int(a["v1"]), int(a["v2"]), int(a["v3"])))
        if len(a) == 3:
            shape.properties.extend((-1, -1, -1))
            shape.groups.append(-1)
            return
        p = int(a.get("p1", -1))
        split = "p2" in a and "p3" in a
        shape.properties.extend((p, int(a["p2"]), int(a["p3"])) if split else (p, p, p))
        pid = a.get("pid")
        if pid is None or p < 0:  # without p1 the object's own property counts
            shape.groups.append(-1)
        else:
            index = self._names.setdefault(pid, len(self._names))
            if index == len(shape.names):
                shape.names.append(pid)
            shape.groups.append(index)
        if any(key.rpartition(" ")[2] in _PAINT for key in a):
            self.document.notes.add("colours that were painted on triangles in a slicer are not read")

    def _component(self, a: Attributes) -> None:
        self._object.components.append(_local(a))

    def _item(self, a: Attributes) -> None:
        self.document.items.append(_local(a))

    def _start_group(self, kind: str) -> Handler:
        def start(a: Attributes) -> None:
            self._group = self.document.groups[a["id"]] = Group(kind, _local(a))

        return start

    def _base(self, a: Attributes) -> None:
        self._group.values.append(colour(a.get("displaycolor", "#C8C8C8")))
        self._group.names.append(a.get("name", ""))

    def _colour(self, a: Attributes) -> None:
        self._group.values.append(colour(a["color"]))

    def _coordinate(self, a: Attributes) -> None:
        self._group.values.append((float(a["u"]), float(a["v"])))

    def _composite(self, a: Attributes) -> None:
        self._group.values.append(numbers(a["values"]))

    def _multi(self, a: Attributes) -> None:
        self._group.values.append(numbers(a["pindices"]))

    def _texture(self, a: Attributes) -> None:
        self.document.textures[a["id"]] = _local(a)

    def _lattice(self, a: Attributes) -> None:
        self._object.lattice = Lattice(_local(a))

    def _beam(self, a: Attributes) -> None:
        if self._object.lattice is not None:
            self._object.lattice.beams.append(_local(a))

    def _ball(self, a: Attributes) -> None:
        if self._object.lattice is not None:
            self._object.lattice.balls.append(_local(a))

    def _operation(self, a: Attributes) -> None:
        self._object.operation = Operation(_local(a))

    def _operand(self, a: Attributes) -> None:
        if self._object.operation is not None:
            self._object.operation.operands.append(_local(a))

    def _alternative(self, a: Attributes) -> None:
        self._object.alternatives.append(_local(a))

    def _volume(self, a: Attributes) -> None:
        modifier = a.get("modifier", "0").strip() in ("1", "true")
        self._object.volumes.append((int(a["ts"]), int(a["te"]), modifier))


def _local(a: Attributes) -> Attributes:
    """Attributes by their names without namespaces; those without a namespace come first."""
    out = {key.rpartition(" ")[2]: value for key, value in a.items() if " " in key}
    return out | {key: value for key, value in a.items() if " " not in key}
