"""Exposure gains of photos, estimated from the surface that they share.

In linear light a photo records gain x radiance. With y_fv the log colour of face f in photo v,

    minimise  sum_fv w_fv (y_fv - a_f - g_v - b_fv . l)^2 + RIDGE |l|^2 sum_fv w_fv,    sum_v g_v = 0,

per channel over the faces' log radiances a, the photos' log gains g and the shading l of a light that stands still before the
camera, as on a turntable: b_fv are the spherical harmonics of orders 1 and 2 of the face's normal in the camera's frame, which
describe the light reflected by a matt surface (Basri & Jacobs 2003). Without l the light that a turning face gains or loses from
photo to photo would add up around the ring as exposure. The a are eliminated (Schur complement), and w is reweighted by Cauchy's
function of the residual, so highlights and occluders count little (iteratively reweighted least squares; cf. Debevec & Malik 1997
and Goldman & Chen 2005 for the same model).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.types import F32, F64

DARKEST, BRIGHTEST = 10, 245
"""sRGB bytes outside this range are too noisy or clipped, and are ignored."""
RIDGE = 1e-4
"""Weight of the shading's squared coefficients relative to the observations."""


def estimate_gains(
    colours: NDArray[np.uint8], seen: NDArray[np.bool_], normals: F64 | None = None, rounds: int = 10
) -> F64:
    """Gains (V, 3) > 0 of linear light that bring all photos to one exposure; their geometric mean over the photos is 1.

    colours: (F, V, 3) sRGB bytes of the faces; seen: (F, V); normals: (F, V, 3) unit normals of the faces in the frames of the
    photos' cameras; without them shading is not estimated. Groups of photos that share no face are balanced separately.
    """
    count = seen.shape[1]
    table = np.log(srgb_to_linear(np.arange(256) / 255.0).clip(1e-4))
    gains = np.zeros((count, 3))
    basis = np.zeros((*seen.shape, 0)) if normals is None else _harmonics(normals)
    for channel in range(3):
        bytes_ = colours[:, :, channel]
        use = seen & (bytes_ >= DARKEST) & (bytes_ <= BRIGHTEST)
        rows = use.sum(1) >= 2
        if rows.any():
            used = use[rows].astype(np.float64)
            gains[:, channel] = _solve(table[bytes_[rows]], used, basis[rows], rounds)
    return np.exp(-gains)


def _harmonics(n: F64) -> F64:
    """(..., 8) real spherical harmonics of orders 1 and 2 of unit vectors (..., 3), up to their scale."""
    x, y, z = n[..., 0], n[..., 1], n[..., 2]
    return np.stack([x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], -1)


def _solve(y: F64, use: F64, basis: F64, rounds: int) -> F64:
    """Log exposures (V,) of zero mean from log colours y (F, V), used where `use` (F, V) is 1; basis (F, V, B): shading."""
    count, more = y.shape[1], basis.shape[2]
    w, g, scale = use, np.zeros(count), np.inf
    for _ in range(rounds):
        weight_sum = w.sum(1)
        mean = (w * y).sum(1) / weight_sum
        centred = basis - np.einsum("fv,fvb->fb", w, basis)[:, None] / weight_sum[:, None, None]
        normal = np.zeros((count + more, count + more))
        normal[:count, :count] = np.diag(w.sum(0)) - w.T @ (w / weight_sum[:, None])
        normal[:count, count:] = np.einsum("fv,fvb->vb", w, centred)
        normal[count:, :count] = normal[:count, count:].T
        normal[count:, count:] = np.einsum("fv,fvb,fvc->bc", w, centred, centred, optimize=True)
        normal[count:, count:] += RIDGE * w.sum() * np.eye(more)
        rest = w * (y - mean[:, None])
        right = np.concatenate([rest.sum(0), np.einsum("fv,fvb->b", rest, centred)])
        # A tiny pull to zero keeps photos without common faces where they are.
        pull = 1e-6 * float(np.trace(normal[:count, :count])) / count + 1e-9
        step = np.linalg.solve(normal + pull * np.eye(count + more), right)
        shading = basis @ step[count:]
        step = step[:count] - step[:count].mean()
        done = float(np.abs(step - g).max()) < 1e-4
        g = step
        lit = y - g - shading
        radiance = (w * lit).sum(1) / weight_sum
        residual = np.abs(lit - radiance[:, None])
        scale = max(1.4826 * float(np.median(residual[use > 0])), 0.01)
        w = use / (1 + (residual / (1.5 * scale)) ** 2)
        if done:
            break
    return g


def gain_tables(gains: F64) -> F32:
    """(V, 3, 256) float32 sRGB in about [0, 1] (it may exceed 1) of each sRGB byte after the gains (V, 3)."""
    light = srgb_to_linear(np.arange(256) / 255.0)
    return linear_to_srgb(light[None, None] * gains[:, :, None]).astype(np.float32)
