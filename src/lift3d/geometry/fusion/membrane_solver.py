"""The membrane: a field on a grid that stays with its data and spans the gaps between them, by multigrid.

phi minimises  sum a (phi - f)^2 + smooth * sum |grad phi|^2  with a = w / (w + HALF_WEIGHT) for data f of weight w: a
screened Poisson equation on the nodes of a box with reflecting walls. A coarse-to-fine start is followed by V-cycles of
correction (Briggs, Henson & McCormick 2000, chapter 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.types import F32

U8 = NDArray[np.uint8]

HALF_WEIGHT = np.float32(2.0)
"""Weight of the data at which their coefficient a is one half."""


@njit(cache=True, parallel=True, error_model="numpy")
def _relax(
    phi: F32, f: F32, w: F32, active: U8, smooth: float, trust: float, parity: int, over: float
) -> None:
    """One red-black half-sweep of successive over-relaxation on the active 4 x 4 x 4 blocks; walls are reflecting."""
    nx, ny, nz = phi.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range((i + j + parity) & 1, nz, 2):
                if active[i >> 2, j >> 2, k >> 2] == 0:
                    continue
                total = phi[max(i - 1, 0), j, k] + phi[min(i + 1, nx - 1), j, k]
                total += phi[i, max(j - 1, 0), k] + phi[i, min(j + 1, ny - 1), k]
                total += phi[i, j, max(k - 1, 0)] + phi[i, j, min(k + 1, nz - 1)]
                a = w[i, j, k] / (w[i, j, k] + trust)
                value = (a * f[i, j, k] + smooth * total) / (a + np.float32(6.0) * smooth)
                phi[i, j, k] += over * (value - phi[i, j, k])


@njit(cache=True, inline="always")
def _neighbours(phi: F32, i: int, j: int, k: int) -> float:
    """Sum of the six neighbours of a node; beyond a wall the node itself stands in."""
    nx, ny, nz = phi.shape
    return (
        phi[max(i - 1, 0), j, k]
        + phi[min(i + 1, nx - 1), j, k]
        + phi[i, max(j - 1, 0), k]
        + phi[i, min(j + 1, ny - 1), k]
        + phi[i, j, max(k - 1, 0)]
        + phi[i, j, min(k + 1, nz - 1)]
    )


@njit(cache=True, parallel=True, error_model="numpy")
def _sweep(phi: F32, a: F32, goal: F32, smooth: float, parity: int) -> None:
    """One red-black half-sweep of Gauss-Seidel on (a + smooth * Laplacian) phi = goal; walls are reflecting."""
    nx, ny, nz = phi.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range((i + j + parity) & 1, nz, 2):
                s = _neighbours(phi, i, j, k)
                phi[i, j, k] = (goal[i, j, k] + smooth * s) / (a[i, j, k] + np.float32(6.0) * smooth)


@njit(cache=True, parallel=True, error_model="numpy")
def _residual(phi: F32, a: F32, goal: F32, smooth: float, out: F32) -> None:
    """out = goal - (a + smooth * Laplacian) phi."""
    nx, ny, nz = phi.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                s = _neighbours(phi, i, j, k)
                p = phi[i, j, k]
                out[i, j, k] = goal[i, j, k] - a[i, j, k] * p + smooth * (s - np.float32(6.0) * p)


@njit(cache=True, parallel=True, error_model="numpy")
def _restrict(fine: F32, coarse: F32) -> None:
    """Full weighting: coarse node i is the weighted mean of the fine nodes 2 i - 1 .. 2 i + 1 on every axis."""
    nx, ny, nz = fine.shape
    for i in prange(coarse.shape[0]):
        for j in range(coarse.shape[1]):
            for k in range(coarse.shape[2]):
                total = np.float32(0.0)
                weight = np.float32(0.0)
                for a in range(2 * i - 1, 2 * i + 2):
                    for b in range(2 * j - 1, 2 * j + 2):
                        for c in range(2 * k - 1, 2 * k + 2):
                            if 0 <= a < nx and 0 <= b < ny and 0 <= c < nz:
                                g = np.float32(
                                    1.0 / ((1 + abs(a - 2 * i)) * (1 + abs(b - 2 * j)) * (1 + abs(c - 2 * k)))
                                )
                                weight += g
                                total += g * fine[a, b, c]
                coarse[i, j, k] = total / weight if weight > 0 else np.float32(0.0)


@njit(cache=True, parallel=True, error_model="numpy")
def _prolong(coarse: F32, fine: F32) -> None:
    """Trilinear interpolation of nodes: fine node 2 i lies on coarse node i."""
    nx, ny, nz = fine.shape
    cx, cy, cz = coarse.shape
    for i in prange(nx):
        a0 = i >> 1
        a1 = min(a0 + (i & 1), cx - 1)
        for j in range(ny):
            b0 = j >> 1
            b1 = min(b0 + (j & 1), cy - 1)
            for k in range(nz):
                c0 = k >> 1
                c1 = min(c0 + (k & 1), cz - 1)
                fine[i, j, k] = np.float32(0.125) * (
                    coarse[a0, b0, c0] + coarse[a0, b0, c1] + coarse[a0, b1, c0] + coarse[a0, b1, c1]
                    + coarse[a1, b0, c0] + coarse[a1, b0, c1] + coarse[a1, b1, c0] + coarse[a1, b1, c1]
                )  # fmt: skip


def coarse_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Nodes per axis of the grid with twice the step that covers the same box."""
    return tuple((n - 1) // 2 + 1 + ((n - 1) & 1) for n in shape)


def block_grid_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Number of 4 x 4 x 4 blocks per axis that cover a grid of this shape."""
    return tuple((n + 3) // 4 for n in shape)


def solve_membrane(
    f: F32, w: F32, smooth: float, sweeps: int = 6, cycles: int = 6, coarsest: int = 12
) -> F32:
    """The field (X, Y, Z) that minimises the energy above. f, w: (X, Y, Z) data and weights.

    A start from the coarsest grid to the finest is followed by `cycles` V-cycles of multigrid correction (Briggs, Henson &
    McCormick 2000, chapter 3). Without these the two sides of a surface cancel on coarse grids, and unobserved parts would
    stay empty instead of being spanned.
    """
    levels = [(f, w)]
    while min(levels[-1][0].shape) > coarsest:
        lf, lw = levels[-1]
        cw = _coarsened(lw)
        cf = _coarsened(lw * lf)
        cf /= np.maximum(cw, np.float32(1e-12))
        levels.append((cf, cw))
    phi = np.zeros(levels[-1][0].shape, np.float32)
    for depth, (lf, lw) in enumerate(reversed(levels)):
        if depth:
            fine = np.empty(lf.shape, np.float32)
            _prolong(phi, fine)
            phi = fine
        phi = relax(phi, lf, lw, smooth, sweeps if depth else 60)
    del levels
    trust = [w / (w + HALF_WEIGHT)]
    goal = trust[0] * f
    while min(trust[-1].shape) > 6:
        trust.append(_coarsened(trust[-1]))
    for _ in range(cycles):
        _cycle(phi, trust, goal, smooth, 0)
    return phi


def _cycle(phi: F32, trust: Sequence[F32], goal: F32, smooth: float, level: int) -> None:
    """One V-cycle for (trust + smooth * Laplacian) phi = goal, in place. trust: coefficients a, one array per level."""
    a, s = trust[level], np.float32(smooth)
    last = level + 1 == len(trust)
    for _ in range(60 if last else 2):
        for parity in (0, 1):
            _sweep(phi, a, goal, s, parity)
    if last:
        return
    residual = np.empty_like(phi)
    _residual(phi, a, goal, s, residual)
    error = np.zeros(trust[level + 1].shape, np.float32)
    _cycle(error, trust, _coarsened(residual), smooth / 4, level + 1)
    _prolong(error, residual)
    phi += residual
    for _ in range(2):
        for parity in (1, 0):
            _sweep(phi, a, goal, s, parity)


def _coarsened(values: F32) -> F32:
    """Full weighting onto the grid with twice the step."""
    coarse = np.empty(coarse_shape(values.shape), np.float32)
    _restrict(values, coarse)
    return coarse


def relax(
    phi: F32,
    f: F32,
    w: F32,
    smooth: float,
    sweeps: int,
    active: U8 | None = None,
    over: float = 1.5,
) -> F32:
    """phi after over-relaxation sweeps in place.

    active: (ceil(X / 4), ...) blocks to relax, None for all; over: relaxation factor.
    """
    if active is None:
        active = np.ones(block_grid_shape(phi.shape), np.uint8)
    for _ in range(sweeps):
        for parity in (0, 1):
            _relax(phi, f, w, active, np.float32(smooth), HALF_WEIGHT, parity, np.float32(over))
    return phi


def blocks_near_surface(phi: F32, limit: float = 0.95) -> U8:
    """(ceil(X / 4), ...) uint8, blocks of the grid twice as fine that hold or touch a node of phi with |phi| < limit."""
    fine = tuple(2 * n - 1 for n in phi.shape)
    out = np.zeros(block_grid_shape(fine), np.uint8)
    near = np.abs(phi) < limit
    i, j, k = np.nonzero(near)
    for di in (-1, 1):
        for dj in (-1, 1):
            for dk in (-1, 1):
                out[
                    np.clip((2 * i + di * 2) >> 2, 0, out.shape[0] - 1),
                    np.clip((2 * j + dj * 2) >> 2, 0, out.shape[1] - 1),
                    np.clip((2 * k + dk * 2) >> 2, 0, out.shape[2] - 1),
                ] = 1
    return out


def prolong(phi: F32) -> F32:
    """phi (X, Y, Z) interpolated on the grid with half the step, 2 n - 1 nodes per axis."""
    fine = np.empty(tuple(2 * n - 1 for n in phi.shape), np.float32)
    _prolong(phi, fine)
    return fine
