"""Exposure gains of photos, estimated from the surface that they share.

In linear light a photo records gain x radiance. With y_fv the log colour of face f in photo v,

    minimise  sum_fv w_fv (y_fv - a_f - g_v)^2,    sum_v g_v = 0,

per channel over the faces' log radiances a and the photos' log gains g. The a are eliminated (Schur complement), and w is
reweighted by Cauchy's function of the residual, so highlights and occluders count little (iteratively reweighted least
squares; cf. Debevec & Malik 1997 and Goldman & Chen 2005 for the same model).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.types import F32, F64

DARKEST, BRIGHTEST = 10, 245
"""sRGB bytes outside this range are too noisy or clipped, and are ignored."""


def estimate_gains(colours: NDArray[np.uint8], seen: NDArray[np.bool_], rounds: int = 10) -> F64:
    """Gains (V, 3) > 0 of linear light that bring all photos to one exposure; their geometric mean over the photos is 1.

    colours: (F, V, 3) sRGB bytes of the faces; seen: (F, V). Groups of photos that share no face are balanced separately.
    """
    count = seen.shape[1]
    table = np.log(srgb_to_linear(np.arange(256) / 255.0).clip(1e-4))
    gains = np.zeros((count, 3))
    for channel in range(3):
        bytes_ = colours[:, :, channel]
        use = seen & (bytes_ >= DARKEST) & (bytes_ <= BRIGHTEST)
        rows = use.sum(1) >= 2
        if rows.any():
            gains[:, channel] = _solve(table[bytes_[rows]], use[rows].astype(np.float64), rounds)
    return np.exp(-gains)


def _solve(y: F64, use: F64, rounds: int) -> F64:
    """Log exposures (V,) of zero mean from log colours y (F, V), used where `use` (F, V) is 1."""
    count = y.shape[1]
    w, g, scale = use, np.zeros(count), np.inf
    for _ in range(rounds):
        weight_sum = w.sum(1)
        mean = (w * y).sum(1) / weight_sum
        normal = np.diag(w.sum(0)) - w.T @ (w / weight_sum[:, None])
        right = (w * (y - mean[:, None])).sum(0)
        # A tiny pull to zero keeps photos without common faces where they are.
        step = np.linalg.solve(normal + np.eye(count) * (1e-6 * float(normal.trace()) / count + 1e-9), right)
        step -= step.mean()
        done = float(np.abs(step - g).max()) < 1e-4
        g = step
        radiance = (w * (y - g)).sum(1) / weight_sum
        residual = np.abs(y - g - radiance[:, None])
        scale = max(1.4826 * float(np.median(residual[use > 0])), 0.01)
        w = use / (1 + (residual / (1.5 * scale)) ** 2)
        if done:
            break
    return g


def gain_tables(gains: F64) -> F32:
    """(V, 3, 256) float32 sRGB in about [0, 1] (it may exceed 1) of each sRGB byte after the gains (V, 3)."""
    light = srgb_to_linear(np.arange(256) / 255.0)
    return linear_to_srgb(light[None, None] * gains[:, :, None]).astype(np.float32)
