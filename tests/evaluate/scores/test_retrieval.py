"""Retrieval metrics against values by hand and a slow twin."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.evaluate.scores.retrieval import candidate_weights, exclude_self, retrieval_scores  # noqa: E402
from lift3d.taxonomy.categories import UNKNOWN  # noqa: E402


def test_average_precision_agrees_with_a_slow_twin() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((12, 12)).astype(np.float32)
    categories = rng.choice(["a", "b", UNKNOWN], 12)
    columns = retrieval_scores(scores, categories)
    for q in range(12):
        order = sorted(range(12), key=lambda i: -scores[q, i])
        right = [i == q or (categories[q] != UNKNOWN and categories[i] == categories[q]) for i in order]
        precisions = [sum(right[: k + 1]) / (k + 1) for k in range(12) if right[k]]
        assert columns["kin"][q] == pytest.approx(np.mean(precisions))
        assert columns["first"][q] == (order[0] == q) and columns["five"][q] == (q in order[:5])


def test_without_itself_only_others_of_the_category_count() -> None:
    scores = exclude_self(np.array([[9, 1, 2], [1, 9, 2], [3, 1, 9]], np.float32))
    columns = retrieval_scores(scores, np.array(["a", "a", "b"]), without_self=True)
    assert columns["first"].tolist() == [0, 0, 0] and columns["five"].tolist() == [1, 1, 0]
    assert columns["kin"].tolist() == [0.5, 0.5, 0]


def test_candidate_weights_sum_to_one_and_feedback_needs_a_category() -> None:
    tried = candidate_weights((0.0, 0.5))
    assert len(set(tried)) == len(tried)
    assert all(w.views + w.solid + w.category == pytest.approx(1) for w in tried)
    assert all(w.category > 0 and w.sharpness > 0 for w in tried if w.feedback)
