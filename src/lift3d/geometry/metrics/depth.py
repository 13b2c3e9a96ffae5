"""Errors of predicted depth, after the scale and shift of inverse depth are fitted (Ranftl et al. 2020, arXiv:1907.01341)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DELTA = 1.25
MIN_INVERSE = 1e-3
"""Least aligned inverse depth, as a fraction of the largest true one."""


class DepthErrors(NamedTuple):
    """abs_rel: mean of |z - z*| / z* over the pixels of known depth z*. delta1: fraction of them with max(z / z*, z* / z) < 1.25
    (Eigen et al. 2014, arXiv:1406.2283)."""

    abs_rel: float
    delta1: float


def fit_scale_and_shift(prediction: NDArray[np.floating], truth: NDArray[np.floating]) -> tuple[float, float]:
    """a, b that minimise the sum of (a prediction + b - truth)^2 over arrays of N values; a is 0 for a constant prediction."""
    x, y = np.asarray(prediction, np.float64).ravel(), np.asarray(truth, np.float64).ravel()
    mean_x, mean_y = x.mean(), y.mean()
    spread = float(((x - mean_x) ** 2).mean())
    if not spread > 1e-12 * max(float(mean_x**2), 1e-12):
        return 0.0, float(mean_y)
    a = float(((x - mean_x) * (y - mean_y)).mean()) / spread
    return a, float(mean_y - a * mean_x)


def aligned_errors(prediction: NDArray[np.floating], depth: NDArray[np.floating]) -> DepthErrors:
    """Errors of predicted inverse depth (H, W), known up to scale and shift, against depth (H, W), 0 where unknown.

    Scale and shift are fitted by least squares of inverse depth; where the aligned inverse depth is not positive, the depth is
    the largest possible (MIN_INVERSE). ValueError without known depth."""
    known = (depth > 0) & np.isfinite(depth)
    if not known.any():
        raise ValueError("there is no known depth")
    z = np.asarray(depth, np.float64)[known]
    p = np.asarray(prediction, np.float64)[known]
    a, b = fit_scale_and_shift(p, 1 / z)
    found = 1 / np.maximum(a * p + b, MIN_INVERSE * float((1 / z).max()))
    ratio = np.maximum(found / z, z / found)
    return DepthErrors(float((np.abs(found - z) / z).mean()), float((ratio < DELTA).mean()))
