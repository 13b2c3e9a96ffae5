"""How alike two solids are: overlap of what they fill, and how near their surfaces lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree, sample_surface
from lift3d.types import F64

THRESHOLD = 0.01
"""Of the true thing's longest side: the F-score's (Tatarchenko et al. 2019, arXiv:1905.03678, use 1 % as well)."""
SAMPLES = 4096


@dataclass(frozen=True)
class SurfaceScores:
    """f: F-score at 1 % of the longest side; chamfer: mean of both mean distances, in the longest side; normals: mean
    absolute cosine between nearest points, over both directions."""

    f_score: float
    chamfer: float
    normal_consistency: float


WORST_SCORES = SurfaceScores(0.0, 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class SampledSurface:
    """v, f: a mesh; points, normals (N, 3): samples of it, even over its area; side: its longest."""

    v: F64
    f: NDArray[np.int32]
    points: F64
    normals: F64
    side: float


def sample_mesh(v: F64, f: NDArray[np.integer], seed: int = 0, samples: int = SAMPLES) -> SampledSurface:
    """With samples drawn anew; side is that of the box along the axes."""
    points, normals, _ = sample_surface(v, f, samples, np.random.default_rng(seed))
    return SampledSurface(v, np.asarray(f, np.int32), points, normals, float(np.ptp(v, axis=0).max()))


def compare_surfaces(said: SampledSurface, truth: SampledSurface) -> SurfaceScores:
    """Distances are from samples of one to the surface of the other, so that sampling adds nothing to them."""
    near_truth, cosine_a = _to_surface(said, truth)
    near_said, cosine_b = _to_surface(truth, said)
    limit = THRESHOLD * truth.side
    precision, recall = float((near_truth < limit).mean()), float((near_said < limit).mean())
    f = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
    return SurfaceScores(
        f, float(near_truth.mean() + near_said.mean()) / 2 / truth.side, (cosine_a + cosine_b) / 2
    )


def _to_surface(a: SampledSurface, b: SampledSurface) -> tuple[F64, float]:
    """(N,) distances of a's samples to b's surface, and the mean absolute cosine of the normals there."""
    _, distance, face = closest_in_tree(build_search_tree(b.v, b.f), a.points)
    corner = b.v[b.f[face]]
    n = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-300)
    return distance, float(np.abs((n * a.normals).sum(1)).mean())
