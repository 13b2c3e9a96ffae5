"""Means over objects and over categories, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray[np.float64]]
DRAWS = 1000


def means(rows: Rows, categories: NDArray[np.str_] | None) -> dict[str, float]:
    """Of each column: over objects, or over the means of the categories, so that rare kinds count as much as common ones."""
    return {name: weighted(values, categories) for name, values in rows.items()}


def weighted(values: NDArray[np.float64], categories: NDArray[np.str_] | None) -> float:
    if categories is None:
        return float(values.mean())
    kinds, which = np.unique(categories, return_inverse=True)
    return float((np.bincount(which, values) / np.bincount(which)).mean()) if len(kinds) else float("nan")


def intervals(
    rows: Rows, categories: NDArray[np.str_], families: Sequence[str], seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % of each category-weighted mean, by drawing families again (Efron 1979): what is kin does not count twice."""
    _, family = np.unique(np.array(families), return_inverse=True)
    _, kind = np.unique(categories, return_inverse=True)
    rng = np.random.default_rng(seed)
    count = family.max() + 1
    names = list(rows)
    table = np.stack([rows[name] for name in names], 1)
    drawn = np.empty((DRAWS, len(names)))
    for k in range(DRAWS):
        weight = np.bincount(rng.integers(count, size=count), minlength=count)[family].astype(float)
        total = np.bincount(kind, weight)
        held = total > 0
        sums = np.stack([np.bincount(kind, weight * column) for column in table.T], 1)
        drawn[k] = (sums[held] / total[held, None]).mean(0)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return {name: (float(a), float(b)) for name, a, b in zip(names, low, high)}
