"""The motion between two frames by colour and geometry together, coarse to fine.

A point p of the source is moved to q = T p and projected into the target. Two residuals follow: the difference of the grey
values, after a model of exposure and vignetting that is estimated beside the motion (`alignment_kernel`), and the distance of q
from the tangent plane of the target's surface there, as in coloured ICP with projective association (Steinbruecker et al. 2011,
equation 7; Park et al. 2017, equations 13 to 16). Each residual is divided by its standard deviation: that of depth grows with
its square (Khoshelham & Elberink 2012), that of the grey values is estimated from the residuals. Weights are those of a
t-distribution (Kerl et al. 2013, equation 13). T is refined by Gauss-Newton steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.alignment_kernel import (
    INLIERS,
    LIGHT,
    MOTION,
    OVERLAP,
    PARAMETERS,
    POINTS,
    SUMS,
    TRIANGLE,
    accumulate,
)
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
LIGHT_SIGMA = (30.0, 0.3, 1.0, 1.0)
"""Standard deviations of the prior of the bias in grey values, of the gain, and of the two terms of the vignetting."""
PRIOR_PIXELS = 100.0
"""Weight of that in pixels, since residuals of neighbouring pixels are not independent."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """The motion from the frame of the source to that of the target.

    weakest: standard deviation in metres, or in radians, that an average pixel leaves to the least constrained direction, on the
    coarsest level, whose normals have the least noise. motion (4, 4); information (6, 6): inverse covariance of a twist that is
    applied on the left, if residuals were independent and the light is unknown; overlap: fraction of the source's points that
    fall on known depth of the target; inliers: fraction of these whose surfaces agree; grey: standard deviation of the
    differences of the grey values; correlation: of the grey values, 1 where one of the frames has hardly any contrast; light
    (4,): bias, gain and the two terms of the vignetting of `alignment_kernel`.
    """

    motion: F64
    information: F64
    overlap: float
    inliers: float
    grey: float
    correlation: float
    weakest: float
    light: F64


def _step(source: Level, target: Level, motion: F64, light: F64, sigma: float) -> tuple[F64, F32, F32]:
    """(SUMS,) sums of `accumulate`, the differences of the grey values after the model of the light, and those of the target."""
    sums = np.empty((BANDS, SUMS))
    residual, seen = np.empty((2, *source.z.shape), np.float32)
    accumulate(
        source.z, source.grey, target.z, target.grey, target.gradient, target.normals, source.k, target.k,
        np.ascontiguousarray(motion[:3, :3]), motion[:3, 3].copy(), light, sigma,
        (NOISE_GRADIENT * target.noise) ** 2, CONSTANT, QUADRATIC, FREEDOM, INLIER,
        sums, residual, seen,
    )  # fmt: skip
    return sums.sum(0), residual, seen


def align(
    source: Sequence[Level], target: Sequence[Level], initial: F64, coarsest: int = 0
) -> Alignment | None:
    """The motion that takes points of the source to the target, from an initial one (4, 4); None where too few points overlap.

    source, target: levels of `frame_pyramid.prepare`, coarsest first; coarsest: index of the level to begin with.
    """
    motion, light = initial.copy(), np.zeros(LIGHT)
    sigma, last = 12.0, source[-1].grey
    count = min(len(source), len(target))
    found: Alignment | None = None
    for level in range(min(coarsest, count - 1), count):
        s, t = source[level - count], target[level - count]
        most = ITERATIONS[min(level, len(ITERATIONS) - 1)]
        for iteration in range(most + 1):
            sums, residual, last = _step(s, t, motion, light, sigma)
            if sums[INLIERS] < min(MIN_PIXELS, 0.02 * s.z.size):
                return None
            known = residual[np.isfinite(residual)][::3]
            if len(known) > 30:
                median = float(np.median(known))
                sigma = float(np.clip(1.4826 * np.median(np.abs(known - median)), *GREY_SIGMA))
            matrix, right = _normal_equations(sums, light)
            shared = float(sums[OVERLAP] / max(sums[POINTS], 1))
            agree = float(sums[INLIERS] / max(sums[OVERLAP], 1))
            found = Alignment(motion, _marginal(matrix), shared, agree, sigma, 1.0, np.inf, light)
            if iteration == most:
                break
            damping = 1e-6 * float(np.trace(matrix[:MOTION, :MOTION])) * np.eye(PARAMETERS)
            damping[MOTION:] = 0
            step = np.asarray(np.linalg.solve(matrix + damping, right), np.float64)
            twist = step[:MOTION]
            if not np.isfinite(step).all() or np.abs(twist).max() > 1.0:
                return None
            motion, light = se3.nearest_rigid(se3.exp(twist) @ motion), light + step[MOTION:]
            if np.linalg.norm(twist[:3]) < 2e-5 and np.linalg.norm(twist[3:]) < 1e-5:
                break
    if found is None:
        return None
    coarse = _step(source[-count], target[-count], found.motion, light, sigma)[0]
    least = max(float(np.linalg.eigvalsh(_marginal(_normal_equations(coarse, light)[0]))[0]), 1e-12)
    weakest = float(np.sqrt(max(coarse[OVERLAP], 1.0) / least))
    return replace(found, correlation=_correlation(source[-1].grey, last), weakest=weakest)


def _normal_equations(sums: F64, light: F64) -> tuple[F64, F64]:
    """(10, 10) information and (10,) right-hand side of the sums, with the prior of the light."""
    matrix = np.zeros((PARAMETERS, PARAMETERS))
    matrix[np.triu_indices(PARAMETERS)] = sums[:TRIANGLE]
    matrix += np.triu(matrix, 1).T
    right = sums[TRIANGLE : TRIANGLE + PARAMETERS].copy()
    prior = PRIOR_PIXELS / np.square(LIGHT_SIGMA)
    matrix[range(MOTION, PARAMETERS), range(MOTION, PARAMETERS)] += prior
    right[MOTION:] -= prior * light
    return matrix, right


def _marginal(matrix: F64) -> F64:
    """(6, 6) information of the motion where the light is unknown: the Schur complement."""
    cross = matrix[:MOTION, MOTION:]
    out = matrix[:MOTION, :MOTION] - cross @ np.linalg.solve(matrix[MOTION:, MOTION:], cross.T)
    return np.asarray(0.5 * (out + out.T), np.float64)


def _correlation(grey: F32, seen: F32) -> float:
    """Correlation of the grey values of the source and of those seen in the target."""
    known = np.isfinite(seen)
    a, b = grey[known].astype(np.float64), seen[known].astype(np.float64)
    if len(a) < MIN_PIXELS:
        return 0.0
    if min(a.std(), b.std()) < MIN_CONTRAST:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1])
