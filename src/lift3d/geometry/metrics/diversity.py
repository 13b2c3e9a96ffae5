"""Is what a generator draws varied, and like what is real? Of vectors, cheap enough to be asked during training."""

from __future__ import annotations

import torch


def diversity_scores(drawn: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
    """drawn (N, D), real (M, D). coverage: share of the real that are the nearest of some draw; matching: mean distance of
    each real one to its nearest draw, in the mean distance of real ones; apart: mean distance of draws, likewise (1: as
    varied as the real); one_nn: accuracy of telling drawn from real by the nearest neighbour (0.5: cannot be told)."""
    across, own, others = (
        pairwise_distances(drawn, real),
        pairwise_distances(drawn, drawn),
        pairwise_distances(real, real),
    )
    scale, apart = mean_pairwise_distance(others), mean_pairwise_distance(own)
    for square in (own, others):
        square.fill_diagonal_(float("inf"))
    right = (own.min(1).values < across.min(1).values).sum() + (
        others.min(1).values < across.min(0).values
    ).sum()
    return {
        "coverage": len(torch.unique(across.argmin(1))) / len(real),
        "matching": float(across.min(0).values.mean() / scale),
        "apart": float(apart / scale),
        "one_nn": float(right) / (len(drawn) + len(real)),
    }


def pairwise_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(N, M), exact also where they are small."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def mean_pairwise_distance(square: torch.Tensor) -> torch.Tensor:
    """The mean of a square of distances without its diagonal, at least a hair."""
    n = len(square)
    return (square.sum() / max(n * (n - 1), 1)).clamp(min=1e-12)
