"""The triangle soup under repair, the table of its edges, and labels, areas and volumes of its faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from lift3d.types import F64

I32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Soup:
    """Triangles under repair. v (V, 3) float64; f (F, 3) int32; origin (F,) int32: the face of the input, -1 for new
    faces."""

    v: F64
    f: I32
    origin: I32

    def select(self, keep: Any) -> Soup:
        """The soup with the faces of a mask (F,) or of indices; vertices are kept."""
        return Soup(self.v, self.f[keep], self.origin[keep])

    def flip_faces(self, flip: NDArray[np.bool_]) -> Soup:
        """The soup with the faces of a mask (F,) flipped."""
        return Soup(self.v, np.where(flip[:, None], self.f[:, ::-1], self.f).astype(np.int32), self.origin)

    def append_faces(self, f: NDArray[np.integer], v: F64 | None = None) -> Soup:
        """The soup with faces f (K, 3) appended, and vertices v behind the present ones."""
        return Soup(
            self.v if v is None else np.concatenate([self.v, v]),
            np.concatenate([self.f, np.asarray(f, np.int32).reshape(-1, 3)]),
            np.concatenate([self.origin, np.full(len(f), -1, np.int32)]),
        )


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """Undirected edges of F faces. half (3F,): edge of half-edge 3 i + k, from corner k to k + 1 of face i. count
    (E,): faces per edge. forward (3F,): True where the half-edge runs from the smaller to the larger vertex. ends (E,
    2): vertices."""

    half: NDArray[np.int64]
    count: NDArray[np.int64]
    forward: NDArray[np.bool_]
    ends: NDArray[np.int64]

    def pairs(self) -> NDArray[np.int64]:
        """(P, 2) the two half-edges of every edge with exactly two faces."""
        order = np.argsort(self.half, kind="stable")
        start = np.cumsum(self.count) - self.count
        two = start[self.count == 2]
        return np.stack([order[two], order[two + 1]], axis=1)


def build_edge_table(f: I32) -> EdgeTable:
    """The edges of the faces f (F, 3)."""
    a, b = f.astype(np.int64).reshape(-1), np.roll(f, -1, axis=1).astype(np.int64).reshape(-1)
    n = int(f.max()) + 1 if len(f) else 1
    key, half, count = np.unique(
        np.minimum(a, b) * n + np.maximum(a, b), return_inverse=True, return_counts=True
    )
    return EdgeTable(half.reshape(-1), count, a < b, np.stack([key // n, key % n], axis=1))


def label_linked(pairs: NDArray[np.integer], n: int) -> I32:
    """(n,) labels of the connected components of n nodes linked by pairs (P, 2)."""
    graph = coo_matrix((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int32)


def label_patches(f: I32, table: EdgeTable | None = None) -> I32:
    """(F,) labels of the patches: faces connected through edges with exactly two faces."""
    return label_linked((table or build_edge_table(f)).pairs() // 3, len(f))


def face_areas(v: F64, f: I32) -> F64:
    """(F,) areas."""
    t = v[f]
    return 0.5 * np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1)


def signed_volumes(v: F64, f: I32) -> F64:
    """(F,) signed volumes of the tetrahedra from the mean of all corners to each face."""
    t = v[f] - (v[f].reshape(-1, 3).mean(0) if len(f) else 0)
    return np.einsum("ij,ij->i", t[:, 0], np.cross(t[:, 1], t[:, 2])) / 6


def bounding_diagonal(v: F64, f: I32) -> float:
    """Diagonal of the bounding box of the used vertices; 0 without faces."""
    return float(np.linalg.norm(np.ptp(v[f].reshape(-1, 3), axis=0))) if len(f) else 0.0


def count_boundary_edges(f: I32) -> int:
    """Number of edges with a single face, by vertex index."""
    return int((build_edge_table(f).count == 1).sum())


def is_closed_and_oriented(f: I32) -> bool:
    """True if every edge has two faces that traverse it in opposite directions, by vertex index."""
    table = build_edge_table(f)
    one_way = np.bincount(table.half, weights=np.where(table.forward, 1, -1), minlength=len(table.count))
    return len(f) > 0 and bool((table.count == 2).all() and (one_way == 0).all())


def drop_unused_vertices(soup: Soup) -> Soup:
    """The soup without unused vertices."""
    used, f = np.unique(soup.f, return_inverse=True)
    return Soup(soup.v[used], f.reshape(-1, 3).astype(np.int32), soup.origin)
