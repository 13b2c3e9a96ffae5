"""Exposures of photos levelled against each other through the surface that they share.

In linear light a photo records gain x radiance. With y_fv = log of the colour of face f in photo v,

    minimise  sum_fv w_fv (y_fv - a_f - g_v)^2,    sum_v g_v = 0,

over the faces' log radiances a and the photos' log gains g, per channel; the a are eliminated (Schur
complement), and w is reweighted by Cauchy's function of the residual, so highlights and things that cover
the object count little (iteratively reweighted least squares; cf. Debevec & Malik 1997 and Goldman & Chen
2005 for the same model).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.types import F32, F64

DARKEST, BRIGHTEST = 10, 245
"""Bytes outside are too noisy or clipped to tell an exposure from."""


def estimate_gains(colours: NDArray[np.uint8], seen: NDArray[np.bool_], rounds: int = 10) -> F64:
    """Gains (V, 3) > 0 that bring all photos to one exposure: multiply linear light by them.

    colours (F, V, 3) sRGB bytes of face samples, seen (F, V). Photos that share nothing with others keep
    gain 1 of
    their own connected group; the geometric mean over photos is 1.
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
    """Log exposures (V,) of zero mean from log colours y (F, V) where use is 1."""
    count = y.shape[1]
    w, g, scale = use, np.zeros(count), np.inf
    for _ in range(rounds):
        total = w.sum(1)
        mean = (w * y).sum(1) / total
        normal = np.diag(w.sum(0)) - w.T @ (w / total[:, None])
        right = (w * (y - mean[:, None])).sum(0)
        # Tiny pull to zero: photos that nothing ties together stay where they are.
        step = np.linalg.solve(normal + np.eye(count) * (1e-6 * float(normal.trace()) / count + 1e-9), right)
        step -= step.mean()
        done = float(np.abs(step - g).max()) < 1e-4
        g = step
        a = (w * (y - g)).sum(1) / total
        residual = np.abs(y - g - a[:, None])
        scale = max(1.4826 * float(np.median(residual[use > 0])), 0.01)
        w = use / (1 + (residual / (1.5 * scale)) ** 2)
        if done:
            break
    return g


def gain_tables(gains: F64) -> F32:
    """(V, 3, 256) float32: sRGB byte to levelled, sRGB-encode_srgb value (about [0, 1], may exceed 1)."""
    light = srgb_to_linear(np.arange(256) / 255.0)
    return linear_to_srgb(light[None, None] * gains[:, :, None]).astype(np.float32)
