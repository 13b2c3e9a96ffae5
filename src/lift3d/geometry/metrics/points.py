"""How well one set of points agrees with another, and the similarity that aligns two of them.

Precision, recall and F-score as in Knapitsch et al. 2017 (Tanks and Temples): precision is the share of
`a` within the threshold of `b`, recall the share of `b` within it of `a`, F their harmonic mean.
Alignment: Umeyama 1991, Least-squares estimation of transformation parameters between two point patterns.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from lift3d.types import F64


def nearest_distances(a: F64, b: F64) -> F64:
    """(len(a),) distance of every point of a (N, 3) to the nearest of b (M, 3); inf when b is empty."""
    if len(a) == 0:
        return np.zeros(0)
    if len(b) == 0:
        return np.full(len(a), np.inf)
    return np.asarray(cKDTree(b).query(a, workers=-1)[0], np.float64)


def precision_recall(a: F64, b: F64, threshold: float) -> tuple[float, float]:
    """Precision of the reconstruction a against the truth b, and its recall, both in [0, 1]."""
    if len(a) == 0 or len(b) == 0:
        return 0.0, 0.0
    return (
        float((nearest_distances(a, b) <= threshold).mean()),
        float((nearest_distances(b, a) <= threshold).mean()),
    )


def f_score(a: F64, b: F64, threshold: float) -> float:
    """Harmonic mean of precision and recall at the threshold (in the points' unit)."""
    precision, recall = precision_recall(a, b, threshold)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def chamfer(a: F64, b: F64) -> float:
    """Mean of the two mean nearest distances, in the points' unit."""
    return float(0.5 * (nearest_distances(a, b).mean() + nearest_distances(b, a).mean()))


def umeyama(source: F64, target: F64, scale: bool = True) -> tuple[float, F64, F64]:
    """(s, R, t) minimising sum |target - (s R source + t)|^2 over similarities (rigid when scale=False)."""
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
