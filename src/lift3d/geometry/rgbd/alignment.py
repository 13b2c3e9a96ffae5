"""The motion between two frames by colour and geometry together, coarse to fine.

A point p of the source is moved to q = T p and projected into the target. Two residuals follow: the difference of the grey
values, and the distance of q from the tangent plane of the target's surface there, as in coloured ICP with projective
association (Steinbruecker et al. 2011, equation 7; Park et al. 2017, equations 13 to 16). Each residual is divided by its
standard deviation: that of depth grows with its square (Khoshelham & Elberink 2012), that of the grey values is estimated from
the residuals. Weights are those of a t-distribution (Kerl et al. 2013, equation 13). T is refined by Gauss-Newton steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit, prange

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.depth_noise import CONSTANT, QUADRATIC
from lift3d.geometry.rgbd.frame_pyramid import Level
from lift3d.types import F32, F64

NOISE_GRADIENT = 2.0
"""Gradients below this multiple of the noise of the grey values are not used."""
BANDS = 16
"""Bands of rows that are summed separately, so that the result does not depend on the number of threads."""
FREEDOM = 5.0
"""Degrees of freedom of the t-distribution of the residuals."""
ITERATIONS = (12, 10, 8)
"""Most Gauss-Newton steps at each level, coarsest first."""
MIN_PIXELS = 100
MIN_CONTRAST = 6.0
"""Least standard deviation of grey values at which their correlation means something."""
GREY_SIGMA = (2.0, 25.0)
"""Least and largest standard deviation of grey values."""
INLIER = 4.0
"""Largest depth residual of an inlier, in standard deviations."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """The motion from the frame of the source to that of the target.

    weakest: standard deviation in metres, or in radians, that an average pixel leaves to the least constrained direction, on the
    coarsest level, whose normals have the least noise. motion (4, 4); information (6, 6): inverse covariance of a twist that is
    applied on the left, if residuals were independent; overlap: fraction of the source's points that fall on known depth of the
    target; inliers: fraction of these whose surfaces agree; grey: standard deviation of the differences of the grey values;
    correlation: of the grey values, 1 where one of the frames has hardly any contrast.
    """

    motion: F64
    information: F64
    overlap: float
    inliers: float
    grey: float
    correlation: float
    weakest: float


@njit(cache=True, parallel=True, error_model="numpy")
def _accumulate(
    s_z: Any, s_grey: Any, t_z: Any, t_grey: Any, t_gradient: Any, t_normals: Any, ks: Any, kt: Any, r: Any, t: Any,
    bias: float, grey_sigma: float, least: float, constant: float, quadratic: float, freedom: float, inlier: float,
    sums: Any, residual: Any,
) -> None:  # fmt: skip
    """sums (BANDS, 32): upper triangle of the information (21), right-hand side (6), points, points that overlap, inliers, and
    the weighted squares. residual (H, W): difference of grey values, NaN where there is none."""
    h, w = s_z.shape
    th, tw = t_z.shape
    bands = sums.shape[0]
    for band in prange(bands):
        j6 = np.empty(6)
        acc = np.zeros(32)
        for i in range(band * h // bands, (band + 1) * h // bands):
            for j in range(w):
                residual[i, j] = np.nan
                z = s_z[i, j]
                if z <= 0:
                    continue
                acc[27] += 1
                x, y = (j + 0.5 - ks[2]) / ks[0] * z, (i + 0.5 - ks[3]) / ks[1] * z
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
                acc[28] += 1
                if abs(behind) > 0.1 + 8 * sigma:
                    continue
                nx, ny, nz = t_normals[iv, iu, 0], t_normals[iv, iu, 1], t_normals[iv, iu, 2]
                if nz != 0:
                    ex = qx - (iu + 0.5 - kt[2]) / kt[0] * zt
                    ey = qy - (iv + 0.5 - kt[3]) / kt[1] * zt
                    d = (nx * ex + ny * ey + nz * behind) / sigma
                    if abs(d) < inlier:
                        acc[29] += 1
                    weight = (freedom + 1) / (freedom + d * d) / sigma
                    j6[0], j6[1], j6[2] = nx, ny, nz
                    j6[3], j6[4], j6[5] = qy * nz - qz * ny, qz * nx - qx * nz, qx * ny - qy * nx
                    n = 0
                    for a in range(6):
                        acc[21 + a] -= weight * d * j6[a]
                        for b in range(a, 6):
                            acc[n] += weight / sigma * j6[a] * j6[b]
                            n += 1
                elif abs(behind) < inlier * sigma:
                    acc[29] += 1
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
                e = value - s_grey[i, j]
                residual[i, j] = e
                if gx * gx + gy * gy < least:  # noise has gradients as well, and they fix nothing
                    continue
                e = (e - bias) / grey_sigma
                weight = (freedom + 1) / (freedom + e * e) / grey_sigma
                px, py = gx * kt[0] / qz, gy * kt[1] / qz
                pz = -(px * qx + py * qy) / qz
                j6[0], j6[1], j6[2] = px, py, pz
                j6[3], j6[4], j6[5] = qy * pz - qz * py, qz * px - qx * pz, qx * py - qy * px
                n = 0
                for a in range(6):
                    acc[21 + a] -= weight * e * j6[a]
                    for b in range(a, 6):
                        acc[n] += weight / grey_sigma * j6[a] * j6[b]
                        n += 1
                acc[30] += 1
        for n in range(32):
            sums[band, n] = acc[n]


def _step(source: Level, target: Level, motion: F64, bias: float, sigma: float) -> tuple[F64, F32]:
    """(32,) sums of `_accumulate` and the differences of the grey values."""
    sums = np.empty((BANDS, 32))
    residual = np.empty(source.z.shape, np.float32)
    _accumulate(
        source.z, source.grey, target.z, target.grey, target.gradient, target.normals, source.k, target.k,
        np.ascontiguousarray(motion[:3, :3]), motion[:3, 3].copy(), bias, sigma,
        (NOISE_GRADIENT * target.noise) ** 2, CONSTANT, QUADRATIC, FREEDOM, INLIER,
        sums, residual,
    )  # fmt: skip
    return sums.sum(0), residual


def align(
    source: Sequence[Level], target: Sequence[Level], initial: F64, coarsest: int = 0
) -> Alignment | None:
    """The motion that takes points of the source to the target, from an initial one (4, 4); None where too few points overlap.

    source, target: levels of `frame_pyramid.prepare`, coarsest first; coarsest: index of the level to begin with.
    """
    motion = initial.copy()
    bias, sigma, last = 0.0, 12.0, source[-1].grey
    count = min(len(source), len(target))
    found: Alignment | None = None
    for level in range(min(coarsest, count - 1), count):
        s, t = source[level - count], target[level - count]
        most = ITERATIONS[min(level, len(ITERATIONS) - 1)]
        for iteration in range(most + 1):
            sums, residual = _step(s, t, motion, bias, sigma)
            if sums[29] < min(MIN_PIXELS, 0.02 * s.z.size):
                return None
            known = residual[np.isfinite(residual)][::3]
            if len(known) > 30:
                bias = float(np.median(known))
                sigma = float(np.clip(1.4826 * np.median(np.abs(known - bias)), *GREY_SIGMA))
            information = _information(sums)
            shared, agree = float(sums[28] / max(sums[27], 1)), float(sums[29] / max(sums[28], 1))
            found = Alignment(motion, information, shared, agree, sigma, 1.0, np.inf)
            if iteration == most:
                break
            damping = 1e-6 * float(np.trace(information)) * np.eye(6)
            twist = np.asarray(np.linalg.solve(information + damping, sums[21:27]), np.float64)
            if not np.isfinite(twist).all() or np.abs(twist).max() > 1.0:
                return None
            motion = se3.nearest_rigid(se3.exp(twist) @ motion)
            if np.linalg.norm(twist[:3]) < 2e-5 and np.linalg.norm(twist[3:]) < 1e-5:
                break
        last = residual
    if found is None:
        return None
    coarse = _step(source[-count], target[-count], found.motion, bias, sigma)[0]
    least = max(float(np.linalg.eigvalsh(_information(coarse))[0]), 1e-12)
    weakest = float(np.sqrt(max(coarse[28], 1.0) / least))
    return replace(found, correlation=_correlation(source[-1].grey, last), weakest=weakest)


def _information(sums: F64) -> F64:
    """(6, 6) symmetric matrix of the first 21 sums."""
    out = np.zeros((6, 6))
    out[np.triu_indices(6)] = sums[:21]
    return out + np.triu(out, 1).T


def _correlation(grey: F32, residual: F32) -> float:
    """Correlation of the grey values of the source and of the target there."""
    known = np.isfinite(residual)
    a = grey[known].astype(np.float64)
    if len(a) < MIN_PIXELS:
        return 0.0
    b = a + residual[known]
    if min(a.std(), b.std()) < MIN_CONTRAST:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1])
