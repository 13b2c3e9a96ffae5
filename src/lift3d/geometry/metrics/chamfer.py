"""How far clouds of points lie apart, for many pairs at once.

Chamfer distance as generated shapes are compared by it (Yang et al. 2019, arXiv:1906.12320, eq. 12): the mean squared
distance of each point to the nearest of the other cloud, summed over both directions.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.kernels import run_in_bands
from lift3d.types import F32

HUGE = 1e30
"""Farther than any two clouds, yet a number: the compiler is told that nothing is infinite."""
SIDE_BY_SIDE = 128
COARSE = 48
"""Points by which those that may be nearest are looked at first."""


@njit(cache=True, fastmath=True, nogil=True)
def _toward(a: F32, b: F32, most: float) -> float:
    """Mean squared distance of a's points (3, P) to the nearest of b's (3, Q); something above `most` as soon as that is sure.
    Points of a side by side look at one of b: that goes into wide registers, a search for the least of b's does not."""
    n = a.shape[1]
    total, enough = 0.0, most * n
    best = np.empty(SIDE_BY_SIDE, np.float32)
    for i in range(0, n, SIDE_BY_SIDE):
        m = min(SIDE_BY_SIDE, n - i)
        u, v, w = a[0, i : i + m], a[1, i : i + m], a[2, i : i + m]
        best[:] = np.float32(HUGE)
        for j in range(b.shape[1]):
            x, y, z = b[0, j], b[1, j], b[2, j]
            for k in range(m):
                d = (u[k] - x) * (u[k] - x) + (v[k] - y) * (v[k] - y) + (w[k] - z) * (w[k] - z)
                best[k] = d if d < best[k] else best[k]
        for k in range(m):
            total += best[k]
        if total > enough:
            break
    return total / n


@njit(cache=True, nogil=True)
def _rows(first: int, last: int, scratch: None, a: F32, b: F32, same: bool, out: NDArray[np.float64]) -> None:
    for i in range(first, last):
        for j in range(i + 1 if same else 0, len(b)):
            out[i, j] = _toward(a[i], b[j], HUGE) + _toward(b[j], a[i], HUGE)


def chamfer_matrix(a: F32, b: F32 | None = None) -> NDArray[np.float64]:
    """(N, M) distances of clouds a (N, P, 3) from clouds b (M, Q, 3); among themselves if b is not given."""
    left = np.ascontiguousarray(a.transpose(0, 2, 1), np.float32)
    right = left if b is None else np.ascontiguousarray(b.transpose(0, 2, 1), np.float32)
    out = np.zeros((len(left), len(right)))
    run_in_bands(_rows, len(left), lambda: None, left, right, b is None, out)
    return out + out.T if b is None else out


@njit(cache=True, nogil=True)
def _nearest(
    first: int, last: int, scratch: None, a: F32, b: F32, order: NDArray[np.int64], same: bool, out: NDArray[np.float64]
) -> None:  # fmt: skip
    for i in range(first, last):
        best = HUGE
        for k in range(order.shape[1]):
            j = order[i, k]
            if same and i == j:
                continue
            one = _toward(a[i], b[j], best)
            if one < best:
                one += _toward(b[j], a[i], best - one)
                best = min(best, one)
        out[i] = best if best < HUGE else np.inf


def nearest_chamfer(a: F32, b: F32 | None = None) -> NDArray[np.float64]:
    """(N,) distance of each cloud of a (N, P, 3) to the nearest of b (M, Q, 3), or to the nearest other of a: the least of each
    row of `chamfer_matrix`, several times faster. Those that few of their points say to be near come first, and a pair is left as
    soon as its sum exceeds the least so far."""
    left = np.ascontiguousarray(a.transpose(0, 2, 1), np.float32)
    right = left if b is None else np.ascontiguousarray(b.transpose(0, 2, 1), np.float32)
    few, many = (x[:, np.linspace(0, x.shape[1] - 1, COARSE).astype(int)] for x in (a, a if b is None else b))
    order = np.argsort(chamfer_matrix(few, None if b is None else many), axis=1, kind="stable")
    out = np.full(len(left), np.inf)
    run_in_bands(_nearest, len(left), lambda: None, left, right, order, b is None, out)
    return out
