"""Beam lattices as closed surfaces, clipped and coloured as the beam lattice extension defines it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.beam_lattice import CAPS, MAX_BEAMS, MAX_COLOURS, Ball, Beam, lattice_body
from lift3d.geometry.parts.booleans import body_of_parts
from lift3d.io.mesh.threemf.properties import Properties
from lift3d.io.mesh.threemf.tables import Attributes, Lattice, Object
from lift3d.types import F64, Bytes4, Part


def lattice_of(shape: Object, properties: Properties, referred: Callable[[str], list[Part]]) -> list[Part]:
    """The parts of an object's lattice in the frame of the object.

    referred: the parts of an object by its number, in the same frame. Raises InputError for indices out of range, radii
    that are not positive, clipping by a surface that is not closed, and too many beams.
    """
    lattice, name = shape.lattice, properties.package.name
    assert lattice is not None
    points = np.array(shape.vertices).reshape(-1, 3)
    beams, balls = _beams(lattice, shape, properties, points), _balls(lattice, shape, properties, points)
    count = len(beams) + len(balls)
    others = {lattice.attributes.get(key, "").strip() for key in ("representationmesh", "clippingmesh")}
    if shape.number in others:
        raise damaged_file(name, "has objects that contain themselves")
    stand_in = lattice.attributes.get("representationmesh", "").strip()
    if count > MAX_BEAMS:
        if not stand_in:
            raise InputError(
                f"{name} has a lattice of {count} beams and balls; lift3d makes solids of at most {MAX_BEAMS}",
                "export the lattice as a triangle mesh",
            )
        properties.warnings.append(f"a lattice of {count} beams is read as the mesh that represents it")
        return referred(stand_in)
    body = lattice_body(points, _few_colours(beams, properties), balls)
    if body is None:
        properties.warnings.append("a lattice without beams is left out")
        return []
    many = "1 beam" if len(beams) == 1 else f"{len(beams)} beams"
    properties.warnings.append(f"its lattice of {many} is turned into a mesh, with polygons for circles")
    mode = lattice.attributes.get("clippingmode", "none").strip()
    if mode == "none":
        return body.parts()
    if mode not in ("inside", "outside"):
        raise damaged_file(name, f"has the unknown clipping mode {mode[:20]!r}")
    clip = body_of_parts(referred(lattice.attributes.get("clippingmesh", "")))
    if clip is None:
        raise InputError(
            f"{name} clips its lattice by a surface that is not closed", "repair that surface first"
        )
    return body.combined("intersection" if mode == "inside" else "difference", [clip]).parts()


def _beams(lattice: Lattice, shape: Object, properties: Properties, points: F64) -> list[Beam]:
    """The beams that are not shorter than the least length."""
    a, name = lattice.attributes, properties.package.name
    least = float(a.get("minlength", 0))
    cap = a.get("cap", a.get("capmode", "sphere"))
    found = []
    for beam in lattice.beams:
        ends = _index(beam["v1"], points, name), _index(beam["v2"], points, name)
        length = float(np.linalg.norm(points[ends[0]] - points[ends[1]]))
        if not length > 0 or length < least:
            continue
        first = beam.get("r1", a.get("radius", ""))
        radii = _radius(first, name), _radius(beam.get("r2", first), name)
        caps = beam.get("cap1", cap).strip(), beam.get("cap2", cap).strip()
        for c in caps:
            if c not in CAPS:
                raise damaged_file(name, f"has the unknown cap {c[:20]!r} of a beam")
        colours = [_colour(beam, key, lattice, shape, properties) for key in ("p1", "p2")]
        mixed = colours[0]
        if "p2" in beam and colours[0] is not None and colours[1] is not None:
            r, g, b, alpha = ((x + y + 1) // 2 for x, y in zip(*colours))
            mixed = (r, g, b, alpha)
        found.append(Beam(*ends, *radii, *caps, mixed))
    if len(lattice.beams) > len(found):
        dropped = len(lattice.beams) - len(found)
        properties.warnings.append(f"{dropped} beams shorter than the lattice's least length are left out")
    return found


def _balls(lattice: Lattice, shape: Object, properties: Properties, points: F64) -> list[Ball]:
    """The balls at the ends of beams."""
    a, name = lattice.attributes, properties.package.name
    mode = a.get("ballmode", "none").strip()
    if mode not in ("none", "mixed", "all"):
        raise damaged_file(name, f"has the unknown ball mode {mode[:20]!r}")
    if mode == "none":
        return []
    radii: dict[int, Ball] = {}
    for ball in lattice.balls:
        at = _index(ball["vindex"], points, name)
        radius = _radius(ball.get("r", a.get("ballradius", "")), name)
        radii[at] = Ball(at, radius, _colour(ball, "p", lattice, shape, properties))
    if mode == "all":
        colour = _colour({}, "p", lattice, shape, properties)
        ends = {_index(beam[key], points, name) for beam in lattice.beams for key in ("v1", "v2")}
        for at in sorted(ends - radii.keys()):
            radii[at] = Ball(at, _radius(a.get("ballradius", ""), name), colour)
    return list(radii.values())


def _colour(
    a: Attributes, key: str, lattice: Lattice, shape: Object, properties: Properties
) -> Bytes4 | None:
    """The colour of a beam's end or a ball: its own, else the lattice's, else the object's."""
    group, index = shape.default if shape.default is not None else ("", 0)
    group = lattice.attributes.get("pid", group)
    index = int(lattice.attributes.get("pindex", index))
    return properties.colour(a.get("pid", group), int(a.get(key, a.get("p1", index))))


def _few_colours(beams: list[Beam], properties: Properties) -> list[Beam]:
    """The beams, without colours if there are too many."""
    if len({beam.colour for beam in beams}) <= MAX_COLOURS:
        return beams
    properties.warnings.append("the colours of its beams are too many and left out")
    return [Beam(b.a, b.b, b.radius_a, b.radius_b, b.cap_a, b.cap_b) for b in beams]


def _index(text: str, points: F64, name: str) -> int:
    """An index into points. Raises InputError if it is out of range."""
    index = int(text)
    if not 0 <= index < len(points):
        raise damaged_file(
            name, f"has a beam that refers to vertex {index}, but there are {len(points)} vertices"
        )
    return index


def _radius(text: str, name: str) -> float:
    """A radius. Raises InputError unless it is positive."""
    radius = float(text) if text.strip() else 0.0
    if not 0 < radius < 1e12:
        raise damaged_file(name, f"has a beam or ball with the radius {text[:20]!r}")
    return radius
