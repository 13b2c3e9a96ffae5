"""Sanity checks of attribution maps: deleting what they mark must hurt, and weights without training must change them.

Deletion (Petsiuk, Das & Saenko 2018, arXiv:1806.07421, here for a tenth of the input): tiles with the largest attribution are
replaced by the baseline, and as many random ones for comparison. Cascading randomisation (Adebayo et al. 2018, arXiv:1810.03292):
the weights are replaced from the last layer to the first, and the rank correlation with the original map must fall.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from lift3d.inference.attribution.target import Target
from lift3d.types import F32

TENTH = 0.1
TILES = 16
"""Tiles along each side of the input."""
DRAWS = 8
"""Random deletions over which the comparison is averaged."""


@dataclass(frozen=True)
class Deletion:
    """value, baseline: the output for the input and for the baseline; top, random: the output after the deletion of the tiles
    with the largest attribution, and the mean after that of random ones; wins: share of the random deletions that leave more."""

    value: float
    baseline: float
    top: float
    random: float
    wins: float

    @property
    def drops(self) -> tuple[float, float]:
        """What the two deletions take from the output, as fractions of its difference from that for the baseline."""
        change = abs(self.value - self.baseline) or 1.0
        return (self.value - self.top) / change, (self.value - self.random) / change


def delete_tenth(target: Target, values: F32, seed: int = 0) -> Deletion:
    """The deletion test. values: attribution of the input without its channels. Only tiles in which the input differs from the
    baseline are deleted and counted, so that an empty background is no advantage."""
    sums, index = tile_sums(values)
    differs = content_of(target)
    full = np.flatnonzero(np.bincount(index.ravel(), differs.ravel(), len(sums)) > 0)
    count = max(round(TENTH * len(full)), 1)
    rng = np.random.default_rng(seed)
    chosen = [full[np.argsort(-sums[full], kind="stable")[:count]]]
    chosen += [rng.choice(full, count, replace=False) for _ in range(DRAWS)]
    outputs = []
    for tiles in chosen:
        gone = torch.from_numpy(np.isin(index, tiles))
        outputs.append(float(target(torch.where(gone, target.baseline, target.input)[None])[0]))
    ends = [float(target(x[None])[0]) for x in (target.input, target.baseline)]
    after = np.array(outputs[1:])
    return Deletion(ends[0], ends[1], outputs[0], float(after.mean()), float((after > outputs[0]).mean()))


def tile_sums(values: F32) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(sum of the values of each tile, index of the tile of each position)."""
    parts = [np.arange(n) * TILES // n for n in values.shape]
    index = np.zeros(values.shape, np.int64)
    for axis, part in enumerate(parts):
        index = index * TILES + part.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    sums = np.bincount(index.ravel(), values.ravel().astype(np.float64), TILES**values.ndim)
    return np.asarray(sums, np.float64), np.asarray(index, np.int64)


def rank_correlation(a: F32, b: F32, where: NDArray[np.bool_]) -> float:
    """Spearman's correlation of two maps, with their signs, over the positions `where`; 0 where one of them is constant."""
    x, y = a[where], b[where]
    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return 0.0
    return float(stats.spearmanr(x, y).statistic)


def content_of(target: Target) -> NDArray[np.bool_]:
    """Positions at which a target's input differs from its baseline."""
    return np.asarray((target.input != target.baseline).any(0).numpy())


@contextmanager
def randomised(modules: tuple[torch.nn.Module, ...], fraction: float, seed: int = 0) -> Iterator[None]:
    """A context in which the last `fraction` of the parameter tensors, in the order in which the modules list them, have random
    values with their mean and standard deviation. The weights are restored at the end."""
    parameters = [p for module in modules for p in module.parameters()]
    count = round(fraction * len(parameters))
    chosen = parameters[len(parameters) - count :]
    stored = [p.detach().clone() for p in chosen]
    generator = torch.Generator().manual_seed(seed)
    try:
        with torch.no_grad():
            for p in chosen:
                noise = torch.randn(p.shape, generator=generator)
                p.copy_(noise * (p.std() if p.numel() > 1 else p.abs().mean()) + p.mean())
        yield
    finally:
        with torch.no_grad():
            for p, old in zip(chosen, stored):
                p.copy_(old)
