"""The normal equations of the alignment of two frames: six numbers of the motion and four of the light.

The brightness of a point differs between two frames by the exposure and by the vignetting of the lens. With the grey value s of
the source at the tangents (x, y) of its ray, that of the target at (x', y') is modelled as

    (1 + gain) s V(x', y') / V(x, y) + bias,  V(x, y) = 1 + a x^2 + b y^2,

which to second order is the fall-off of a lens (Goldman 2010). Without it, brightness that depends on the place in
the image pulls at the motion, since a rotation moves plain walls along the fall-off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from lift3d.geometry.kernels import njit_inline

MOTION, LIGHT = 6, 4
PARAMETERS = MOTION + LIGHT
TRIANGLE = PARAMETERS * (PARAMETERS + 1) // 2
POINTS, OVERLAP, INLIERS = TRIANGLE + PARAMETERS, TRIANGLE + PARAMETERS + 1, TRIANGLE + PARAMETERS + 2
SUMS = TRIANGLE + PARAMETERS + 3
"""Upper triangle of the information by rows, right-hand side, points, points that overlap, inliers."""
LEAST_SHADE = 0.2
"""Least brightness that vignetting leaves, relative to the centre."""


@njit_inline
def _shade(light: Any, x: float, y: float) -> float:
    return max(1 + light[2] * x * x + light[3] * y * y, LEAST_SHADE)


@njit(cache=True, parallel=True, error_model="numpy")
def accumulate(
    s_z: Any, s_grey: Any, t_z: Any, t_grey: Any, t_gradient: Any, t_normals: Any, ks: Any, kt: Any, r: Any, t: Any,
    light: Any, grey_sigma: float, least: float, constant: float, quadratic: float, freedom: float, inlier: float,
    sums: Any, residual: Any, seen: Any,
) -> None:  # fmt: skip
    """sums (bands, SUMS); residual (H, W): differences of the grey values after the model of the light; seen (H, W): grey values
    of the target. Both are NaN where there is none. light (4,): bias, gain, a, b; least: smallest square of a gradient that
    counts for the motion."""
    h, w = s_z.shape
    th, tw = t_z.shape
    bands = sums.shape[0]
    for band in prange(bands):
        jac = np.empty(PARAMETERS)
        acc = np.zeros(SUMS)
        for i in range(band * h // bands, (band + 1) * h // bands):
            for j in range(w):
                residual[i, j] = np.nan
                seen[i, j] = np.nan
                z = s_z[i, j]
                if z <= 0:
                    continue
                acc[POINTS] += 1
                tx, ty = (j + 0.5 - ks[2]) / ks[0], (i + 0.5 - ks[3]) / ks[1]
                x, y = tx * z, ty * z
                qx = r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + t[0]
                qy = r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + t[1]
                qz = r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + t[2]
                if qz <= 0.05:
                    continue
                u = kt[0] * qx / qz + kt[2] - 0.5
                v = kt[1] * qy / qz + kt[3] - 0.5
                if not (u >= 1 and v >= 1 and u < tw - 2 and v < th - 2):
                    continue
                iu, iv = int(u + 0.5), int(v + 0.5)
                zt = t_z[iv, iu]
                if zt <= 0:
                    continue
                sigma = np.sqrt((constant + quadratic * z * z) ** 2 + (constant + quadratic * zt * zt) ** 2)
                behind = qz - zt
                if behind > 0.1 + 8 * sigma:  # hidden by a nearer surface of the target
                    continue
                acc[OVERLAP] += 1
                if abs(behind) > 0.1 + 8 * sigma:
                    continue
                nx, ny, nz = t_normals[iv, iu, 0], t_normals[iv, iu, 1], t_normals[iv, iu, 2]
                if nz != 0:
                    ex = qx - (iu + 0.5 - kt[2]) / kt[0] * zt
                    ey = qy - (iv + 0.5 - kt[3]) / kt[1] * zt
                    d = (nx * ex + ny * ey + nz * behind) / sigma
                    if abs(d) < inlier:
                        acc[INLIERS] += 1
                    weight = (freedom + 1) / (freedom + d * d) / sigma
                    jac[0], jac[1], jac[2] = nx, ny, nz
                    jac[3], jac[4], jac[5] = qy * nz - qz * ny, qz * nx - qx * nz, qx * ny - qy * nx
                    n = 0
                    for a in range(MOTION):
                        acc[TRIANGLE + a] -= weight * d * jac[a]
                        for b in range(a, MOTION):
                            acc[n] += weight / sigma * jac[a] * jac[b]
                            n += 1
                        n += LIGHT
                elif abs(behind) < inlier * sigma:
                    acc[INLIERS] += 1
                if abs(behind) > 0.03 + 4 * sigma:
                    continue
                j0, i0 = int(u), int(v)
                a0, b0 = u - j0, v - i0
                c00, c01 = (1 - a0) * (1 - b0), a0 * (1 - b0)
                c10, c11 = (1 - a0) * b0, a0 * b0
                value = (
                    c00 * t_grey[i0, j0]
                    + c01 * t_grey[i0, j0 + 1]
                    + c10 * t_grey[i0 + 1, j0]
                    + c11 * t_grey[i0 + 1, j0 + 1]
                )
                gx = (
                    c00 * t_gradient[i0, j0, 0] + c01 * t_gradient[i0, j0 + 1, 0]
                    + c10 * t_gradient[i0 + 1, j0, 0] + c11 * t_gradient[i0 + 1, j0 + 1, 0]
                )  # fmt: skip
                gy = (
                    c00 * t_gradient[i0, j0, 1] + c01 * t_gradient[i0, j0 + 1, 1]
                    + c10 * t_gradient[i0 + 1, j0, 1] + c11 * t_gradient[i0 + 1, j0 + 1, 1]
                )  # fmt: skip
                fx, fy = qx / qz, qy / qz
                shade = _shade(light, tx, ty)
                lit = s_grey[i, j] * _shade(light, fx, fy) / shade
                e = value - ((1 + light[1]) * lit + light[0])
                seen[i, j] = value
                residual[i, j] = e
                e /= grey_sigma
                weight = (freedom + 1) / (freedom + e * e) / grey_sigma
                slope = (1 + light[1]) * s_grey[i, j] / (shade * shade)
                jac[6], jac[7] = -1.0, -lit
                jac[8], jac[9] = -slope * (fx * fx - tx * tx), -slope * (fy * fy - ty * ty)
                first = MOTION  # noise has gradients as well: weak ones fix the light, but not the motion
                n = TRIANGLE - LIGHT * (LIGHT + 1) // 2
                if gx * gx + gy * gy >= least:
                    first, n = 0, 0
                    px, py = gx * kt[0] / qz, gy * kt[1] / qz
                    pz = -(px * qx + py * qy) / qz
                    jac[0], jac[1], jac[2] = px, py, pz
                    jac[3], jac[4], jac[5] = qy * pz - qz * py, qz * px - qx * pz, qx * py - qy * px
                for a in range(first, PARAMETERS):
                    acc[TRIANGLE + a] -= weight * e * jac[a]
                    for b in range(a, PARAMETERS):
                        acc[n] += weight / grey_sigma * jac[a] * jac[b]
                        n += 1
        for n in range(SUMS):
            sums[band, n] = acc[n]
