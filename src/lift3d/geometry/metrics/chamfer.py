"""Chamfer distances: between clouds of points, for many pairs at once, and from the distances of samples.

chamfer_matrix, nearest_chamfer   of generated shapes (Yang et al. 2019, arXiv:1906.12320, eq. 12): the mean squared
                                  distance of each point to the nearest of the other cloud, summed over both
                                  directions.
mean_chamfer                      of surfaces: the mean distance, averaged over both directions.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.kernels import run_in_bands
from lift3d.types import F32

HUGE = 1e30
"""Larger than any distance, and finite, since `fastmath` assumes that no value is infinite."""
BLOCK = 128
"""Points of one cloud that are compared with a point of the other at once, in vector registers."""
COARSE = 48
"""Points per cloud for a first estimate of the order of distances."""


@njit(cache=True, fastmath=True, nogil=True)
def _mean_squared_distance(a: F32, b: F32, most: float) -> float:
    """Mean squared distance of the points a (3, P) from the nearest of b (3, Q); some value above `most` once it
    exceeds that.

    A block of points of a is compared with one point of b at a time, which vectorises; a search for the minimum over
    b would not.
    """
    n = a.shape[1]
    total, enough = 0.0, most * n
    best = np.empty(BLOCK, np.float32)
    for i in range(0, n, BLOCK):
        m = min(BLOCK, n - i)
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
    """Rows [first, last) of `chamfer_matrix`; same: only the upper triangle."""
    for i in range(first, last):
        for j in range(i + 1 if same else 0, len(b)):
            out[i, j] = _mean_squared_distance(a[i], b[j], HUGE) + _mean_squared_distance(b[j], a[i], HUGE)


def chamfer_matrix(a: F32, b: F32 | None = None) -> NDArray[np.float64]:
    """(N, M) distances between clouds a (N, P, 3) and b (M, Q, 3); among a if b is None. Squared unit of the
    points."""
    left = np.ascontiguousarray(a.transpose(0, 2, 1), np.float32)
    right = left if b is None else np.ascontiguousarray(b.transpose(0, 2, 1), np.float32)
    out = np.zeros((len(left), len(right)))
    run_in_bands(_rows, len(left), lambda: None, left, right, b is None, out)
    return out + out.T if b is None else out


@njit(cache=True, nogil=True)
def _nearest(
    first: int, last: int, scratch: None, a: F32, b: F32, order: NDArray[np.int64], same: bool, out: NDArray[np.float64]
) -> None:  # fmt: skip
    """Rows [first, last) of `nearest_chamfer`, in the order of estimated distances (N, M)."""
    for i in range(first, last):
        best = HUGE
        for k in range(order.shape[1]):
            j = order[i, k]
            if same and i == j:
                continue
            one = _mean_squared_distance(a[i], b[j], best)
            if one < best:
                one += _mean_squared_distance(b[j], a[i], best - one)
                best = min(best, one)
        out[i] = best if best < HUGE else np.inf


def nearest_chamfer(a: F32, b: F32 | None = None) -> NDArray[np.float64]:
    """(N,) distance of each cloud of a (N, P, 3) from the nearest of b (M, Q, 3), or from the nearest other one of a.

    Equals the minimum of each row of `chamfer_matrix`, several times faster: candidates are ordered by an estimate
    from COARSE points, and a pair is abandoned once its sum exceeds the minimum so far. inf without candidates.
    """
    left = np.ascontiguousarray(a.transpose(0, 2, 1), np.float32)
    right = left if b is None else np.ascontiguousarray(b.transpose(0, 2, 1), np.float32)
    few, many = (x[:, np.linspace(0, x.shape[1] - 1, COARSE).astype(int)] for x in (a, a if b is None else b))
    order = np.argsort(chamfer_matrix(few, None if b is None else many), axis=1, kind="stable")
    out = np.full(len(left), np.inf)
    run_in_bands(_nearest, len(left), lambda: None, left, right, order, b is None, out)
    return out


def mean_chamfer(forward: NDArray[np.floating], backward: NDArray[np.floating]) -> float:
    """Mean of the mean distances of samples of a surface from another (N,) and of the other's from the first (M,)."""
    return float(forward.mean() + backward.mean()) / 2
