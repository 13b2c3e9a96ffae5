"""The predicate that decides whether a mesh is solid, applied before a solid is written; and the test for closed
meshes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.errors import SolidError
from lift3d.geometry.mesh.components import (
    DEBRIS,
    component_volumes,
    connected_components,
    sorted_half_edges,
    winding_number_at,
)
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.geometry.mesh.self_intersection import degenerate_faces, self_intersections
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.types import F64, Mesh

DEFECTS = {
    "bad_vertices": ("vertex that is not finite", "vertices that are not finite"),
    "bad_faces": ("face that refers to vertices that do not exist", "faces that refer to vertices that do not exist"),
    "boundary_edges": ("open edge", "open edges"),
    "non_manifold_edges": ("edge with more than two faces", "edges with more than two faces"),
    "non_manifold_vertices": ("vertex where separate parts touch", "vertices where separate parts touch"),
    "misoriented_edges": (
        "edge whose two faces disagree on the outside", "edges whose two faces disagree on the outside"
    ),
    "nested_components": (
        "component inside another without a cavity between them", "components inside another without a cavity between them"
    ),
    "inverted_components": ("component turned inside out", "components turned inside out"),
    "degenerate_faces": ("face without area", "faces without area"),
    "self_intersections": ("pair of faces that intersect", "pairs of faces that intersect"),
    "debris": ("component below 0.1 % of the largest", "components below 0.1 % of the largest"),
}  # fmt: skip
"""A defect and several of them, by the key of their count."""


@dataclass(frozen=True)
class SolidReport:
    """The conditions of a solid, and counts of the defects.

    finite: all vertices are finite and all face indices in range. closed: every edge has two faces and every vertex
    one fan of faces. oriented: the two faces of every edge traverse it in opposite directions. positive_volume: the
    total is positive, components outside all others point outward and components inside one point inward (cavities).
    no_self_intersection: faces meet only in shared vertices and edges, and every face has an area. no_debris: no
    component has less than 0.1 % of the largest |volume|. counts: number of defects by name.
    """

    finite: bool
    closed: bool
    oriented: bool
    positive_volume: bool
    no_self_intersection: bool
    no_debris: bool
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_solid(self) -> bool:
        """True if all conditions hold."""
        return (
            self.finite
            and self.closed
            and self.oriented
            and self.positive_volume
            and self.no_self_intersection
            and self.no_debris
        )

    def failures(self) -> list[str]:
        """One phrase per kind of defect, with its count; empty for a solid."""
        found = [
            f"{count} {one if count == 1 else many}"
            for key, (one, many) in DEFECTS.items()
            if (count := self.counts.get(key))
        ]
        if self.counts.get("faces") == 0:
            found.insert(0, "no faces")
        elif not found and not self.positive_volume:
            found.append("no positive volume")
        return found


def inspect_solid(mesh: Mesh, limit: int = 1000) -> SolidReport:
    """The report of a mesh, after its vertices are rounded to float32 and merged by exact position. A mesh far from the origin is
    moved to it first, as it is when it is written in a format of single precision.

    limit: most self-intersections that are counted. A mesh with invalid numbers fails every condition.
    """
    return inspect_arrays(np.asarray(mesh.vertices), np.asarray(mesh.faces), limit)


def require_solid(mesh: Mesh) -> SolidReport:
    """The report of a solid mesh; raises SolidError with the defects of any other."""
    report = inspect_solid(mesh)
    if not report.is_solid:
        raise SolidError(f"the mesh is not solid: {', '.join(report.failures())}", "run lift3d repair on it")
    return report


def inspect_arrays(v: F64, f: NDArray[np.integer], limit: int = 1000) -> SolidReport:
    """`inspect_solid` for v (V, 3) and f (F, 3)."""
    v, f = np.asarray(v, np.float64).reshape(-1, 3), np.asarray(f).reshape(-1, 3)
    p, row = weld_exact(v - recentring_shift(v))
    counts = {
        "vertices": len(p),
        "faces": len(f),
        "bad_vertices": int((~np.isfinite(p).all(1)).sum()),
        "bad_faces": int(((f < 0) | (f >= len(v))).any(1).sum()),
    }
    if counts["bad_vertices"] or counts["bad_faces"] or len(f) == 0:
        return SolidReport(
            len(f) == 0 and not counts["bad_vertices"], False, False, False, False, False, counts
        )
    g = row[f].astype(np.int32)
    order, key = sorted_half_edges(g)
    names = "boundary_edges", "non_manifold_edges", "misoriented_edges", "non_manifold_vertices"
    counts.update(zip(names, map(int, _edges_and_fans(g, order, key, len(p)))))
    closed = not (counts["boundary_edges"] or counts["non_manifold_edges"] or counts["non_manifold_vertices"])
    oriented = not (counts["misoriented_edges"] or counts["non_manifold_edges"])
    labels = connected_components(g, len(p))
    volume = component_volumes(p, g, labels)
    debris = np.abs(volume) < DEBRIS * np.abs(volume).max()
    counts["components"], counts["debris"] = len(volume), int(debris.sum())
    if closed and oriented:
        counts.update(_nesting(p, g, labels, volume, np.flatnonzero(~debris)))
    well_nested = not (counts.get("nested_components") or counts.get("inverted_components"))
    counts["degenerate_faces"] = int(degenerate_faces(p, g).sum())
    counts["self_intersections"] = len(self_intersections(p, g, limit))
    return SolidReport(
        finite=True,
        closed=closed,
        oriented=oriented,
        positive_volume=bool(volume.sum() > 0) and well_nested,
        no_self_intersection=not (counts["self_intersections"] or counts["degenerate_faces"]),
        no_debris=not counts["debris"],
        counts=counts,
    )


def faces_per_edge(v: F64, f: NDArray[np.integer]) -> NDArray[np.int64]:
    """(E,) numbers of faces at the undirected edges of v (V, 3) and f (F, 3), after welding by exact float32
    position."""
    key = sorted_half_edges(weld_exact(v - recentring_shift(v))[1][np.asarray(f)])[1]
    return np.unique(key, return_counts=True)[1]


def is_closed(v: F64, f: NDArray[np.integer]) -> bool:
    """True if every edge has exactly two faces, after welding; False without faces."""
    return len(f) > 0 and bool((faces_per_edge(v, f) == 2).all())


def has_boundary(v: F64, f: NDArray[np.integer]) -> bool:
    """True if some edge has a single face, after welding, or if there are no faces. Edges of three or more faces are
    no boundary, so a mesh may be neither closed nor have a boundary."""
    return len(f) == 0 or bool((faces_per_edge(v, f) == 1).any())


@njit(cache=True, nogil=True)
def _edges_and_fans(f: Any, order: Any, key: Any, n_vertices: int) -> tuple[int, int, int, int]:
    """(boundary edges, non-manifold edges, misoriented edges, non-manifold vertices).

    Corners at a vertex are united across every edge that has exactly two faces; a vertex whose corners form more than
    one class (fan) is not manifold. Faces with a repeated vertex make non-manifold edges.
    """
    n = len(order)
    parent = np.arange(n, dtype=np.int32)
    boundary, excess_faces, misoriented = 0, 0, 0
    e = 0
    while e < n:
        end = e + 1
        while end < n and key[end] == key[e]:
            end += 1
        h = order[e]
        i, k = h // 3, h % 3
        a, b = f[i, k], f[i, (k + 1) % 3]
        if end - e == 1:
            boundary += 1
        elif end - e > 2 or a == b:
            excess_faces += 1
        else:
            h = order[e + 1]
            j, m = h // 3, h % 3
            if f[j, m] == a:
                misoriented += 1
                p, q = 3 * j + m, 3 * j + (m + 1) % 3
            else:
                p, q = 3 * j + (m + 1) % 3, 3 * j + m
            _join(parent, 3 * i + k, p)
            _join(parent, 3 * i + (k + 1) % 3, q)
        e = end
    fans = np.zeros(n_vertices, np.int32)
    nonmanifold = 0
    for c in range(n):
        if parent[c] == c:
            vertex = f[c // 3, c % 3]
            fans[vertex] += 1
            nonmanifold += fans[vertex] == 2
    return boundary, excess_faces, misoriented, nonmanifold


@njit(cache=True, nogil=True)
def _join(parent: Any, a: int, b: int) -> None:
    """Union of two disjoint sets; the lower index becomes the root."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    parent[max(a, b)] = min(a, b)


def _nesting(
    v: F64, f: NDArray[np.int32], labels: NDArray[np.int32], volume: F64, selected: NDArray[np.int64]
) -> dict[str, int]:
    """Counts of cavities, nested outward components and inverted components among `selected`.

    The winding number of the other components must be 0 around an outward component and 1 around a cavity.
    """
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], np.arange(len(volume) + 1))
    faces = [f[order[first[c] : first[c + 1]]] for c in selected]
    low = np.array([v[g].min((0, 1)) for g in faces])
    high = np.array([v[g].max((0, 1)) for g in faces])
    cavities, nested, inverted = 0, 0, 0
    for i, c in enumerate(selected):
        point = v[faces[i][0, 0]]
        candidates = np.flatnonzero(((low <= point) & (high >= point)).all(1))
        winding = sum(winding_number_at(v, faces[k], point) for k in candidates if k != i)
        cavities += volume[c] < 0 and winding == 1
        inverted += volume[c] < 0 and winding != 1
        nested += volume[c] >= 0 and winding != 0
    return {"cavities": int(cavities), "nested_components": int(nested), "inverted_components": int(inverted)}
