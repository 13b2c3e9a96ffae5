"""Rejection sampling of a generator (Azadi et al. 2019, arXiv:1810.06758), by the uncertainty of the decoded shape.

A decoder given a latent code unlike its training codes is undecided. The uncertainty of a sample is the sum of p (1 - p)
over the occupancies p of its voxels, divided by the number of crossings of the surface between voxels. The first of four
candidates within the bound of its category is accepted, which 95 % of the category's autoencoded training shapes satisfy;
without one, the candidate with the least uncertainty, which alone would favour simple shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lift3d.inference.shape_decoder import decode_occupancy
from lift3d.types import F32

if TYPE_CHECKING:
    from lift3d.inference.generators import LatentSampler

CANDIDATES, QUANTILE = 4, 0.95
"""Candidates per sample, and the quantile of training shapes at the bound; fixed on validation (benchmarks/shape_space.py)."""
CANDIDATE_STRIDE = 2**20
"""Distance of the indices of a sample\'s candidates: first candidates are consecutive, so that they share batches."""


def uncertainty(share: F32) -> float:
    """Uncertainty of occupancy (X, Y, Z): 0 where every voxel is decided, infinite where none is full."""
    full = share > 0.5
    if not full.any():
        return float("inf")
    crossings = sum(int(np.count_nonzero(np.diff(full, axis=axis))) for axis in range(3))
    return float((share * (1 - share)).sum() / max(crossings, 1))


def sample_with_rejection(
    sampler: LatentSampler,
    category: int,
    seeds: tuple[int, ...],
    autoencoder: str | None = None,
    among: int = CANDIDATES,
) -> F32:
    """The latent code of sample seeds[-1] of a category, accepted among several candidates; equal seeds give equal codes."""
    if among <= 1:
        return sampler.sample(category, seeds)
    bound = sampler.uncertainty.get(sampler.categories[category], 0.0) if sampler.categories else 0.0
    codes: list[F32] = []
    uncertainties: list[float] = []
    for number in candidate_indices(seeds[-1], among):  # in turn: most often not all are needed
        codes.append(sampler.sample(category, (*seeds[:-1], number)))
        uncertainties.append(uncertainty(decode_occupancy(codes[-1], autoencoder)))
        if uncertainties[-1] <= bound:
            break
    return codes[select_candidate(uncertainties, bound)]


def candidate_indices(number: int, among: int) -> list[int]:
    """Indices of the samples that are candidates for sample `number`."""
    return [k * CANDIDATE_STRIDE + number for k in range(among)]


def select_candidate(uncertainties: list[float], bound: float) -> int:
    """The first candidate within the bound, else the one with the least uncertainty."""
    return next((k for k, d in enumerate(uncertainties) if d <= bound), int(np.argmin(uncertainties)))
