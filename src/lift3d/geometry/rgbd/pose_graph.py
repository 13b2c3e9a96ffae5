"""A graph of poses with measured motions between them, optimised on SE(3).

The sum of e^T I e over the edges is minimised by Gauss-Newton steps, e = log(M^-1 T_i^-1 T_j) with the pose T_i (frame to
world) and the measured motion M from frame j to frame i (Grisetti et al. 2010, section 4). Edges of loops that contradict the
others lose their weight (Geman-McClure, as the line processes of Choi, Zhou & Koltun 2015, equation 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from lift3d.geometry.rgbd import se3
from lift3d.types import F64

ROBUST = 9.0
"""Chi-square of an edge, per degree of freedom, at which its weight has fallen to a quarter."""


@dataclass(frozen=True, eq=False)
class Edge:
    """motion (4, 4): from the frame of j to that of i; information (6, 6): of a twist on the right; loop: whether it may be
    wrong."""

    i: int
    j: int
    motion: F64
    information: F64
    loop: bool = False


def residual(edge: Edge, poses: Sequence[F64]) -> F64:
    """(6,) twist between the measured motion and that of the poses (frame to world)."""
    return se3.log(se3.inverse(edge.motion) @ se3.inverse(poses[edge.i]) @ poses[edge.j])


def weight(edge: Edge, poses: Sequence[F64]) -> float:
    """Weight in [0, 1] of an edge, 1 for edges that are no loops."""
    if not edge.loop:
        return 1.0
    e = residual(edge, poses)
    return float((1.0 / (1.0 + float(e @ edge.information @ e) / (6 * ROBUST))) ** 2)


def optimise(
    poses: Sequence[F64], edges: Sequence[Edge], iterations: int = 30, fixed: int = 0
) -> tuple[F64, ...]:
    """The poses (frame to world) that agree best with the edges; the pose at the index `fixed` stays.

    Poses that no chain of edges connects with it stay as well.
    """
    current = [np.asarray(p, np.float64).copy() for p in poses]
    n = len(current)
    for _ in range(iterations):
        rows: list[F64] = []
        columns: list[F64] = []
        values: list[F64] = []
        right = np.zeros(6 * n)
        for edge in edges:
            e = residual(edge, current)
            info = edge.information * weight(edge, current)
            # d e / d(delta_i) = -Ad(T_j^-1 T_i), d e / d(delta_j) = I to first order, for poses T exp(delta)
            a = -se3.adjoint(se3.inverse(current[edge.j]) @ current[edge.i])
            blocks = {(edge.i, edge.i): a.T @ info @ a, (edge.i, edge.j): a.T @ info,
                      (edge.j, edge.i): info @ a, (edge.j, edge.j): info}  # fmt: skip
            for (p, q), block in blocks.items():
                r, c = np.mgrid[6 * p : 6 * p + 6, 6 * q : 6 * q + 6]
                rows.append(r.ravel())
                columns.append(c.ravel())
                values.append(block.ravel())
            right[6 * edge.i : 6 * edge.i + 6] -= a.T @ info @ e
            right[6 * edge.j : 6 * edge.j + 6] -= info @ e
        if not values:
            break
        triplets = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        matrix = coo_matrix(triplets, (6 * n, 6 * n)).tocsc()
        diagonal = matrix.diagonal()
        prior = np.full(6 * n, 1e-9 * max(float(diagonal.max()), 1e-9))
        prior[6 * fixed : 6 * fixed + 6] = 1e6 * max(float(diagonal.max()), 1.0)
        step = spsolve(matrix + coo_matrix((prior, (range(6 * n), range(6 * n)))).tocsc(), right)
        step[6 * fixed : 6 * fixed + 6] = 0
        for k in range(n):
            current[k] = se3.nearest_rigid(current[k] @ se3.exp(step[6 * k : 6 * k + 6]))
        if np.abs(step).max() < 1e-8:
            break
    return tuple(current)


def components(count: int, edges: Sequence[Edge]) -> list[list[int]]:
    """Indices of the poses in groups that edges connect, the largest first."""
    parent = list(range(count))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for edge in edges:
        a, b = sorted((root(edge.i), root(edge.j)))
        parent[b] = a
    groups: dict[int, list[int]] = {}
    for k in range(count):
        groups.setdefault(root(k), []).append(k)
    return sorted(groups.values(), key=lambda g: (-len(g), g[0]))
