"""Kernel ridge classification in closed form (Saunders, Gammerman & Vovk 1998), of unit vectors with the kernel
k(x, c) = exp(sharpness (x c - 1)).

The coefficients of M centres are those with the least weighted squared error of one-hot targets on all samples and the smallest
norm (subset of regressors: Smola & Schoelkopf 2000). Sharpness and penalty are chosen by cross-validation over families: those
with the smallest negative log likelihood of the held-out samples, each group of samples (models, photos) with its own factor
from a score to a logit (Platt 1999; Guo et al. 2017, arXiv:1706.04599).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from lift3d.types import F64

SHARPNESS, PENALTIES = (1.0, 3.0, 10.0), (0.1, 0.01, 0.03, 0.3, 1.0)
"""The values from which cross-validation chooses, the defaults first. A small sharpness makes the classifier almost linear, a
large one makes it almost that of the nearest sample."""
SCALES = 2.0 ** np.arange(1, 5.1, 0.5)
"""Factors from a score to a logit from which cross-validation chooses."""
DEFAULT_SCALE = 8.0
FOLDS = 10
JITTER = 1e-6
"""Added to the diagonal of the normal equations, relative to the mass of a shape."""
BALANCE = 0.5
"""Power of the inverse frequency of a category by which its shapes are weighted."""


@dataclass(frozen=True, eq=False)
class Samples:
    """vectors (S, D): of unit length; owners (S,): the shape of each; mass (S,): weight in the loss, about 1 for the samples of a
    shape in one group; photo (S,) bool: the group, views alone or whole models."""

    vectors: F64
    owners: NDArray[np.int64]
    mass: F64
    photo: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class KernelFit:
    """coefficients (M, K) of the centres; sharpness, penalty: as chosen; scale: factor from a score to a logit, of models and of
    photos; accuracy: of held-out models and photos in the cross-validation, weighted as the samples; None where no
    category has two families, so that nothing could be held out and the defaults are used."""

    coefficients: F64
    sharpness: float
    penalty: float
    scale: tuple[float, float]
    accuracy: tuple[float, float] | None


def fit_kernel_ridge(
    centres: F64, samples: Samples, targets: NDArray[np.int64], families: list[str], labels: int
) -> KernelFit:
    """The classifier of N shapes. centres (M, D): unit vectors; targets (N,): category of each shape; families: of each shape,
    never divided between two folds."""
    folds = assign_folds(targets, families)
    known = _known_elsewhere(targets, folds)[samples.owners]
    groups = [known & (samples.photo == photo) for photo in (False, True)]
    groups = [group if group.any() else known for group in groups]
    validated = bool(known.any())
    best: tuple[float, KernelFit] | None = None
    for sharpness in SHARPNESS:
        for penalty, scores, coefficients in _solutions(
            centres, samples, targets, folds, labels, sharpness, validated
        ):
            if not validated:
                return KernelFit(coefficients, sharpness, penalty, (DEFAULT_SCALE, DEFAULT_SCALE), None)
            found = [_calibrate(scores[g], targets[samples.owners[g]], samples.mass[g]) for g in groups]
            loss = float(np.mean([loss for loss, _, _ in found]))
            if best is None or loss < best[0]:
                scale, accuracy = ((found[0][k], found[1][k]) for k in (1, 2))
                best = loss, KernelFit(coefficients, sharpness, penalty, scale, accuracy)
    assert best is not None
    return best[1]


def assign_folds(targets: NDArray[np.int64], families: list[str]) -> NDArray[np.int64]:
    """The fold (N,) of each shape, 0 to FOLDS - 1: families in the order of their categories, dealt out in turn."""
    order: dict[str, int] = {}
    for i in np.lexsort((np.array(families), targets)):
        order.setdefault(families[i], len(order) % FOLDS)
    return np.array([order[family] for family in families], np.int64)


def _known_elsewhere(targets: NDArray[np.int64], folds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether another fold has a shape of the category of each shape (N,)."""
    return np.array([bool((targets[folds != fold] == target).any()) for target, fold in zip(targets, folds)])


def _solutions(
    centres: F64, samples: Samples, targets: NDArray[np.int64], folds: NDArray[np.int64], labels: int, sharpness: float,
    validated: bool,
) -> Iterator[tuple[float, F64, F64]]:  # fmt: skip
    """(penalty, held-out scores (S, K), coefficients (M, K) from all samples) for each penalty. validated: whether the held-out
    scores are needed; zero otherwise."""
    kernel = np.exp(sharpness * (samples.vectors @ centres.T - 1))
    norm = np.exp(sharpness * (centres @ centres.T - 1))
    counts = np.bincount(targets, minlength=labels)
    balance = (len(targets) / (labels * np.maximum(counts, 1))) ** BALANCE
    weighted = kernel * (samples.mass * balance[targets[samples.owners]])[:, None]
    goal = (np.eye(labels) - 1 / labels)[targets[samples.owners]]
    fold = folds[samples.owners]
    parts = [np.flatnonzero(fold == f) for f in range(FOLDS)]
    squares = np.stack([weighted[p].T @ kernel[p] for p in parts])
    products = np.stack([weighted[p].T @ goal[p] for p in parts])
    for penalty in PENALTIES:
        ridge = penalty * norm + JITTER * np.eye(len(centres))
        scores = np.zeros((len(kernel), labels))
        for f, part in enumerate(parts):
            if validated and len(part):
                rest = squares.sum(0) - squares[f] + ridge
                scores[part] = kernel[part] @ _solve(rest, products.sum(0) - products[f])
        yield penalty, scores, _solve(squares.sum(0) + ridge, products.sum(0))


def _solve(matrix: F64, right: F64) -> F64:
    return np.asarray(cho_solve(cho_factor(matrix), right))


def _calibrate(scores: F64, targets: NDArray[np.int64], mass: F64) -> tuple[float, float, float]:
    """(negative log likelihood, factor from a score to a logit with which it is smallest, accuracy) of scores (S, K)."""
    share = mass / mass.sum()
    own = np.arange(len(targets)), targets

    def loss(scale: float) -> float:
        logits = scale * scores
        top = logits.max(1)
        return float(share @ (top + np.log(np.exp(logits - top[:, None]).sum(1)) - logits[own]))

    losses = [loss(scale) for scale in SCALES]
    best = int(np.argmin(losses))
    accuracy = round(float(share @ (scores.argmax(1) == targets)), 6)
    return losses[best], float(SCALES[best]), accuracy
