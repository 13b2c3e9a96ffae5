"""Diversity and fidelity of generated samples, as embedding vectors: cheap enough to compute during training."""

from __future__ import annotations

import torch


def diversity_scores(generated: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
    """Scores of generated samples (N, D) against real ones (M, D).

    coverage: fraction of real samples that are the nearest of some generated one. matching: mean distance of real
    samples from the nearest generated one, relative to the mean distance between real ones. apart: mean distance
    between generated samples, relative likewise (1: as varied as the real ones). one_nn: accuracy of a leave-one-out
    nearest-neighbour classifier of generated and real samples (0.5: indistinguishable; Lopez-Paz & Oquab 2017).
    """
    across, own, others = (
        pairwise_distances(generated, real),
        pairwise_distances(generated, generated),
        pairwise_distances(real, real),
    )
    scale, apart = mean_pairwise_distance(others), mean_pairwise_distance(own)
    for matrix in (own, others):
        matrix.fill_diagonal_(float("inf"))
    correct = (own.min(1).values < across.min(1).values).sum() + (
        others.min(1).values < across.min(0).values
    ).sum()
    return {
        "coverage": len(torch.unique(across.argmin(1))) / len(real),
        "matching": float(across.min(0).values.mean() / scale),
        "apart": float(apart / scale),
        "one_nn": float(correct) / (len(generated) + len(real)),
    }


def pairwise_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(N, M) Euclidean distances between rows of a (N, D) and b (M, D), accurate also where they are small."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def mean_pairwise_distance(matrix: torch.Tensor) -> torch.Tensor:
    """Mean of a square matrix of distances without its diagonal, at least 1e-12."""
    n = len(matrix)
    return (matrix.sum() / max(n * (n - 1), 1)).clamp(min=1e-12)
