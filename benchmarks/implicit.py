"""Signed fields of simple bodies, negative inside, and their closed surfaces: the words in which `made_shapes` are written.

Fields map points (N, 3) to (N,) values that are distances near the surface (exact for most bodies), so that unions may be
smoothed by lengths. Smooth union: the polynomial of I. Quilez. `polygonise` gives a watertight mesh by marching tetrahedra.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial import cKDTree

from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra

Field = Callable[[np.ndarray], np.ndarray]
Vector = Sequence[float]


def ellipsoid(centre: Vector, radii: Vector) -> Field:
    """An ellipsoid along the axes."""
    c, r = np.array(centre), np.array(radii)

    def field(p: np.ndarray) -> np.ndarray:
        q = (p - c) / r
        k0, k1 = np.linalg.norm(q, axis=1), np.linalg.norm(q / r, axis=1)
        return k0 * (k0 - 1) / np.maximum(k1, 1e-9)

    return field


def ball(centre: Vector, radius: float) -> Field:
    """A ball."""
    return lambda p: np.linalg.norm(p - np.array(centre), axis=1) - radius


def limb(a: Vector, b: Vector, radius: float, end: float | None = None) -> Field:
    """A capsule from a to b whose radius goes from `radius` to `end`."""
    start, along = np.array(a, float), np.array(b, float) - np.array(a, float)
    last = radius if end is None else end

    def field(p: np.ndarray) -> np.ndarray:
        t = np.clip((p - start) @ along / (along @ along), 0, 1)
        return np.linalg.norm(p - start - t[:, None] * along, axis=1) - (radius + t * (last - radius))

    return field


def box(low: Vector, high: Vector, round_: float = 0.0) -> Field:
    """A box along the axes with edges rounded by `round_`."""
    c, h = (np.array(low) + np.array(high)) / 2, (np.array(high) - np.array(low)) / 2 - round_

    def field(p: np.ndarray) -> np.ndarray:
        q = np.abs(p - c) - h
        return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0) - round_

    return field


def revolved(profile: Sequence[tuple[float, float]], centre: tuple[float, float] = (0.0, 0.0)) -> Field:
    """The body of revolution about a vertical axis through `centre` of a closed polygon of (radius, height)."""
    polygon = np.array(profile, float)

    def field(p: np.ndarray) -> np.ndarray:
        return polygon_distance(polygon, np.hypot(p[:, 0] - centre[0], p[:, 1] - centre[1]), p[:, 2])

    return field


def polygon_distance(polygon: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance of points (x, y), x >= 0, to the edges off the axis x = 0 of a simple polygon (K, 2), negative inside."""
    least, inside = np.full(len(x), np.inf), np.zeros(len(x), bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0)):
        ex, ey = bx - ax, by - ay
        if ax > 0 or bx > 0:  # an edge on the axis is no surface of the body of revolution
            t = np.clip(((x - ax) * ex + (y - ay) * ey) / max(ex * ex + ey * ey, 1e-18), 0, 1)
            least = np.minimum(least, (x - ax - t * ex) ** 2 + (y - ay - t * ey) ** 2)
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) / (by - ay) * ex)
    return np.where(inside, -1, 1) * np.sqrt(least)


def smooth_curve(points: Sequence[tuple[float, float]], count: int = 12) -> list[tuple[float, float]]:
    """A Catmull-Rom curve through points of a profile, with `count` pieces between neighbours."""
    q = np.array([points[0], *points, points[-1]], float)
    t = np.linspace(0, 1, count, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(q, q[1:], q[2:], q[3:])
    ]
    return [(float(max(r, 0)), float(z)) for r, z in [*np.concatenate(pieces), q[-1]]]


def tube(curve: np.ndarray, radius: float | np.ndarray) -> Field:
    """All points within `radius`, a number or one per sample, of a densely sampled curve (K, 3)."""
    tree, radii = cKDTree(curve), np.broadcast_to(radius, len(curve))

    def field(p: np.ndarray) -> np.ndarray:
        distance, index = tree.query(p)
        return distance - radii[index]

    return field


def torus(centre: Vector, radius: float, thickness: float, axis: int = 2) -> Field:
    """A torus about an axis of space."""
    c = np.array(centre)
    across = [k for k in range(3) if k != axis]

    def field(p: np.ndarray) -> np.ndarray:
        q = p - c
        return np.hypot(np.hypot(q[:, across[0]], q[:, across[1]]) - radius, q[:, axis]) - thickness

    return field


def union(*fields: Field, smooth: float = 0.0) -> Field:
    """What lies in any of the bodies; joints are rounded over the length `smooth`."""

    def field(p: np.ndarray) -> np.ndarray:
        total = fields[0](p)
        for other in fields[1:]:
            value = other(p)
            h = np.maximum(smooth - np.abs(total - value), 0) / max(smooth, 1e-9)
            total = np.minimum(total, value) - h * h * smooth / 4
        return total

    return field


def cut(body: Field, *away: Field) -> Field:
    """The body without the others."""
    return lambda p: np.maximum(body(p), -np.minimum.reduce([other(p) for other in away]))


def above(body: Field, height: float = 0.0) -> Field:
    """The part of the body above a height: a flat base."""
    return lambda p: np.maximum(body(p), height - p[:, 2])


def turned(body: Field, degrees: float, axis: int = 2, about: Vector = (0.0, 0.0, 0.0)) -> Field:
    """The body turned about an axis of space through a point."""
    a, b = [k for k in range(3) if k != axis] if axis != 1 else (2, 0)
    c, s, origin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), np.array(about)

    def field(p: np.ndarray) -> np.ndarray:
        q = p - origin
        back = q.copy()
        back[:, a], back[:, b] = c * q[:, a] + s * q[:, b], -s * q[:, a] + c * q[:, b]
        return body(back + origin)

    return field


def polygonise(body: Field, low: Vector, high: Vector, nodes: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """(v (V, 3), f (F, 3)) the closed surface of the body within a box that contains it; nodes: along the longest side."""
    low, high = np.array(low, float), np.array(high, float)
    step = float((high - low).max()) / nodes
    low, high = low - 2 * step, high + 2 * step
    shape = tuple(np.ceil((high - low) / step).astype(int) + 1)
    values = np.empty(shape, np.float32)
    y, z = np.meshgrid(
        low[1] + step * np.arange(shape[1]), low[2] + step * np.arange(shape[2]), indexing="ij"
    )
    for i in range(shape[0]):
        values[i] = body(np.stack([np.full(y.size, low[0] + step * i), y.ravel(), z.ravel()], 1)).reshape(
            y.shape
        )
    v, f = marching_tetrahedra(values)
    return low + step * v, f
