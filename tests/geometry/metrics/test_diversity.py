"""Diversity scores on sets whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.geometry.metrics.diversity import diversity_scores, mean_pairwise_distance, pairwise_distances


def slow_one_nn(generated: np.ndarray, real: np.ndarray) -> float:
    """Accuracy of the leave-one-out nearest-neighbour classifier, one vector at a time."""
    everything = np.concatenate([generated, real])
    label = np.arange(len(everything)) < len(generated)
    right = 0
    for i, x in enumerate(everything):
        away = np.linalg.norm(everything - x, axis=1)
        away[i] = np.inf
        right += label[away.argmin()] == label[i]
    return right / len(everything)


@pytest.mark.parametrize("shift", [0.0, 0.7, 5.0])
def test_scores_equal_a_slow_twin(shift: float) -> None:
    rng = np.random.default_rng(0)
    generated, real = rng.normal(shift, 1, (30, 4)), rng.normal(0, 1, (25, 4))
    found = diversity_scores(torch.from_numpy(generated), torch.from_numpy(real))
    across = np.linalg.norm(generated[:, None] - real, axis=2)
    own = np.linalg.norm(real[:, None] - real, axis=2).sum() / (25 * 24)
    assert found["one_nn"] == pytest.approx(slow_one_nn(generated, real))
    assert found["coverage"] == len(set(across.argmin(1))) / 25
    assert found["matching"] == pytest.approx(across.min(0).mean() / own)
    spread = np.linalg.norm(generated[:, None] - generated, axis=2).sum() / (30 * 29)
    assert found["apart"] == pytest.approx(spread / own)


def test_copies_of_one_sample_cover_little_and_lie_close() -> None:
    real = torch.from_numpy(np.random.default_rng(1).normal(size=(20, 3)))
    found = diversity_scores(real[:1].repeat(20, 1) + 0.01, real)
    assert found["coverage"] == 1 / 20 and found["apart"] < 1e-9 and found["one_nn"] > 0.75


def test_distances_of_close_points_are_accurate() -> None:
    a = torch.tensor([[1e4, 0.0]], dtype=torch.float32)
    assert float(pairwise_distances(a, a + torch.tensor([0.0, 1e-2]))) == pytest.approx(1e-2, rel=1e-3)
    square = torch.tensor([[0.0, 2.0], [4.0, 0.0]])
    assert float(mean_pairwise_distance(square)) == 3 and float(mean_pairwise_distance(torch.zeros(1, 1))) > 0
