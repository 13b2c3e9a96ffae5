"""The triangles of an object as parts: volumes of slicers apart, one part for each property group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.io.mesh.threemf.properties import Properties
from lift3d.io.mesh.threemf.slicer_settings import PART
from lift3d.io.mesh.threemf.tables import Object
from lift3d.types import F64, Part


def mesh_parts(
    shape: Object, properties: Properties, matrix: F64, ranges: list[tuple[int, int, str]]
) -> list[tuple[str, list[Part]]]:
    """(role, parts) of each volume of an object, transformed by a 4x4 matrix that may mirror.

    ranges: (first triangle, last triangle, role); triangles outside them are a part of the model. Triangles with two equal
    corners are dropped with a warning. Raises InputError for indices out of range and matrices that flatten.
    """
    name = properties.package.name
    triangles = np.array(shape.triangles, np.int64).reshape(-1, 3)
    if not len(triangles):
        return []
    points = transformed(np.array(shape.vertices).reshape(-1, 3), matrix, name)
    if triangles.min() < 0 or triangles.max() >= len(points):
        worst = triangles.max() if triangles.max() >= len(points) else triangles.min()
        limit = f"but there are {len(points)} vertices"
        raise damaged_file(name, f"has a triangle that refers to vertex {worst}, {limit}")
    picks = np.array(shape.properties, np.int64).reshape(-1, 3)
    groups = np.array(shape.groups, np.int64)
    if np.linalg.det(matrix[:3, :3]) < 0:
        triangles, picks = triangles[:, ::-1], picks[:, ::-1]
    proper = (triangles != np.roll(triangles, 1, axis=1)).all(1)
    dropped = int((~proper).sum())
    if dropped:
        many = "1 triangle" if dropped == 1 else f"{dropped} triangles"
        properties.warnings.append(f"{many} with two equal corners {'is' if dropped == 1 else 'are'} dropped")
    volume = np.zeros(len(triangles), np.int64)
    roles = [PART]
    for first, last, role in ranges:
        volume[first : last + 1] = len(roles)
        roles.append(role)
    found = []
    for rows in _rows_by_key(volume):
        kept = rows[proper[rows]]
        if len(kept):
            parts = _by_group(shape, properties, points, triangles[kept], picks[kept], groups[kept])
            found.append((roles[int(volume[rows[0]])], parts))
    return found


def _rows_by_key(keys: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each key, keys in the order of their first appearance."""
    order = np.argsort(keys, kind="stable")
    split = np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
    return sorted(split, key=lambda rows: int(rows[0]))


def _by_group(
    shape: Object,
    properties: Properties,
    points: F64,
    triangles: NDArray[np.int64],
    picks: NDArray[np.int64],
    groups: NDArray[np.int64],
) -> list[Part]:
    """The parts of triangles, one for each property group."""
    default, index = shape.default if shape.default is not None else ("", 0)
    picks = np.where(picks < 0, index, picks)  # triangles without a property have the object's
    names = [default, *shape.names]
    colour = properties.colour(default, index) if default else None
    same = np.array([names.index(name) for name in names])  # the object's group may be named by triangles too
    parts = []
    for rows in _rows_by_key(same[groups + 1]):
        label = names[int(groups[rows[0]]) + 1]
        parts += properties.parts(points, triangles[rows], picks[rows], label, colour)
    return parts


def transformed(points: F64, matrix: F64, name: str) -> F64:
    """Points (N, 3) transformed by a 4x4 matrix. Raises InputError if it flattens them."""
    linear = matrix[:3, :3]
    size = float(np.abs(linear).max())
    if not np.isfinite(matrix).all() or abs(float(np.linalg.det(linear))) <= 1e-12 * size**3:
        raise damaged_file(name, "has a transform that flattens an object")
    return np.asarray(points @ linear.T + matrix[:3, 3])


def moved_part(part: Part, matrix: F64, name: str) -> Part:
    """The part transformed by a 4x4 matrix that may mirror."""
    faces = part.faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else part.faces
    return Part(transformed(part.vertices, matrix, name), faces, part.uv, part.colours, part.material)
