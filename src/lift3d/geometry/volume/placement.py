"""Places the vertices of the net of a thresholded volume where its values pass the threshold, between the voxels.

A vertex starts at the mean of the linear interpolations on the edges of its cell (Gibson 1998), then two Newton steps lead it
onto the level set of the trilinear interpolation, inside its box.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_kernel, run_in_bands
from lift3d.geometry.volume.net import Net
from lift3d.types import F64

NEWTON_STEPS = 2


def place_by_values(
    net: Net, mask: NDArray[np.uint8], values: NDArray[np.generic], low: float, high: float
) -> F64:
    """(V, 3) positions in indices of the vertices of the net of a mask (I, J, K), 1 inside.

    values (I, J, K): inside is low <= value <= high, except where the mask was edited; there, and at the border of the grid, the
    surface lies halfway between the voxels. Vertices of ambiguous cells stay at their start.
    """
    x = net.start.astype(np.float64)
    run_in_bands(_place, len(x), _scratch, mask, values, low, high, net.low, net.high, x)
    return x


def _scratch() -> tuple[Any, Any, Any]:
    """Corner values and masks of a cell, and a gradient."""
    return np.empty(8), np.empty(8, np.uint8), np.empty(3)


@njit_kernel
def _trilinear(f: Any, x: float, y: float, z: float, gradient: Any) -> float:
    """Value at (x, y, z) in [0, 1]^3 of eight corner values; writes the gradient (3,)."""
    value = 0.0
    gradient[:] = 0
    for c in range(8):
        wx, wy, wz = x if c & 1 else 1 - x, y if c >> 1 & 1 else 1 - y, z if c >> 2 & 1 else 1 - z
        value += f[c] * wx * wy * wz
        gradient[0] += f[c] * wy * wz * (1 if c & 1 else -1)
        gradient[1] += f[c] * wx * wz * (1 if c >> 1 & 1 else -1)
        gradient[2] += f[c] * wx * wy * (1 if c >> 2 & 1 else -1)
    return value


@njit_kernel
def _place(
    first: int, last: int, scratch: Any, mask: Any, values: Any, low: float, high: float, least: Any, most: Any, x: Any
) -> None:  # fmt: skip
    """Write the positions of vertices [first, last)."""
    f, inside, gradient = scratch
    for v in range(first, last):
        if most[v, 0] == least[v, 0] or most[v, 1] == least[v, 1] or most[v, 2] == least[v, 2]:
            continue
        i, j, k = int(np.floor(least[v, 0])), int(np.floor(least[v, 1])), int(np.floor(least[v, 2]))
        below, above, plain = False, False, True
        for c in range(8):
            p, q, r = i + (c & 1), j + (c >> 1 & 1), k + (c >> 2 & 1)
            if p < 0 or q < 0 or r < 0 or p >= mask.shape[0] or q >= mask.shape[1] or r >= mask.shape[2]:
                f[c], inside[c], plain = np.nan, 0, False
                continue
            f[c], inside[c] = float(values[p, q, r]), mask[p, q, r] != 0
            below = below or f[c] < low
            above = above or f[c] > high
            plain = plain and (inside[c] != 0) == (f[c] >= low and f[c] <= high)
        count, sx, sy, sz = 0, 0.0, 0.0, 0.0
        for c in range(8):
            for axis in range(3):
                d = c | 1 << axis
                if d == c or inside[c] == inside[d]:
                    continue
                a, b = (f[c], f[d]) if inside[c] else (f[d], f[c])
                level = low if b < low else high
                t = (a - level) / (a - b) if low <= a <= high and (b < low or b > high) else 0.5
                t = min(max(t, 0.02), 0.98)
                t = t if inside[c] else 1 - t
                count += 1
                sx += t if axis == 0 else float(c & 1)
                sy += t if axis == 1 else float(c >> 1 & 1)
                sz += t if axis == 2 else float(c >> 2 & 1)
        px, py, pz = sx / count, sy / count, sz / count
        if plain and not (below and above):
            level = low if below else high
            for _ in range(NEWTON_STEPS):
                distance = _trilinear(f, px, py, pz, gradient) - level
                square = gradient[0] ** 2 + gradient[1] ** 2 + gradient[2] ** 2
                if square <= 0:
                    break
                px = min(max(px - distance * gradient[0] / square, 0.0), 1.0)
                py = min(max(py - distance * gradient[1] / square, 0.0), 1.0)
                pz = min(max(pz - distance * gradient[2] / square, 0.0), 1.0)
        x[v, 0] = min(max(i + px, least[v, 0]), most[v, 0])
        x[v, 1] = min(max(j + py, least[v, 1]), most[v, 1])
        x[v, 2] = min(max(k + pz, least[v, 2]), most[v, 2])
