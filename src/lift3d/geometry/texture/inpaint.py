"""Fill what no photo shows: colours on the surface by harmonic interpolation, and the texture between charts.

Unknown vertex colours are harmonic over the mesh graph, L c = 0 with the known colours as boundary values (Laplace's equation
with uniform weights), by a sparse factorisation or, for many unknowns, by conjugate gradients. Between charts, colours grow
outwards texel by texel, and the rest takes ever coarser means (push-pull: Gortler et al. 1996).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse.linalg import cg, splu

from lift3d.types import F32

GREY = 0.5
"""Colour of a mesh without any known colour."""
DIRECT = 60_000
"""Largest number of unknowns that are solved by factorisation; its memory grows as n log n on a surface."""


def fill_harmonic(colours: F32, known: NDArray[np.bool_], f: NDArray[np.int32]) -> F32:
    """(N, 3) float32 vertex colours: known ones unchanged, the others harmonic.

    colours: (N, 3) float32; known: (N,); f: (F, 3). Components without a known vertex take the mean of the known colours.
    """
    if known.all():
        return colours
    count = len(colours)
    mean = colours[known].mean(0) if known.any() else np.full(3, GREY, np.float32)
    ends = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    graph = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    unknown = np.flatnonzero(~known)
    degree = np.asarray(graph[unknown].sum(1)).ravel()
    # The tiny pull towards the mean decides only in components without a known vertex.
    matrix = (sp.diags(degree + 1e-5) - graph[unknown][:, unknown]).tocsr()
    right = graph[unknown][:, np.flatnonzero(known)] @ colours[known].astype(np.float64) + 1e-5 * mean
    out = colours.copy()
    if len(unknown) <= DIRECT:
        out[unknown] = splu(
            matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
        ).solve(right)
        return out
    precondition = sp.diags(1 / (degree + 1e-5))
    for c in range(3):
        start = np.full(len(unknown), float(mean[c]))
        out[unknown, c] = cg(matrix, right[:, c], x0=start, rtol=1e-4, maxiter=1500, M=precondition)[0]
    return out


@njit(cache=True, parallel=True)
def _grow(texture: Any, state: Any, mark: int) -> int:
    """Add one ring, in place: each empty texel next to painted ones takes their mean and the state `mark`.

    Returns the number of texels added.
    """
    height, width = state.shape
    rows = np.zeros(height, np.int64)
    for y in prange(height):
        for x in range(width):
            if state[y, x] != 0:
                continue
            red, green, blue, n = 0, 0, 0, 0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    yy, xx = y + dy, x + dx
                    if 0 <= yy < height and 0 <= xx < width and state[yy, xx] != 0 and state[yy, xx] != mark:
                        red += texture[yy, xx, 0]
                        green += texture[yy, xx, 1]
                        blue += texture[yy, xx, 2]
                        n += 1
            if n > 0:
                texture[y, x, 0] = (red + n // 2) // n
                texture[y, x, 1] = (green + n // 2) // n
                texture[y, x, 2] = (blue + n // 2) // n
                rows[y] += 1
                state[y, x] = mark
    return rows.sum()


@njit(cache=True)
def _pull(texture: Any, known: Any) -> Any:
    """Means of the known texels of 2 x 2 blocks, and which blocks have one."""
    height, width = (known.shape[0] + 1) // 2, (known.shape[1] + 1) // 2
    out, have = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                total, n = 0, 0
                for yy in range(2 * y, min(2 * y + 2, known.shape[0])):
                    for xx in range(2 * x, min(2 * x + 2, known.shape[1])):
                        if known[yy, xx] != 0:
                            total += texture[yy, xx, c]
                            n += 1
                if n > 0:
                    out[y, x, c] = (total + n // 2) // n
                    have[y, x] = 1
    return out, have


@njit(cache=True)
def _push(texture: Any, known: Any, coarse: Any) -> None:
    """Unknown texels take the coarse texel above them, in place."""
    for y in range(known.shape[0]):
        for x in range(known.shape[1]):
            if known[y, x] == 0:
                for c in range(3):
                    texture[y, x, c] = coarse[y // 2, x // 2, c]


def pad_texture(texture: NDArray[np.uint8], state: NDArray[np.uint8], gutter: int) -> None:
    """Fill all empty texels (state 0) of texture (H, W, 3) in place: `gutter` rings around the painted ones, then push-pull.

    state: (H, W) uint8; ring k becomes 3 + k.
    """
    for ring in range(gutter):
        if _grow(texture, state, 3 + ring) == 0:
            break
    levels = [(texture, state)]
    while max(levels[-1][1].shape) > 1:
        levels.append(_pull(*levels[-1]))
    for (fine, known), (coarse, _) in zip(levels[-2::-1], levels[:0:-1]):
        _push(fine, known, coarse)
