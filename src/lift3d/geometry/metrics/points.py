"""Agreement of two point sets, and the similarity transform that aligns them.

Precision, recall and F-score as in Knapitsch et al. 2017 (Tanks and Temples): precision is the fraction of `a` within
the threshold of `b`, recall the fraction of `b` within the threshold of `a`, the F-score their harmonic mean.
Alignment: Umeyama 1991, Least-squares estimation of transformation parameters between two point patterns.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from lift3d.geometry.metrics.chamfer import mean_chamfer
from lift3d.types import F64


def nearest_distances(a: F64, b: F64) -> F64:
    """(len(a),) distance of every point of a (N, 3) to the nearest of b (M, 3); inf when b is empty."""
    if len(a) == 0:
        return np.zeros(0)
    if len(b) == 0:
        return np.full(len(a), np.inf)
    return np.asarray(cKDTree(b).query(a, workers=-1)[0], np.float64)


def precision_recall(a: F64, b: F64, threshold: float) -> tuple[float, float]:
    """(precision, recall) of the points a (N, 3) against the true points b (M, 3), both in [0, 1]; 0 where one set is
    empty."""
    if len(a) == 0 or len(b) == 0:
        return 0.0, 0.0
    return (
        float((nearest_distances(a, b) <= threshold).mean()),
        float((nearest_distances(b, a) <= threshold).mean()),
    )


def f_score(a: F64, b: F64, threshold: float) -> float:
    """F-score of the points a (N, 3) against b (M, 3) at a threshold in their unit."""
    return harmonic_mean(*precision_recall(a, b, threshold))


def harmonic_mean(precision: float, recall: float) -> float:
    """2 p r / (p + r), the F-score of a precision and a recall; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def chamfer(a: F64, b: F64) -> float:
    """Chamfer distance of two point sets: the mean of the two mean nearest distances, in their unit."""
    return mean_chamfer(nearest_distances(a, b), nearest_distances(b, a))


def umeyama(source: F64, target: F64, scale: bool = True) -> tuple[float, F64, F64]:
    """(s, R (3, 3), t (3,)) that minimise sum |target - (s R source + t)|^2 over corresponding rows (N, 3).

    scale: False keeps s = 1. Raises ValueError unless both have the same number of points, at least three.
    """
    if source.shape != target.shape or len(source) < 3:
        raise ValueError("umeyama needs two equally long sets of at least three points")
    ms, mt = source.mean(0), target.mean(0)
    a, b = source - ms, target - mt
    u, d, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.ones(3)
    sign[2] = 1.0 if np.linalg.det(u) * np.linalg.det(vt) > 0 else -1.0
    r = (u * sign) @ vt
    variance = float((a**2).sum() / len(a))
    s = float((d * sign).sum() / variance) if scale and variance > 0 else 1.0
    return s, r, mt - s * r @ ms
