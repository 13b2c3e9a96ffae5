"""Validation metrics by which tasks choose the best weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32


def balanced_accuracy(right: NDArray[np.bool_], targets: NDArray[np.int64]) -> float:
    """The mean over categories of the fraction of correct predictions. right (N,): whether each is correct; targets (N,):
    category indices."""
    return float(np.mean([right[targets == k].mean() for k in np.unique(targets)]))


def recall_at(scores: F32, count: int) -> float:
    """The fraction of rows whose diagonal element is among the `count` largest of the row; scores (N, N)."""
    own = np.diag(scores)[:, None]
    return float(((scores > own).sum(1) < count).mean())


def mean_average_precision(scores: F32, categories: NDArray[np.int64]) -> float:
    """Mean average precision of the retrieval of the same category, without the query itself. scores (N, N); categories (N,):
    indices, -1 for no category. 0 where no query has a match."""
    out = []
    for i in np.flatnonzero(categories >= 0):
        rest = np.delete(np.arange(len(categories)), i)
        right = (categories[rest] == categories[i])[np.argsort(-scores[i, rest], kind="stable")]
        if right.any():
            out.append(float((right.cumsum() / np.arange(1, len(right) + 1))[right].mean()))
    return float(np.mean(out)) if out else 0.0
