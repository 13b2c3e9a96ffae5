"""Exact boolean operations on closed bodies of several parts (manifold3d), with their colours, textures and materials.

The surface that an operation creates keeps the properties of the body that it comes from: the wall of a hole has the
colour of the body that was subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import manifold3d
import numpy as np

from lift3d.geometry.mesh.weld import weld_exact
from lift3d.types import Material, Part

OPERATIONS = {
    "union": manifold3d.OpType.Add,
    "difference": manifold3d.OpType.Subtract,
    "intersection": manifold3d.OpType.Intersect,
}
_COLUMNS = 9
"""x, y, z, u, v, red, green, blue, alpha of each vertex."""


@dataclass(frozen=True)
class _Source:
    """What a part has besides its shape. Parts with equal sources become one."""

    uv: bool
    colours: bool
    material: Material | None


@dataclass(frozen=True, eq=False)
class Body:
    """A closed body. shape: its surface. sources: of each run of its triangles, by manifold3d's number."""

    shape: manifold3d.Manifold
    sources: dict[int, _Source] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is inside."""
        return bool(self.shape.is_empty())

    def combined(self, operation: str, others: list[Body]) -> Body:
        """This body with others joined to it, cut away, or intersected in turn ("union", "difference", "intersection")."""
        shapes = [self.shape, *(other.shape for other in others)]
        sources = {k: s for body in (self, *others) for k, s in body.sources.items()}
        return Body(manifold3d.Manifold.batch_boolean(shapes, OPERATIONS[operation]), sources)

    def parts(self) -> list[Part]:
        """The parts of the surface, one for each source of properties."""
        mesh = self.shape.to_mesh64()
        rows = np.asarray(mesh.vert_properties, np.float64)
        rows = np.pad(rows, ((0, 0), (0, max(0, _COLUMNS - rows.shape[1]))))
        faces = np.asarray(mesh.tri_verts, np.int64)
        joined = np.arange(len(rows))
        joined[np.asarray(mesh.merge_from_vert, np.int64)] = np.asarray(mesh.merge_to_vert, np.int64)
        starts, numbers = np.asarray(mesh.run_index, np.int64) // 3, list(mesh.run_original_id)
        runs: dict[_Source, list[np.ndarray]] = {}
        for number, start, end in zip(numbers, starts[:-1], starts[1:]):
            source = self.sources.get(int(number), _Source(False, False, None))
            runs.setdefault(source, []).append(faces[start:end])
        out = []
        for source, found in runs.items():
            own = np.concatenate(found)
            if len(own):
                out.append(_part(rows, own if source.uv or source.colours else joined[own], source))
        return out


def _part(rows: np.ndarray, faces: np.ndarray, source: _Source) -> Part:
    """The part of some faces (F, 3) of vertices with properties (V, 9)."""
    used, index = np.unique(faces, return_inverse=True)
    own = rows[used]
    colours = np.rint(np.clip(own[:, 5:9], 0, 255)).astype(np.uint8) if source.colours else None
    uv = own[:, 3:5] if source.uv else None
    return Part(own[:, :3], index.reshape(-1, 3), uv, colours, source.material)


def body_of_parts(parts: list[Part]) -> Body | None:
    """The body that parts enclose together; None if their surface is not closed and consistently oriented, or empty.

    Vertices at the same position are joined; a surface that is inside out is turned.
    """
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        return None
    rows, faces, sources, start = [], [], [], 0
    for part in parts:
        own = np.zeros((len(part.vertices), _COLUMNS))
        own[:, :3] = part.vertices
        if part.uv is not None:
            own[:, 3:5] = part.uv
        if part.colours is not None:
            own[:, 5:9] = part.colours
        rows.append(own)
        faces.append(np.asarray(part.faces, np.int64) + start)
        sources.append(_Source(part.uv is not None, part.colours is not None, part.material))
        start += len(own)
    table = np.concatenate(rows)
    first = manifold3d.Manifold.reserve_ids(len(parts))
    runs = np.cumsum([0] + [3 * len(f) for f in faces])
    shape = _manifold(table, np.concatenate(faces), runs, first)
    if shape is not None and shape.volume() < 0:
        shape = _manifold(table, np.concatenate(faces)[:, ::-1], runs, first)
    if shape is None or shape.is_empty():
        return None
    return Body(shape, {first + i: source for i, source in enumerate(sources)})


def _manifold(
    table: np.ndarray, faces: np.ndarray, runs: np.ndarray, first: int
) -> manifold3d.Manifold | None:
    """The Manifold of faces (F, 3) of vertices with properties (V, 9), in runs with numbers from `first`; None on error."""
    _, inverse = weld_exact(table[:, :3])
    leader = np.full(int(inverse.max()) + 1, -1)
    leader[inverse[::-1]] = np.arange(len(inverse))[::-1]
    merged = leader[inverse]
    proper = merged[faces]
    keep = (proper != np.roll(proper, 1, axis=1)).all(1)
    counts = np.add.reduceat(np.r_[keep, False], runs[:-1] // 3) if len(runs) > 1 else np.zeros(0)
    runs = np.cumsum(np.r_[0, 3 * counts])
    moved = np.flatnonzero(merged != np.arange(len(merged)))
    shape = manifold3d.Manifold(
        manifold3d.Mesh64(
            np.ascontiguousarray(table),
            np.ascontiguousarray(faces[keep].astype(np.uint64)),
            merge_from_vert=moved.astype(np.uint64),
            merge_to_vert=merged[moved].astype(np.uint64),
            run_index=runs.astype(np.uint64),
            run_original_id=(first + np.arange(len(runs) - 1)).astype(np.uint32),
        )
    )
    return shape if shape.status() == manifold3d.Error.NoError else None


def solid_body(shape: manifold3d.Manifold, material: Material | None) -> Body:
    """A body with one material all over."""
    plain = shape.as_original()
    return Body(plain, {int(plain.original_id()): _Source(False, False, material)})
