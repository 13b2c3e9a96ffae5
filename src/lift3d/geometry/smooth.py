"""Smoothing that keeps the size: Taubin 1995 (doi:10.1145/218380.218473), lambda | mu.

Each round is a step of lambda towards the mean of the neighbours and one of mu, negative and larger, back: low frequencies
pass, the steps of a grid do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lift3d.types import F64

LAMBDA, MU = 0.5, -0.53


def smoothed(v: F64, f: NDArray[np.integer], rounds: int) -> F64:
    """(V, 3) vertices after `rounds`, of a mesh with faces f (F, 3)."""
    near, count = _neighbours(v, f)
    out = np.array(v, np.float64)
    for _ in range(rounds):
        for step in (LAMBDA, MU):
            out += step * (near @ out / count - out)
    return out


def relaxed(v: F64, f: NDArray[np.integer], rounds: int, loose: NDArray[np.bool_]) -> F64:
    """(V, 3) vertices after `rounds` towards the mean of their neighbours; only the loose (V,) move, as a film held at its
    rim."""
    near, count = _neighbours(v, f)
    rows = near[loose]
    out = np.array(v, np.float64)
    for _ in range(rounds):
        out[loose] += LAMBDA * (rows @ out / count[loose] - out[loose])
    return out


def _neighbours(v: F64, f: NDArray[np.integer]) -> tuple[sparse.csr_array, F64]:
    """(V, V) ones where an edge is, and (V, 1) how many."""
    edges = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    ones = np.ones(len(rows), np.float32)
    near = sparse.csr_array((ones, (rows, columns)), shape=(len(v), len(v)))
    near.data[:] = 1  # an edge of two faces was counted twice
    return near, np.maximum(np.asarray(near.sum(1), np.float64).reshape(-1, 1), 1)
