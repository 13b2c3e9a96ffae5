"""Losses and metrics of training against values worked out by hand and slow twins."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from lift3d.train.losses import soft_dice_loss  # noqa: E402
from lift3d.train.metrics import balanced_accuracy, mean_average_precision, recall_at  # noqa: E402


def test_soft_dice_of_known_masks() -> None:
    truth = torch.zeros(1, 2, 2, 2)
    truth[0, 0] = 1
    assert float(soft_dice_loss(truth, truth)) == pytest.approx(0)
    assert float(soft_dice_loss(1 - truth, truth)) == pytest.approx(1 - 1 / 9)
    assert float(soft_dice_loss(torch.zeros_like(truth), torch.zeros_like(truth))) == 0
    half = torch.full_like(truth, 0.5)
    assert float(soft_dice_loss(half, truth)) == pytest.approx(1 - (2 * 2 + 1) / (4 + 4 + 1))


def test_soft_dice_is_the_mean_over_the_batch_and_differentiable() -> None:
    p = torch.rand(3, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    t = (torch.rand(3, 2, 3, 4) > 0.5).double()
    each = torch.stack([soft_dice_loss(p[k : k + 1], t[k : k + 1]) for k in range(3)])
    assert torch.allclose(soft_dice_loss(p, t), each.mean())
    assert torch.autograd.gradcheck(lambda x: soft_dice_loss(x, t), (p,))


def test_balanced_accuracy_weighs_categories_equally() -> None:
    targets = np.array([0, 0, 0, 1])
    assert balanced_accuracy(np.array([True, True, True, False]), targets) == 0.5
    assert balanced_accuracy(np.array([True, False, False, True]), targets) == pytest.approx(2 / 3)


def test_recall_counts_rows_whose_own_column_is_among_the_best() -> None:
    scores = np.array([[3, 1, 2], [3, 2, 1], [1, 2, 0]], np.float32)
    assert recall_at(scores, 1) == pytest.approx(1 / 3)
    assert recall_at(scores, 2) == pytest.approx(2 / 3)
    assert recall_at(scores, 3) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_mean_average_precision_agrees_with_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 7
    scores = rng.permutation(n * n).reshape(n, n).astype(np.float32)
    categories = rng.integers(-1, 3, n)
    each = []
    for i in range(n):
        if categories[i] < 0:
            continue
        order = sorted((j for j in range(n) if j != i), key=lambda j: -scores[i, j])
        right = [categories[j] == categories[i] for j in order]
        if any(right):
            each.append(np.mean([sum(right[: k + 1]) / (k + 1) for k in range(n - 1) if right[k]]))
    expected = float(np.mean(each)) if each else 0.0
    assert mean_average_precision(scores, categories) == pytest.approx(expected)


def test_a_perfect_ranking_has_precision_one() -> None:
    categories = np.array([0, 0, 1, 1])
    scores = (categories[:, None] == categories[None]).astype(np.float32)
    assert mean_average_precision(scores, categories) == 1
    assert mean_average_precision(-scores, categories) < 0.5
