"""Scores of point sets and Umeyama's alignment, on cases with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.metrics.points import chamfer, f_score, precision_recall, umeyama


def rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_scores_count_what_is_near() -> None:
    truth = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    found = np.array([[0.0, 0, 0.05], [1, 0, 0.05], [9, 9, 9]])
    assert precision_recall(found, truth, 0.1) == (pytest.approx(2 / 3), 0.5)
    assert f_score(found, truth, 0.1) == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert f_score(truth, truth, 0.0) == 1
    assert f_score(found, truth, 0.01) == 0
    assert f_score(np.zeros((0, 3)), truth, 1) == 0


def test_chamfer_of_shifted_points_is_the_shift() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3)
    assert chamfer(grid, grid + [0.2, 0, 0]) == pytest.approx(0.2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 1e3), st.booleans())
def test_umeyama_recovers_a_similarity(seed: int, scale: float, planar: bool) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(12, 3)) * [1, 1, 0 if planar else 1]
    r, t = rotation(rng), rng.normal(size=3)
    s, found, move = umeyama(a, scale * a @ r.T + t)
    assert s == pytest.approx(scale, rel=1e-9)
    np.testing.assert_allclose(found, r, atol=1e-7)
    np.testing.assert_allclose(move, t, atol=1e-6 * max(1, scale))
    assert np.linalg.det(found) == pytest.approx(1)


def test_umeyama_never_reflects_and_can_fix_the_scale() -> None:
    a = np.random.default_rng(0).normal(size=(30, 3))
    s, r, _ = umeyama(a, 3 * a * [1, 1, -1], scale=False)
    assert s == 1 and np.linalg.det(r) == pytest.approx(1)
    with pytest.raises(ValueError, match="three points"):
        umeyama(a[:2], a[:2])
