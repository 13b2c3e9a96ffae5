"""The objects of a 3MF package as parts: meshes, components, boolean shapes, lattices and volumes of slicers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.booleans import Body, body_of_parts
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.mesh.threemf.document import SHAPES, Parser
from lift3d.io.mesh.threemf.lattice import lattice_of
from lift3d.io.mesh.threemf.mesh import mesh_parts, moved_part
from lift3d.io.mesh.threemf.package import Package
from lift3d.io.mesh.threemf.properties import Properties
from lift3d.io.mesh.threemf.slicer_settings import NEGATIVE, OTHERS, PART, read_settings, role_of_object
from lift3d.io.mesh.threemf.tables import Attributes, Document, Object
from lift3d.types import F64, Part

MAX_DEPTH = 16
MAX_OPERATIONS = 2000
"""Most boolean operations; a hundred beams count as one."""
_LEFT_OUT = {*OTHERS.values(), "support", "other"}


@dataclass
class Shape:
    """What an object adds to the model. bodies: each the parts of one volume; negatives: volumes to cut away from it."""

    bodies: list[list[Part]] = field(default_factory=list)
    negatives: list[list[Part]] = field(default_factory=list)


def matrix_of(text: str | None) -> F64:
    """The 12 numbers of a 3MF transform, which multiplies row vectors, as a 4x4 matrix for column vectors."""
    matrix = np.eye(4)
    if text and text.strip():
        matrix[:3] = np.array([float(n) for n in text.split()]).reshape(4, 3).T
    return matrix


class Objects:
    """The objects of one package. warnings: what was not read as it stands; left_out: how often which role was left out."""

    def __init__(self, package: Package) -> None:
        self.package, self.name = package, package.name
        self.settings = read_settings(package)
        self.warnings = package.warnings
        self.left_out: Counter[str] = Counter()
        self.root = package.root()
        self._documents: dict[str, Document] = {}
        self._properties: dict[str, Properties] = {}
        self._lattices: dict[tuple[str, str], list[Part]] = {}
        self._elements = 0
        self._operations = 0
        self.document = self.model(self.root)

    def model(self, entry: str) -> Document:
        """The parsed model part of an entry."""
        if entry not in self._documents:
            document = Parser(self.name).parse(self.package.read(entry))
            self.warnings += sorted(document.notes)
            self._documents[entry] = document
            own = "lift3d:unit" in self._documents[self.root].metadata
            folder = entry.rpartition("/")[0]
            self._properties[entry] = Properties(self.package, folder, document, own)
        return self._documents[entry]

    def entry(self, a: Attributes, entry: str) -> str:
        """The entry of the model part that a reference leads to; that of the reference itself without a path."""
        path = a.get("path", "").strip()
        if not path:
            return entry
        found = self.package.find(path, entry.rpartition("/")[0])
        if found is None:
            raise damaged_file(self.name, f"lacks its part {path.lstrip('/')[:80]!r}")
        return found

    def object(self, entry: str, number: str, matrix: F64, depth: int = 0) -> Shape:
        """The shape of an object, transformed by a 4x4 matrix. Raises InputError for objects that are missing or endless."""
        document = self.model(entry)
        shape = document.objects.get(number.strip())
        if shape is None:
            raise damaged_file(self.name, f"refers to object {number[:20]}, which it does not hold")
        if depth > MAX_DEPTH:
            raise damaged_file(self.name, "has objects that contain themselves")
        better = self._better(shape, entry)
        if better is not None:
            return self.object(*better, matrix, depth + 1)
        self._count(len(shape.groups) + len(shape.vertices) // 3 + 1)
        self._say_unread(shape)
        out = Shape()
        if shape.operation is not None:
            out.bodies.append(self._boolean(shape, entry, matrix, depth))
        elif len(shape.groups) or shape.lattice is not None:
            self._mesh(shape, entry, matrix, out, depth)
        roles = self.settings.components.get(shape.number, {}) if entry == self.root else {}
        for component in shape.components:
            inner = matrix @ matrix_of(component.get("transform"))
            role = roles.get(component["objectid"].strip(), PART)
            self.add(out, self.entry(component, entry), component["objectid"], inner, role, depth + 1)
        if out.negatives:
            out.bodies = self._cut(out)
        return Shape(out.bodies)

    def add(self, out: Shape, entry: str, number: str, matrix: F64, role: str, depth: int) -> None:
        """Add an object with a role of its own, or of its type, to a shape."""
        found = self.model(entry).objects.get(number.strip())
        if role == PART and found is not None:
            role = role_of_object(found)
        if role in _LEFT_OUT:
            self.left_out[role] += 1
            return
        inner = self.object(entry, number, matrix, depth)
        if role == NEGATIVE:
            out.negatives += inner.bodies
        else:
            if role != PART:
                self.warnings.append(f"a part of the unknown type {role!r} is read as part of the model")
            out.bodies += inner.bodies

    def _mesh(self, shape: Object, entry: str, matrix: F64, out: Shape, depth: int) -> None:
        """Add the mesh and the lattice of an object, its volumes apart where a slicer notes them."""
        properties = self._properties[entry]
        for role, parts in mesh_parts(shape, properties, matrix, self._ranges(shape, entry)):
            if role in _LEFT_OUT:
                self.left_out[role] += 1
            elif role == NEGATIVE:
                out.negatives.append(parts)
            else:
                if role != PART:
                    self.warnings.append(f"a part of the unknown type {role!r} is read as part of the model")
                out.bodies.append(parts)
        if shape.lattice is None:
            return
        parts = [moved_part(p, matrix, self.name) for p in self._lattice(shape, entry, depth)]
        self._count(sum(len(p.faces) for p in parts))
        lattice = body_of_parts(parts) if out.bodies and parts else None
        solid = body_of_parts(flat(out.bodies)) if lattice is not None else None
        if lattice is not None and solid is not None:
            self._operate(1)
            out.bodies = [solid.combined("union", [lattice]).parts()]
        elif parts:
            out.bodies.append(parts)

    def _lattice(self, shape: Object, entry: str, depth: int) -> list[Part]:
        """The parts of an object's lattice in the frame of the object."""

        def referred(number: str) -> list[Part]:
            return flat(self.object(entry, number, np.eye(4), depth + 1).bodies)

        key = (entry, shape.number)
        if key not in self._lattices and shape.lattice is not None:
            self._operate(1 + len(shape.lattice.beams) // 100)
            self._lattices[key] = lattice_of(shape, self._properties[entry], referred)
        return self._lattices[key]

    def _count(self, elements: int) -> None:
        """Add to the number of vertices and triangles. Raises InputError if they are too many."""
        self._elements += elements
        if self._elements > MAX_ELEMENTS:
            raise damaged_file(self.name, f"holds more than {MAX_ELEMENTS} vertices and triangles")

    def _operate(self, operations: int) -> None:
        """Add to the number of boolean operations. Raises InputError if they are too many."""
        self._operations += operations
        if self._operations > MAX_OPERATIONS:
            raise damaged_file(self.name, f"needs more than {MAX_OPERATIONS} boolean operations")

    def _ranges(self, shape: Object, entry: str) -> list[tuple[int, int, str]]:
        """(first triangle, last triangle, role) of the volumes of an object, empty without any."""
        in_root = entry == self.root
        found = self.settings.ranges_of(shape, in_root)
        own = self.settings.components.get(shape.number, {}).get(shape.number) if in_root else None
        return found or ([(0, len(shape.groups) - 1, own)] if own not in (None, PART) else [])

    def _cut(self, shape: Shape) -> list[list[Part]]:
        """The bodies without the negative volumes; those that cannot be cut stay whole, with a warning."""
        self._operate(len(shape.bodies) * len(shape.negatives))
        tools = [body_of_parts(parts) for parts in shape.negatives]
        closed = [tool for tool in tools if tool is not None]
        out, failed = [], len(tools) - len(closed)
        for parts in shape.bodies:
            body = body_of_parts(parts)
            failed += body is None
            out.append(parts if body is None else body.combined("difference", closed).parts())
        count = len(tools)
        many = "1 negative part is" if count == 1 else f"{count} negative parts are"
        if failed:
            self.warnings.append(f"{many} not cut away everywhere: {failed} of the volumes are not closed")
        else:
            self.warnings.append(f"{many} cut away from the model, as the slicer would")
        return out

    def _boolean(self, shape: Object, entry: str, matrix: F64, depth: int) -> list[Part]:
        """The parts of a boolean shape. Raises InputError if an operand is not closed, or nothing remains."""
        assert shape.operation is not None
        base = shape.operation.attributes
        kind = base.get("operation", "union").strip()
        if kind not in ("union", "difference", "intersection"):
            raise damaged_file(self.name, f"has the unknown boolean operation {kind[:20]!r}")
        self._operate(len(shape.operation.operands))
        bodies: list[Body] = []
        for a in [base, *shape.operation.operands]:
            inner = matrix @ matrix_of(a.get("transform"))
            parts = self.object(self.entry(a, entry), a["objectid"], inner, depth + 1).bodies
            body = body_of_parts(flat(parts))
            if body is None:
                raise InputError(
                    f"{self.name} has a boolean {kind} with object {a['objectid'][:20]}, which is no closed surface",
                    "apply the operation in the program that wrote it and export the mesh",
                )
            bodies.append(body)
        result = bodies[0].combined(kind, bodies[1:])
        if result.is_empty:
            raise damaged_file(self.name, f"has a boolean {kind} that leaves nothing")
        self.warnings.append(f"its boolean {kind} (boolean operations extension) is computed as a mesh")
        return result.parts()

    def _better(self, shape: Object, entry: str) -> tuple[str, str] | None:
        """(entry, number) of an alternative of full resolution that can be read, for an object that is not."""
        if shape.attributes.get("modelresolution", "fullres") == "fullres" or not shape.alternatives:
            if shape.attributes.get("modelresolution", "fullres") != "fullres":
                self.warnings.append("a stand-in of low resolution is read: the file holds no other")
            return None
        for a in shape.alternatives:
            path = self.package.find(a.get("path", "") or entry)
            full = a.get("modelresolution", "fullres") == "fullres"
            if not full or path is None or self.package.is_encrypted(path):
                continue
            if a["objectid"].strip() in self.model(path).objects:
                return path, a["objectid"]
        self.warnings.append("a stand-in of low resolution is read: the full model is encrypted or missing")
        return None

    def _say_unread(self, shape: Object) -> None:
        """A warning for what the object has besides its mesh; InputError where its shape is nothing else."""
        shapes = sorted(shape.unread & SHAPES)
        if shapes:
            raise InputError(
                f"{self.name} describes object {shape.number[:20]} as {shapes[0]}, which lift3d does not read",
                "export it as a triangle mesh",
            )
        for what in sorted(shape.unread - SHAPES):
            if what.startswith("slices"):
                if not len(shape.groups) and not shape.components:
                    raise InputError(
                        f"{self.name} describes object {shape.number[:20]} by slices only, which lift3d does not read",
                        "export it as a triangle mesh",
                    )
                coarse = ", of low resolution," if "low" in what else ""
                self.warnings.append(
                    f"its slices (slice extension) are not read: the model is the mesh{coarse} beside them"
                )
            else:
                self.warnings.append(f"an object has {what}, which are not read")


def flat(bodies: list[list[Part]]) -> list[Part]:
    """The parts of all bodies."""
    return [part for parts in bodies for part in parts]
