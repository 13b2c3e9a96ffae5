"""3MF in: all build items of a package as parts, in metres. What is in the file and not in the model is a warning."""

from __future__ import annotations

from pathlib import Path

from lift3d.errors import InputError, damaged_file
from lift3d.io.mesh.threemf.objects import Objects, Shape, flat, matrix_of
from lift3d.io.mesh.threemf.package import Package
from lift3d.io.mesh.threemf.slicer_settings import PART
from lift3d.io.mesh.threemf.tables import Attributes, Object
from lift3d.types import Model, Part

_METRES = {
    "micron": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 0.0254,
    "foot": 0.3048,
    "meter": 1.0,
}


class _Build:
    """The build of the root model."""

    def __init__(self, objects: Objects) -> None:
        self.objects, self.document = objects, objects.document
        self.warnings, self.left_out = objects.warnings, objects.left_out

    def items(self) -> list[Attributes]:
        """The build items to read; all objects that no other one contains if there are none."""
        items = self.document.items
        if not items:
            objects = self.document.objects.values()
            inner = {a["objectid"].strip() for o in objects for a in _references(o)}
            items = [{"objectid": o.number} for o in objects if o.number not in inner]
            if items:
                self.warnings.append("its build is empty: all of its objects are read")
            return items
        printed = [i for i in items if i.get("printable", "1").strip().lower() not in ("0", "false")]
        if not printed:
            self.warnings.append("all of its build items are marked as not printable; they are read")
            return items
        self.left_out["item that is not printable"] += len(items) - len(printed)
        return printed

    def read(self) -> list[Part]:
        """The parts of all build items."""
        out = Shape()
        for item in self.items():
            matrix = matrix_of(item.get("transform"))
            self.objects.add(
                out, self.objects.entry(item, self.objects.root), item["objectid"], matrix, PART, 0
            )
        if not out.bodies and self.left_out["support"]:
            raise InputError(f"{self.objects.name} holds only support, no model", "export the model itself")
        for role, count in sorted(self.left_out.items()):
            if count:
                self.warnings.append(_sentence(role, count))
        unused = self._unused() if self.document.items else 0
        if unused:
            many = "1 object" if unused == 1 else f"{unused} objects"
            self.warnings.append(
                f"{many} that its build does not use {'is' if unused == 1 else 'are'} left out"
            )
        return flat(out.bodies)

    def _unused(self) -> int:
        """The number of objects of the root model that no build item leads to."""
        objects = self.document.objects
        left = set(objects)
        ahead = [item["objectid"].strip() for item in self.document.items]
        while ahead:
            number = ahead.pop()
            if number in left:
                left.remove(number)
                shape = objects[number]
                ahead += [a["objectid"].strip() for a in [*_references(shape), *shape.alternatives]]
        return len(left)


def _references(shape: Object) -> list[Attributes]:
    """References of an object to objects that are part of it."""
    found = list(shape.components)
    if shape.operation is not None:
        found += [shape.operation.attributes, *shape.operation.operands]
    if shape.lattice is not None:
        keys = ("clippingmesh", "representationmesh")
        found += [
            {"objectid": shape.lattice.attributes[key]} for key in keys if key in shape.lattice.attributes
        ]
    return found


def _sentence(role: str, count: int) -> str:
    """The warning for what is left out."""
    if role == "support":
        many = "1 support object" if count == 1 else f"{count} support objects"
        return f"the file includes support: {many}, no part of the model, left out"
    what = f"object of type {role!r}" if role == "other" else role
    many = f"1 {what} is" if count == 1 else f"{count} times {what} are"
    return f"{many} no part of the printed model and left out"


def read(data: bytes, path: Path) -> Model:
    """All build items (or, without any, all objects) in metres; without unit when the metadata says "null".

    Raises InputError for a damaged file, and for one whose shape needs what lift3d does not know.
    """
    objects = Objects(Package(data, path.name))
    unit = objects.document.unit
    if unit not in _METRES:
        raise damaged_file(path.name, f"has the unknown unit {unit[:20]!r}")
    found = _Build(objects).read()
    if not found and any(name.lower().endswith(".gcode") for name in objects.package.names()):
        raise InputError(
            f"{path.name} holds instructions for a printer and no model", "use the project's 3MF"
        )
    if objects.document.metadata.get("lift3d:unit") == "null":
        return Model(found, None, objects.warnings)
    scale = 1 / round(1 / _METRES[unit]) if _METRES[unit] < 0.02 else _METRES[unit]
    parts = [Part(p.vertices * scale, p.faces, p.uv, p.colours, p.material) for p in found]
    return Model(parts, "m", objects.warnings)
