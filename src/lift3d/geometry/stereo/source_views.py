"""Which photos measure depth for which: selected by the sparse points that they share.

The score of a pair is the sum over its shared points of a weight of the triangulation angle (Goesele et al. 2007: a two-sided
Gaussian around BEST_ANGLE, wide on the far side since orbits of few photos have large steps) times the ratio of the image
resolutions at the point.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from lift3d.types import F64, Views

BEST_ANGLE, NEAR_SIGMA, FAR_SIGMA = 12.0, 5.0, 14.0
"""Degrees: the best triangulation angle, and the spread of its weight below and above it."""


def view_pair_scores(views: Views) -> F64:
    """(N, N) symmetric scores of the pairs of views; 0 for fewer than six shared points."""
    n = len(views)
    scores = np.zeros((n, n))
    xyz = views.points.xyz
    visible = csr_array(
        (np.ones(len(views.observations), np.int8), (views.observations[:, 0], views.observations[:, 1])),
        shape=(n, len(xyz)),
    ).astype(bool)
    centres = np.array([c.centre for c in views.cameras])
    focal = np.array([c.fx for c in views.cameras])
    points_of = [visible[[i]].indices for i in range(n)]
    for i in range(n):
        for j in range(i + 1, n):
            shared = np.intersect1d(points_of[i], points_of[j], assume_unique=True)
            if len(shared) < 6:
                continue
            a, b = centres[i] - xyz[shared], centres[j] - xyz[shared]
            la, lb = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
            cosine = np.clip((a * b).sum(1) / (la * lb), -1, 1)
            angle = np.degrees(np.arccos(cosine))
            sigma = np.where(angle < BEST_ANGLE, NEAR_SIGMA, FAR_SIGMA)
            weight = np.exp(-((angle - BEST_ANGLE) ** 2) / (2 * sigma**2))
            ratio = (focal[i] / la) / (focal[j] / lb)
            weight *= np.minimum(ratio, 1 / ratio)
            scores[i, j] = scores[j, i] = weight.sum()
    return scores


def select_source_views(scores: F64, count: int) -> list[list[int]]:
    """For each view its `count` best source views, best first; fewer where fewer share points. scores: (N, N)."""
    chosen = []
    for row in scores:
        order = np.argsort(-row, kind="stable")[:count]
        chosen.append([int(j) for j in order if row[j] > 0])
    return chosen


def depth_range(views: Views, index: int) -> tuple[float, float] | None:
    """(near, far) depth of view `index`: the 1 % and 99 % quantiles of its sparse points, widened by 0.7 and 1.6.

    None if it sees fewer than eight points.
    """
    obs = views.observations
    points = views.points.xyz[obs[obs[:, 0] == index, 1]]
    camera = views.cameras[index]
    z = points @ camera.R[2] + camera.t[2]
    z = z[z > 0]
    if len(z) < 8:
        return None
    near, far = np.quantile(z, [0.01, 0.99])
    return float(near * 0.7), float(far * 1.6)
