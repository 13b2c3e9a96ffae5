"""Similarity of two surfaces: F-score, Chamfer distance and normal consistency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree, sample_surface
from lift3d.geometry.metrics.chamfer import mean_chamfer
from lift3d.geometry.metrics.points import harmonic_mean
from lift3d.types import F64

THRESHOLD = 0.01
"""Threshold of the F-score in longest sides of the true surface (1 %, as in Tatarchenko et al. 2019,
arXiv:1905.03678)."""
SAMPLES = 4096
"""Samples per surface."""


@dataclass(frozen=True)
class SurfaceScores:
    """f_score: at 1 % of the longest side. chamfer: mean of both mean distances, in longest sides.
    normal_consistency: mean absolute cosine between the normals of closest points, over both directions."""

    f_score: float
    chamfer: float
    normal_consistency: float


WORST_SCORES = SurfaceScores(0.0, 1.0, 0.0)
"""Scores of a missing surface."""


@dataclass(frozen=True, eq=False)
class SampledSurface:
    """A mesh v (V, 3), f (F, 3) with area-uniform samples: points and unit normals (N, 3). side: its longest side."""

    v: F64
    f: NDArray[np.int32]
    points: F64
    normals: F64
    side: float


def sample_mesh(v: F64, f: NDArray[np.integer], seed: int = 0, samples: int = SAMPLES) -> SampledSurface:
    """The mesh with `samples` samples from a generator with this seed; side is that of the axis-aligned bounding
    box."""
    points, normals, _ = sample_surface(v, f, samples, np.random.default_rng(seed))
    return SampledSurface(v, np.asarray(f, np.int32), points, normals, float(np.ptp(v, axis=0).max()))


def compare_surfaces(predicted: SampledSurface, truth: SampledSurface) -> SurfaceScores:
    """Scores of a surface against the truth, from exact distances of the samples of each to the surface of the
    other."""
    every = np.ones(len(predicted.points), bool), np.ones(len(truth.points), bool)
    return compare_samples(predicted, every[0], truth, every[1])


def compare_samples(
    predicted: SampledSurface,
    chosen: NDArray[np.bool_],
    truth: SampledSurface,
    chosen_truth: NDArray[np.bool_],
) -> SurfaceScores:
    """`compare_surfaces` of some of the samples: chosen (N,) of the predicted surface, chosen_truth (N,) of the true one."""
    to_truth, cosine_a = _distances(predicted, chosen, truth)
    to_predicted, cosine_b = _distances(truth, chosen_truth, predicted)
    limit = THRESHOLD * truth.side
    precision, recall = float((to_truth < limit).mean()), float((to_predicted < limit).mean())
    return SurfaceScores(
        harmonic_mean(precision, recall),
        mean_chamfer(to_truth, to_predicted) / truth.side,
        (cosine_a + cosine_b) / 2,
    )


def _distances(a: SampledSurface, chosen: NDArray[np.bool_], b: SampledSurface) -> tuple[F64, float]:
    """((N,) distances of the chosen samples of a from the surface of b, mean absolute cosine of the normals there)."""
    _, distance, face = closest_in_tree(build_search_tree(b.v, b.f), a.points[chosen])
    corner = b.v[b.f[face]]
    n = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-300)
    return distance, float(np.abs((n * a.normals[chosen]).sum(1)).mean())
