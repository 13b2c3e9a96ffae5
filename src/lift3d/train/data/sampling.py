"""Choice of the samples of each training step, and their collation to a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

MAX_CACHED = 4
"""Maximum number of cached permutations, less one."""
_permutations: dict[tuple[int, int, int], NDArray[np.int64]] = {}


def sample_indices(n: int, step: int, batch: int, seed: int) -> NDArray[np.int64]:
    """Indices (batch,) of the samples of a step, from n samples. The permutation of an epoch depends on (seed, epoch, n)."""
    first = step * batch
    out = []
    for at in range(first, first + batch):
        epoch, k = divmod(at, n)
        out.append(int(_permutation(n, epoch, seed)[k]))
    return np.array(out)


def _permutation(n: int, epoch: int, seed: int) -> NDArray[np.int64]:
    """The permutation of an epoch, cached."""
    key = (n, epoch, seed)
    if key not in _permutations:
        if len(_permutations) > MAX_CACHED:
            _permutations.clear()
        _permutations[key] = np.random.default_rng([seed, epoch, n]).permutation(n)
    return _permutations[key]


def collate(samples: list[dict[str, NDArray[Any]]]) -> dict[str, torch.Tensor]:
    """One tensor of each array, stacked along a new first axis."""
    return {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in samples[0]}
