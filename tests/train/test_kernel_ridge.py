"""Kernel ridge classification: the closed form, the folds, the choice of its options, and the nearest neighbour as a baseline."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.train.kernel_ridge import (  # noqa: E402
    BALANCE,
    DEFAULT_SCALE,
    FOLDS,
    JITTER,
    PENALTIES,
    SHARPNESS,
    Samples,
    assign_folds,
    fit_kernel_ridge,
)
from lift3d.train.tasks.embedding_kernel import gather_samples  # noqa: E402
from lift3d.types import F64  # noqa: E402

LABELS, SIZE = 4, 24


def unit(x: F64) -> F64:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def clusters(
    seed: int, each: int = 6, noise: float = 0.25, views: int = 3
) -> tuple[F64, Samples, np.ndarray, list[str]]:
    """Shapes around one direction for each category, and noisier views of each: (models, samples, targets, families)."""
    rng = np.random.default_rng(seed)
    axes = unit(np.random.default_rng(9).normal(size=(LABELS, SIZE)))
    targets = np.repeat(np.arange(LABELS), each)
    models = unit(axes[targets] + noise * rng.normal(size=(len(targets), SIZE)))
    photos = [unit(m + noise * rng.normal(size=(views, SIZE))) for m in models]
    return models, gather_samples(models, photos), targets, [f"f{k}" for k in range(len(targets))]


def scores(coefficients: F64, sharpness: float, centres: F64, vectors: F64) -> F64:
    return np.exp(sharpness * (vectors @ centres.T - 1)) @ coefficients


def test_the_coefficients_minimise_the_stated_loss() -> None:
    centres, samples, targets, families = clusters(0)
    fit = fit_kernel_ridge(centres, samples, targets, families, LABELS)
    assert fit.sharpness in SHARPNESS and fit.penalty in PENALTIES
    kernel = np.exp(fit.sharpness * (samples.vectors @ centres.T - 1))
    norm = np.exp(fit.sharpness * (centres @ centres.T - 1))
    weight = samples.mass * (len(targets) / LABELS / np.bincount(targets)[targets[samples.owners]]) ** BALANCE
    goal = np.eye(LABELS)[targets[samples.owners]] - 1 / LABELS

    def loss(a: F64) -> float:
        rest = (weight[:, None] * (kernel @ a - goal) ** 2).sum()
        return float(rest + fit.penalty * (a * (norm @ a)).sum() + JITTER * (a**2).sum())

    least, rng = loss(fit.coefficients), np.random.default_rng(1)
    for size in (1e-3, 1e-1):
        assert all(loss(fit.coefficients + size * rng.normal(size=goal[:24].shape)) > least for _ in range(5))


def test_every_shape_as_a_centre_is_ordinary_kernel_ridge_regression() -> None:
    models, _, targets, families = clusters(1)
    only = gather_samples(models, [models[:0]] * len(models))
    fit = fit_kernel_ridge(models, only, targets, families, LABELS)
    gram = np.exp(fit.sharpness * (models @ models.T - 1))
    expected = np.linalg.solve(gram + fit.penalty * np.eye(len(models)), np.eye(LABELS)[targets] - 1 / LABELS)
    assert np.allclose(fit.coefficients, expected, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=60))
def test_no_family_is_divided_between_folds(shapes: list[tuple[int, int]]) -> None:
    targets, families = np.array([a for a, _ in shapes]), [f"{b}" for _, b in shapes]
    folds = assign_folds(targets, families)
    assert ((folds >= 0) & (folds < FOLDS)).all()
    for name in set(families):
        assert len({int(f) for f, family in zip(folds, families) if family == name}) == 1


def test_the_cross_validation_predicts_the_accuracy_on_other_shapes() -> None:
    found, true = [], []
    for seed in range(3):
        centres, samples, targets, families = clusters(seed, noise=0.45)
        fit = fit_kernel_ridge(centres, samples, targets, families, LABELS)
        others, _, wanted, _ = clusters(100 + seed, 50, noise=0.45)
        assert fit.accuracy is not None
        found.append(fit.accuracy[0])
        true.append((scores(fit.coefficients, fit.sharpness, centres, others).argmax(1) == wanted).mean())
    assert 0.4 < np.mean(true) < 0.98 and abs(np.mean(found) - np.mean(true)) < 0.1


def test_noisy_neighbours_are_outvoted() -> None:
    ours, nearest = [], []
    for seed in range(3):
        centres, samples, targets, families = clusters(seed, noise=0.5)
        fit = fit_kernel_ridge(centres, samples, targets, families, LABELS)
        others, _, wanted, _ = clusters(100 + seed, 50, noise=0.5)
        ours.append((scores(fit.coefficients, fit.sharpness, centres, others).argmax(1) == wanted).mean())
        nearest.append((targets[(others @ centres.T).argmax(1)] == wanted).mean())
    assert np.mean(ours) > np.mean(nearest) + 0.03


def test_easy_shapes_are_certain_and_difficult_ones_are_not() -> None:
    easy, hard = (fit_kernel_ridge(*clusters(0, noise=noise), LABELS) for noise in (0.02, 1.0))
    assert easy.accuracy == (1.0, 1.0) and hard.accuracy is not None and max(hard.accuracy) < 0.9
    assert min(easy.scale) > max(hard.scale)


def test_categories_of_one_family_leave_the_defaults() -> None:
    centres, samples, targets, _ = clusters(0, each=2)
    fit = fit_kernel_ridge(centres, samples, targets, [f"f{t}" for t in targets], LABELS)
    assert fit.accuracy is None and fit.scale == (DEFAULT_SCALE, DEFAULT_SCALE)
    assert (fit.sharpness, fit.penalty) == (SHARPNESS[0], PENALTIES[0])
    assert (scores(fit.coefficients, fit.sharpness, centres, centres).argmax(1) == targets).all()


def test_the_same_input_gives_the_same_bytes() -> None:
    a, b = (fit_kernel_ridge(*clusters(3), LABELS) for _ in range(2))
    assert a.coefficients.tobytes() == b.coefficients.tobytes() and a.scale == b.scale


def test_the_samples_of_a_shape_have_a_mass_of_one_in_each_group() -> None:
    models = unit(np.random.default_rng(0).normal(size=(3, SIZE)))
    samples = gather_samples(models, [models[:2], models[:0], models])
    assert (
        samples.owners.tolist() == [0, 1, 2, 0, 0, 2, 2, 2]
        and samples.photo.tolist() == [False] * 3 + [True] * 5
    )
    assert np.bincount(samples.owners, samples.mass).tolist() == pytest.approx([2, 1, 2])
