"""Means over objects and over categories, with bootstrap confidence intervals (Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.float64]]
"""Score name -> (N,) values, one per object."""
RESAMPLES = 1000


def means(columns: Columns, categories: NDArray[np.str_] | None) -> dict[str, float]:
    """The mean of each column over objects. With the objects' categories (N,), the mean over categories of the categories' means,
    in which rare and frequent categories have equal weight."""
    return {name: _mean(values, categories) for name, values in columns.items()}


def _mean(values: NDArray[np.float64], categories: NDArray[np.str_] | None) -> float:
    if categories is None:
        return float(values.mean())
    names, index = np.unique(categories, return_inverse=True)
    return float((np.bincount(index, values) / np.bincount(index)).mean()) if len(names) else float("nan")


def intervals(
    columns: Columns, categories: NDArray[np.str_], families: Sequence[str], seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of the category-weighted means, by a cluster bootstrap: whole families (N,) are resampled
    with replacement, because variants of one shape are not independent."""
    _, family = np.unique(np.array(families), return_inverse=True)
    _, category = np.unique(categories, return_inverse=True)
    rng = np.random.default_rng(seed)
    count = family.max() + 1
    names = list(columns)
    table = np.stack([columns[name] for name in names], 1)
    resampled = np.empty((RESAMPLES, len(names)))
    for k in range(RESAMPLES):
        weight = np.bincount(rng.integers(count, size=count), minlength=count)[family].astype(float)
        total = np.bincount(category, weight)
        present = total > 0
        sums = np.stack([np.bincount(category, weight * column) for column in table.T], 1)
        resampled[k] = (sums[present] / total[present, None]).mean(0)
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    return {name: (float(a), float(b)) for name, a, b in zip(names, low, high)}
