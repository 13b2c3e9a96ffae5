"""Decimation by edge collapse with quadric error metrics (Garland & Heckbert, "Surface simplification using quadric
error metrics", 1997). A solid stays a solid.

The cost of an edge is the least area-weighted sum of squared distances to the planes that its two ends represent, x^T
A x + 2 b.x + c. A collapse is refused if it would change the topology (link condition), flip a face or create a
sliver; planes perpendicular to the surface hold open borders. Collapses after which distant parts of the surface
intersect are rare: the exact test finds them afterwards, their vertices are locked, and the log of collapses is
replayed without them until nothing intersects. Positions are rounded to float32 at once, so that files hold what was
tested. A large mesh is divided into slabs that are decimated at the same time, with the vertices between them locked.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.components import select_faces, sorted_half_edges
from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.surface import edge_collapse as kernels
from lift3d.geometry.surface import quadrics
from lift3d.types import F64

FLIP, SLIM = 0.3, 0.03
"""Least cosine between a face's normals before and after; least |normal| / longest side^2 of a new face,
unless the old ones around the edge had less."""
STAGE = 0.6
"""Refused edges are tried again each time the number of faces has shrunk to this fraction."""
BORDER_WEIGHT = 10.0
"""Weight of the planes that hold open borders, beside those of the faces."""
_ROUNDS = 40
_DIRECT_ROUNDS = 4
STEP, DIRECT = 3, 12
"""Factor of a step of decimation; largest factor of a last step that is tried directly."""
SLABS, LARGE = 4, 300_000
"""A step to at least LARGE faces is divided into this many slabs, whatever the number of threads."""


def decimate(
    v: F64, f: NDArray[np.int32], target_faces: int, max_error: float = np.inf, keep_simple: bool = True
) -> tuple[F64, NDArray[np.int32]]:
    """(v (U, 3) float64 that hold float32 values, f (G, 3) int32) of about target_faces faces, never more than the
    input.

    v (V, 3), f (F, 3): welded by exact float32 position; unused vertices and faces with a repeated corner are
    removed. max_error: bound on the root mean square distance of a vertex from the planes that it represents, in the
    unit of v; it may leave more faces than the target. keep_simple: a mesh without self-intersections gives one
    without (turn it off for scenes whose surfaces intersect anyway). A closed oriented manifold stays one, and open
    borders stay in place. Raises InputError for vertices that are not finite.
    """
    p, row = weld_exact(v)
    f = row[np.asarray(f, np.int64)].astype(np.int32).reshape(-1, 3)
    f = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
    if not np.isfinite(p[f]).all():
        raise InputError("the mesh has vertices that are not finite", "remove them first")
    p, f, _ = select_faces(p, f, np.ones(len(f), np.bool_))
    if len(f) <= target_faces:
        return p, f
    # A vertex of a much coarser mesh represents so many that locking them all stops the decimation. So it proceeds in
    # steps, each with its own locks and the quadrics of its own input (Lindstrom & Turk 1998, memoryless). The last step
    # may be longer; if it fails because of intersections, it is divided as well.
    longest = DIRECT if keep_simple and np.isinf(max_error) else np.inf
    while len(f) > longest * target_faces:
        q, g = _once(p, f, len(f) // STEP, max_error, keep_simple, _ROUNDS)
        if len(g) > 0.8 * len(f):
            break
        p, f = q, g
        if len(f) <= longest * target_faces and longest > STEP:
            q, g = _once(p, f, target_faces, max_error, keep_simple, _DIRECT_ROUNDS)
            if len(g) <= 1.1 * target_faces:
                return q, g
            longest = STEP
    return _once(p, f, target_faces, max_error, keep_simple, _ROUNDS)


def _once(
    p: F64, f: NDArray[np.int32], target_faces: int, max_error: float, keep_simple: bool, rounds: int
) -> tuple[F64, NDArray[np.int32]]:
    """One step of decimation of a welded mesh; the input itself if intersections remain after `rounds`."""
    locked = np.zeros(len(p), np.bool_)
    slabs = _slabs(p, f, max(int(target_faces), 0), float(max_error) ** 2)
    changed = slabs
    with ThreadPoolExecutor(min(numba.get_num_threads(), len(slabs))) as pool:
        for attempt in range(rounds):
            list(pool.map(_Slab.collapse, changed, [locked] * len(changed)))
            q, g, origin = _joined(p, slabs)
            if not keep_simple:
                break
            crossing = np.unique(self_intersections(q, g, limit=100_000))
            newly_locked = np.isin(origin, np.unique(g[crossing])) & ~locked
            if not newly_locked.any():  # no intersections, or only those of the input
                break
            for _ in range(attempt // 2):
                newly_locked = _one_ring(f, newly_locked)
            changed = [slab for slab in slabs if (newly_locked & ~locked)[slab.rows].any()]
            locked |= newly_locked
        else:
            return p, f
    q, g, _ = select_faces(q, g, np.ones(len(g), np.bool_))
    return q, g


def _slabs(p: F64, f: NDArray[np.int32], target: int, max_error2: float) -> list[_Slab]:
    """The mesh as a whole, or for a large target slabs of equal numbers of faces along the longest axis."""
    if target < LARGE:
        return [
            _Slab(p, f, np.arange(len(p), dtype=np.int32), np.zeros(len(p), np.bool_), target, max_error2)
        ]
    middle = p[f, int(np.argmax(np.ptp(p, axis=0)))].sum(1)
    slab = np.searchsorted(np.quantile(middle, np.arange(1, SLABS) / SLABS), middle)
    pieces = [select_faces(p, f, slab == k) for k in range(SLABS)]
    uses = np.zeros(len(p), np.int64)
    for _, _, rows in pieces:
        uses[rows] += 1
    return [
        _Slab(v, g, rows, uses[rows] > 1, target * len(g) // len(f), max_error2)
        for v, g, rows in pieces
        if len(g)
    ]


def _joined(p: F64, slabs: list[_Slab]) -> tuple[F64, NDArray[np.int32], NDArray[np.int32]]:
    """(positions (V, 3), remaining faces, vertex into which each vertex collapsed (V,)) of all slabs, by the input's vertices."""
    q, origin = p.copy(), np.arange(len(p), dtype=np.int32)
    faces = []
    for slab in slabs:
        moved, g, into = slab.result
        q[slab.rows] = moved
        origin[slab.rows] = slab.rows[into]
        faces.append(slab.rows[g])
    return q, np.concatenate(faces), origin


