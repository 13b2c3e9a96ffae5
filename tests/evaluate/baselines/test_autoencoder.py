"""Reconstruction baselines on random shapes: the nearest is the shape itself, all components reproduce the training set."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.evaluate.baselines.autoencoder import (  # noqa: E402
    MeanShape,
    NearestVoxels,
    PrincipalComponents,
    TrainingVoxels,
)

SHAPES = np.random.default_rng(0).random((6, 8, 8, 8)) > 0.6


class Shapes:
    """Shapes that need no corpus."""

    def __len__(self) -> int:
        return len(SHAPES)

    def full(self, i: int) -> np.ndarray:
        return SHAPES[i]


def training() -> TrainingVoxels:
    return TrainingVoxels(Shapes())  # type: ignore[arg-type]


def test_the_mean_shape_is_the_mean() -> None:
    assert np.allclose(MeanShape(training()).reconstruct(SHAPES[:2]), SHAPES.mean(0), atol=1e-6)


def test_the_nearest_shape_of_a_training_shape_is_itself() -> None:
    assert np.array_equal(NearestVoxels(training()).reconstruct(SHAPES), SHAPES.astype(np.float32))


def test_all_components_reproduce_the_training_shapes_and_fewer_are_the_best_projection() -> None:
    assert np.allclose(PrincipalComponents(training(), 99).reconstruct(SHAPES), SHAPES, atol=1e-3)
    flat = SHAPES.reshape(6, -1).astype(float)
    u, s, v = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    best = (u[:, :2] * s[:2]) @ v[:2] + flat.mean(0)
    assert np.allclose(PrincipalComponents(training(), 2).reconstruct(SHAPES).reshape(6, -1), best, atol=1e-3)
