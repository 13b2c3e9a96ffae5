"""Fewer faces by edge collapse: quadric error metrics (Garland & Heckbert, "Surface simplification using
quadric error metrics", 1997), with the guarantee that a solid stays a solid.

The cost of an edge is the least sum of squared distances to the planes its two ends have gathered,
x^T A x + 2 b.x + c, weighted by area. Guards refuse a collapse that would change the topology (link
condition), turn a face over or make a sliver; open borders are held by planes at right angles. Collapses that
make distant parts of the surface cross are rare; they are found by the exact test afterwards, the vertices
they came from are locked, and the log of collapses is replayed without them, until nothing crosses.
Vertices are rounded to float32 as they are placed, so that files hold exactly what was checked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.components import select_faces, sorted_half_edges
from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.surface import edge_collapse as kernels
from lift3d.geometry.surface import quadrics as quadrics
from lift3d.types import F64

FLIP, SLIM = 0.3, 0.03
"""Least cosine between a face's normals before and after; least |normal| / longest side^2 of a new face,
unless the old ones around the edge had less."""
STAGE = 0.6
"""Edges that a guard refused are offered again each time the number of faces has shrunk to this share."""
BORDER_WEIGHT = 10.0
_ROUNDS = 40
_PATIENCE = 4
STEP, DIRECT = 3, 12


def decimate(
    v: F64, f: NDArray[np.int32], target_faces: int, max_error: float = np.inf, keep_simple: bool = True
) -> tuple[F64, NDArray[np.int32]]:
    """A mesh of about target_faces faces, never more than the input has, possibly more than asked for.

    v (V, 3), f (F, 3): welded here by exact float32 position; unused vertices and faces with a repeated
    corner are dropped. max_error bounds the root mean square distance of a vertex to the planes it stands
    for, in the unit of v. A closed oriented manifold gives one. One without self-intersections gives one
    without, if keep_simple (turn it off for scenes whose surfaces cross anyway). Open borders stay in place.
    Returns v (U, 3) float64 holding float32 values, f (G, 3) int32.
    """
    p, row = weld_exact(v)
    f = row[np.asarray(f, np.int64)].astype(np.int32).reshape(-1, 3)
    f = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
    if not np.isfinite(p[f]).all():
        raise InputError("the mesh has vertices that are not finite", "remove them first")
    p, f, _ = select_faces(p, f, np.ones(len(f), np.bool_))
    if len(f) <= target_faces:
        return p, f
    # A vertex of a much coarser mesh stands for so many that locking them all stops the work: go in steps, each
    # with its own locks and with the quadrics of its own input (Lindstrom & Turk 1998, memoryless). The last step
    # may be longer; if that cannot be made without crossings, it is divided too.
    longest = DIRECT if keep_simple and np.isinf(max_error) else np.inf
    while len(f) > longest * target_faces:
        q, g = _once(p, f, len(f) // STEP, max_error, keep_simple, _ROUNDS)
        if len(g) > 0.8 * len(f):
            break
        p, f = q, g
        if len(f) <= longest * target_faces and longest > STEP:
            q, g = _once(p, f, target_faces, max_error, keep_simple, _PATIENCE)
            if len(g) <= 1.1 * target_faces:
                return q, g
            longest = STEP
    return _once(p, f, target_faces, max_error, keep_simple, _ROUNDS)


def _once(
    p: F64, f: NDArray[np.int32], target_faces: int, max_error: float, keep_simple: bool, rounds: int
) -> tuple[F64, NDArray[np.int32]]:
    """One decimation of a welded mesh; the input itself when crossings remain after `rounds`."""
    locked = np.zeros(len(p), np.bool_)
    run = _Run(p, f, max(int(target_faces), 0), float(max_error) ** 2)
    for attempt in range(rounds):
        q, g, origin = run.collapse(locked)
        if not keep_simple:
            break
        crossing = np.unique(self_intersections(q, g, limit=100_000))
        fresh = np.isin(origin, np.unique(g[crossing])) & ~locked
        if not fresh.any():  # nothing crosses, or only what did so before
            break
        for _ in range(attempt // 2):
            fresh = _one_ring(f, fresh)
        locked |= fresh
    else:
        return p, f
    q, g, _ = select_faces(q, g, np.ones(len(g), np.bool_))
    return q, g


def _one_ring(f: NDArray[np.int32], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The chosen vertices (V,) and their neighbours."""
    grown = chosen.copy()
    grown[f[chosen[f].any(1)]] = True
    return grown


@dataclass
class _Run:
    """The input, and the log of the last run to start the next one from."""

    p: F64
    f: NDArray[np.int32]
    target: int
    max_error2: float

    def __post_init__(self) -> None:
        self.pairs = np.empty((len(self.p), 2), np.int32)
        self.places = np.empty((len(self.p), 3))
        self.logged = 0
        edges, lead, shared = _edges(self.f)
        self.kind = np.zeros(len(self.p), np.uint8)
        self.kind[edges[shared == 1]] = quadrics.BORDER
        self.kind[edges[shared > 2]] = quadrics.LOCKED
        self.quadrics = quadrics.vertex_quadrics(self.p, self.f, edges, lead // 3, shared, BORDER_WEIGHT)

    def collapse(self, locked: NDArray[np.bool_]) -> tuple[F64, NDArray[np.int32], NDArray[np.int32]]:
        """Positions (V, 3), live faces, and for each input vertex the one that it went into."""
        p, f, q, kind = self.p.copy(), self.f.copy(), self.quadrics.copy(), self.kind.copy()
        kind[locked] = quadrics.LOCKED
        alive = np.ones(len(f), np.bool_)
        head, follow = kernels.corner_lists(f, len(p))
        state = p, f, alive, q, kind, head, follow
        if self.logged:
            self.logged = kernels.replay_collapses(
                *state, self.pairs, self.places, self.logged, FLIP, SLIM / 4
            )
        left, misses = int(alive.sum()), 0
        while left > self.target and misses < 3:
            goal = max(self.target, int(STAGE * left))
            edges, _, _ = _edges(f[alive])
            cost = np.empty(len(edges))
            quadrics.edge_costs(p, q, kind, edges, cost)
            self.logged = kernels.collapse_edges(
                *state, edges, cost, left - goal, self.max_error2, FLIP, SLIM / 2**misses,
                self.pairs, self.places, self.logged,
            )  # fmt: skip
            left = int(alive.sum())
            misses += left > goal
        return p, f[alive], kernels.collapse_origins(self.pairs, self.logged, len(p))


def _edges(
    f: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Undirected edges (E, 2), one half-edge (3 face + corner) of each, and how many faces share it."""
    order, key = sorted_half_edges(f)
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    lead = order[start]
    edges = np.stack([f[lead // 3, lead % 3], f[lead // 3, (lead % 3 + 1) % 3]], 1).astype(np.int32)
    return edges, lead, np.diff(np.r_[start, len(key)])
