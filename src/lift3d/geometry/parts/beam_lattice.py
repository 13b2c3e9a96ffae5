"""Solids of beams and balls: round struts between points, as lattices for printing are described.

A beam is a frustum of a cone between two points with a cap at each end. Polygons stand for circles: their size is such
that every beam and ball has the volume of its round original.
"""

from __future__ import annotations

from dataclasses import dataclass

import manifold3d
import numpy as np

from lift3d.geometry.parts.booleans import Body, solid_body
from lift3d.types import F64, Bytes4, Material

MAX_BEAMS = 10_000
"""Most beams and balls together."""
MAX_COLOURS = 64
CAPS = ("sphere", "hemisphere", "butt")


@dataclass(frozen=True)
class Beam:
    """A strut from point a to point b (indices into a table of points) with a radius and a cap at each end."""

    a: int
    b: int
    radius_a: float
    radius_b: float
    cap_a: str = "sphere"
    cap_b: str = "sphere"
    colour: Bytes4 | None = None


@dataclass(frozen=True)
class Ball:
    """A ball around a point (an index)."""

    at: int
    radius: float
    colour: Bytes4 | None = None


def lattice_body(points: F64, beams: list[Beam], balls: list[Ball]) -> Body | None:
    """The union of beams and balls at points (N, 3), one material for each colour; None if there are none.

    Circles have 24 corners, 12 where there are more than 100 beams and balls, and 8 where there are more than 1000.
    """
    count = len(beams) + len(balls)
    segments = 24 if count <= 100 else 12 if count <= 1000 else 8
    groups: dict[Bytes4 | None, list[manifold3d.Manifold]] = {}
    spheres: set[tuple[int, float, Bytes4 | None]] = {(ball.at, ball.radius, ball.colour) for ball in balls}
    for beam in beams:
        shapes = groups.setdefault(beam.colour, [])
        shapes.append(_frustum(points[beam.a], points[beam.b], beam.radius_a, beam.radius_b, segments))
        ends = (
            (beam.a, beam.b, beam.radius_a, beam.radius_b, beam.cap_a),
            (beam.b, beam.a, beam.radius_b, beam.radius_a, beam.cap_b),
        )
        for end, other, radius, far, cap in ends:
            if cap == "butt":
                continue
            if cap == "hemisphere" and radius > far:  # its inner half would stand out of the narrowing beam
                shapes.append(_half_ball(points[end], points[end] - points[other], radius, segments))
            else:
                spheres.add((end, radius, beam.colour))
    for at, radius, colour in sorted(spheres, key=repr):
        groups.setdefault(colour, []).append(_ball(radius, segments).translate(points[at].tolist()))
    bodies = []
    for colour, shapes in groups.items():
        shape = manifold3d.Manifold.batch_boolean(shapes, manifold3d.OpType.Add)
        bodies.append(solid_body(shape, None if colour is None else Material("lattice", colour)))
    return bodies[0].combined("union", bodies[1:]) if bodies else None


def _frustum(a: F64, b: F64, radius_a: float, radius_b: float, segments: int) -> manifold3d.Manifold:
    """The frustum of a cone from a to b, with the cross-section's area kept."""
    axis = b - a
    length = float(np.linalg.norm(axis))
    angle = 2 * np.pi / segments
    grow = float(np.sqrt(angle / np.sin(angle)))
    upright = manifold3d.Manifold.cylinder(
        length, max(radius_a * grow, 1e-9 * length), max(radius_b * grow, 1e-9 * length), segments
    )
    return upright.transform(np.ascontiguousarray(np.c_[_frame(axis / length), a]))


def _frame(z: F64) -> F64:
    """(3, 3) rotation whose third column is the unit vector z."""
    helper = np.eye(3)[int(np.argmin(np.abs(z)))]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


def _ball(radius: float, segments: int) -> manifold3d.Manifold:
    """A ball around the origin with the volume of the sphere."""
    unit = manifold3d.Manifold.sphere(1.0, segments)
    grow = float(np.cbrt(4 / 3 * np.pi / unit.volume()))
    return unit.scale([radius * grow] * 3)


def _half_ball(centre: F64, outward: F64, radius: float, segments: int) -> manifold3d.Manifold:
    """The half of a ball on the side of a direction."""
    normal = outward / np.linalg.norm(outward)
    ball = _ball(radius, segments).translate(centre.tolist())
    return ball.trim_by_plane(normal.tolist(), float(normal @ centre))
