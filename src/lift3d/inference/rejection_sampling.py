"""Of several draws, one whose shape is as little in doubt as real ones are.

A decoder that is given a code unlike any it has seen says neither full nor empty: the doubt of a draw, the sum of s (1 - s) over
the shares s of its cells, for each place where the surface crosses between cells, is larger than of real shapes, and the larger
the more ragged the shape looks. Of four draws the first is taken that is within the bound of its kind, which 95 % of the kind's
training shapes keep when they are made again from their codes; else the surest of the four (rejection sampling of a generator,
Azadi et al. 2019, arXiv:1810.06758, whose judge is another network). The surest alone would be simple things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lift3d.inference.shape_decoder import decode_occupancy
from lift3d.types import F32

if TYPE_CHECKING:
    from lift3d.inference.generators import LatentSampler

CANDIDATES, QUANTILE = 4, 0.95
"""Draws, of which one is taken, and the share of training shapes that the bound holds; fixed on validation
(benchmarks/shape_space.py)."""
CANDIDATE_STRIDE = 2**20
"""So far from the first choice of a thing stands its second: first choices that follow each other are drawn together, and a
second one only where it is needed."""


def uncertainty(share: F32) -> float:
    """Of shares (X, Y, Z) of full cells; 0: sure; infinite where nothing is full."""
    full = share > 0.5
    if not full.any():
        return float("inf")
    crossings = sum(int(np.count_nonzero(np.diff(full, axis=axis))) for axis in range(3))
    return float((share * (1 - share)).sum() / max(crossings, 1))


def sample_with_rejection(
    held: LatentSampler,
    kind: int,
    seeds: tuple[int, ...],
    autoencoder: str | None = None,
    among: int = CANDIDATES,
) -> F32:
    """The code number seeds[-1] of a kind, one of as many draws. Same seeds, same code."""
    if among <= 1:
        return held.sample(kind, seeds)
    bound = held.uncertainty.get(held.categories[kind], 0.0) if held.categories else 0.0
    codes: list[F32] = []
    doubts: list[float] = []
    for number in candidate_indices(seeds[-1], among):  # one after the other: most often not all are needed
        codes.append(held.sample(kind, (*seeds[:-1], number)))
        doubts.append(uncertainty(decode_occupancy(codes[-1], autoencoder)))
        if doubts[-1] <= bound:
            break
    return codes[select_candidate(doubts, bound)]


def candidate_indices(number: int, among: int) -> list[int]:
    """The numbers of the draws, of which one becomes thing `number`."""
    return [k * CANDIDATE_STRIDE + number for k in range(among)]


def select_candidate(doubts: list[float], bound: float) -> int:
    """The first within the bound, else the surest."""
    return next((k for k, d in enumerate(doubts) if d <= bound), int(np.argmin(doubts)))
