"""Rejection sampling of a generator (Azadi et al. 2019, arXiv:1810.06758), by the uncertainty of the decoded shape.

A decoder's output is uncertain for latent codes unlike its training codes. The uncertainty of a sample is the sum of p (1 - p)
over the occupancies p of its voxels, divided by the number of pairs of neighbouring voxels between which the surface passes. Of
four candidates, the first whose uncertainty is within the bound of its category is accepted; 95 % of the category's autoencoded
training shapes are within the bound. If there is none, the candidate with the least uncertainty is accepted. A choice by least
uncertainty alone would favour simple shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lift3d.inference.shape_decoder import decode_occupancy
from lift3d.types import F32

if TYPE_CHECKING:
    from lift3d.inference.generators import LatentSampler

CANDIDATES, QUANTILE = 4, 0.95
"""Candidates per sample, and the quantile of training shapes at the bound; chosen on the validation split
(benchmarks/shape_space.py)."""
CANDIDATE_STRIDE = 2**20
"""Difference between the indices of a sample's candidates. The first candidates of consecutive samples are consecutive, so that
they are computed in the same batch."""


def uncertainty(occupancy: F32) -> float:
    """Uncertainty of occupancy (X, Y, Z): 0 if every voxel is 0 or 1, infinite if no voxel is full."""
    full = occupancy > 0.5
    if not full.any():
        return float("inf")
    crossings = sum(int(np.count_nonzero(np.diff(full, axis=axis))) for axis in range(3))
    return float((occupancy * (1 - occupancy)).sum() / max(crossings, 1))


def sample_with_rejection(
    sampler: LatentSampler,
    category: int,
    seeds: tuple[int, ...],
    autoencoder: str | None = None,
    among: int = CANDIDATES,
) -> F32:
    """The latent code of sample seeds[-1] of a category, accepted from up to `among` candidates. Equal seeds give equal codes."""
    if among <= 1:
        return sampler.sample(category, seeds)
    bound = sampler.uncertainty.get(sampler.categories[category], 0.0) if sampler.categories else 0.0
    codes: list[F32] = []
    uncertainties: list[float] = []
    for number in candidate_indices(seeds[-1], among):  # one at a time, because mostly not all are needed
        codes.append(sampler.sample(category, (*seeds[:-1], number)))
        uncertainties.append(uncertainty(decode_occupancy(codes[-1], autoencoder)))
        if uncertainties[-1] <= bound:
            break
    return codes[select_candidate(uncertainties, bound)]


def candidate_indices(number: int, among: int) -> list[int]:
    """Indices of the samples that are candidates for sample `number`."""
    return [k * CANDIDATE_STRIDE + number for k in range(among)]


def select_candidate(uncertainties: list[float], bound: float) -> int:
    """The index of the first candidate within the bound, or of the candidate with the least uncertainty if none is."""
    return next((k for k, d in enumerate(uncertainties) if d <= bound), int(np.argmin(uncertainties)))
