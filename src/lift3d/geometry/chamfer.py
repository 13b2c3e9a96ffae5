"""How far clouds of points lie apart, for many pairs at once.

Chamfer distance as generated shapes are compared by it (Yang et al. 2019, arXiv:1906.12320, eq. 12): the mean squared
distance of each point to the nearest of the other cloud, summed over both directions.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.threads import in_bands
from lift3d.types import F32


@njit(cache=True, fastmath=True, nogil=True)
def _toward(a: F32, b: F32) -> float:
    """Mean squared distance of a's points (3, P) to the nearest of b's (3, Q)."""
    total = 0.0
    x, y, z = b[0], b[1], b[2]
    for i in range(a.shape[1]):
        best = np.inf
        u, v, w = a[0, i], a[1, i], a[2, i]
        for j in range(b.shape[1]):
            d = (x[j] - u) * (x[j] - u) + (y[j] - v) * (y[j] - v) + (z[j] - w) * (z[j] - w)
            if d < best:
                best = d
        total += best
    return total / a.shape[1]


@njit(cache=True, nogil=True)
def _rows(first: int, last: int, scratch: None, a: F32, b: F32, same: bool, out: NDArray[np.float64]) -> None:
    for i in range(first, last):
        for j in range(i + 1 if same else 0, len(b)):
            out[i, j] = _toward(a[i], b[j]) + _toward(b[j], a[i])


def chamfer_matrix(a: F32, b: F32 | None = None) -> NDArray[np.float64]:
    """(N, M) distances of clouds a (N, P, 3) from clouds b (M, Q, 3); among themselves if b is not given."""
    left = np.ascontiguousarray(a.transpose(0, 2, 1), np.float32)
    right = left if b is None else np.ascontiguousarray(b.transpose(0, 2, 1), np.float32)
    out = np.zeros((len(left), len(right)))
    in_bands(_rows, len(left), lambda: None, left, right, b is None, out)
    return out + out.T if b is None else out
