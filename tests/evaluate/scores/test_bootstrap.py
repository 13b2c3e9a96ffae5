"""Means and cluster bootstrap: hand-computed means, and intervals that respect families."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.evaluate.scores.bootstrap import intervals, means


def test_means_by_hand() -> None:
    columns = {"x": np.array([1.0, 1, 1, 0])}
    assert means(columns, None) == {"x": 0.75}
    assert means(columns, np.array(["a", "a", "a", "b"])) == {"x": 0.5}


def test_constant_scores_have_an_interval_without_width() -> None:
    low, high = intervals({"x": np.full(6, 0.25)}, np.array(list("aabbcc")), list("uvwxyz"))["x"]
    assert low == high == 0.25


def test_one_family_cannot_vary_and_many_can() -> None:
    x = {"x": np.array([0.0, 1.0] * 10)}
    category = np.repeat("all", 20)
    assert intervals(x, category, ["one"] * 20)["x"] == (0.5, 0.5)
    low, high = intervals(x, category, [str(i) for i in range(20)])["x"]
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 20), rel=0.2)  # the normal approximation
    assert intervals(x, category, list("ab") * 10)["x"] == (0.0, 1.0)