def _one_ring(f: NDArray[np.int32], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(V,) mask of the chosen vertices and their neighbours."""
    grown = chosen.copy()
    grown[f[chosen[f].any(1)]] = True
    return grown


@dataclass
class _Run:
    """The input of a step, and the log of collapses of its last run, from which the next one starts."""

    p: F64
    f: NDArray[np.int32]
    target: int
    max_error2: float

    def __post_init__(self) -> None:
        """Classify the vertices and compute their quadrics."""
        self.pairs = np.empty((len(self.p), 2), np.int32)
        self.positions = np.empty((len(self.p), 3))
        self.logged = 0
        edges, lead, shared = _edges(self.f)
        self.kind = np.zeros(len(self.p), np.uint8)
        self.kind[edges[shared == 1]] = quadrics.BORDER
        self.kind[edges[shared > 2]] = quadrics.LOCKED
        self.quadrics = quadrics.vertex_quadrics(self.p, self.f, edges, lead // 3, shared, BORDER_WEIGHT)

    def collapse(self, locked: NDArray[np.bool_]) -> tuple[F64, NDArray[np.int32], NDArray[np.int32]]:
        """(positions (V, 3), remaining faces, vertex into which each input vertex collapsed (V,)); locked (V,)
        vertices stay."""
        p, f, q, kind = self.p.copy(), self.f.copy(), self.quadrics.copy(), self.kind.copy()
        kind[locked] = quadrics.LOCKED
        alive = np.ones(len(f), np.bool_)
        head, follow = kernels.corner_lists(f, len(p))
        state = p, f, alive, q, kind, head, follow
        if self.logged:
            self.logged = kernels.replay_collapses(
                *state, self.pairs, self.positions, self.logged, FLIP, SLIM / 4
            )
        remaining, misses = int(alive.sum()), 0
        while remaining > self.target and misses < 3:
            goal = max(self.target, int(STAGE * remaining))
            edges, _, _ = _edges(f[alive])
            cost = np.empty(len(edges))
            quadrics.edge_costs(p, q, kind, edges, cost)
            self.logged = kernels.collapse_edges(
                *state, edges, cost, remaining - goal, self.max_error2, FLIP, SLIM / 2**misses,
                self.pairs, self.positions, self.logged,
            )  # fmt: skip
            remaining = int(alive.sum())
            misses += remaining > goal
        return p, f[alive], kernels.collapse_origins(self.pairs, self.logged, len(p))


@dataclass
class _Slab:
    """Part of a mesh: p (U, 3), f (G, 3). rows: its vertices in the whole mesh; shared: which of them other slabs use as well,
    they stay; result: of the last call of `collapse`."""

    p: F64
    f: NDArray[np.int32]
    rows: NDArray[np.int32]
    shared: NDArray[np.bool_]
    target: int
    max_error2: float

    def collapse(self, locked: NDArray[np.bool_]) -> None:
        """Decimate it, with the vertices in the mask locked (V,) of the whole mesh where they are."""
        if not hasattr(self, "run"):
            self.run = _Run(self.p, self.f, self.target, self.max_error2)
        self.result = self.run.collapse(self.shared | locked[self.rows])


def _edges(
    f: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """(undirected edges (E, 2), one half-edge 3 face + corner of each (E,), faces per edge (E,))."""
    order, key = sorted_half_edges(f)
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    lead = order[start]
    edges = np.stack([f[lead // 3, lead % 3], f[lead // 3, (lead % 3 + 1) % 3]], 1).astype(np.int32)
    return edges, lead, np.diff(np.r_[start, len(key)])
