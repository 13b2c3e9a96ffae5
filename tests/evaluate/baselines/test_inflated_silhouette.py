"""The inflated silhouette: a disc becomes a ball, a strip a cylinder."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.evaluate.baselines.inflated_silhouette import LEVEL, InflatedSilhouette, inflate  # noqa: E402


def line(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n * 2 - 1


def test_a_disc_becomes_a_ball() -> None:
    x = line(120) * 60
    square = 50**2 - x[None] ** 2 - x[:, None] ** 2
    half = inflate(square > 0)
    inner = square > 0.3 * 50**2
    assert np.abs(half[inner] / np.sqrt(square[inner]) - 1).max() < 0.03
    assert not half[square <= 0].any()


def test_nothing_is_inflated_to_nothing() -> None:
    assert not inflate(np.zeros((5, 5), bool)).any()


def test_the_prediction_is_the_ball() -> None:
    n, radius = 64, 0.7
    coverage = (np.hypot(line(128)[None], line(128)[:, None]) < radius).astype(np.float32)
    found = InflatedSilhouette().predict_silhouette(coverage, n)
    extent = np.exp(found.depth)
    w, v, u = np.meshgrid(line(n) * extent, line(n), line(n), indexing="ij")
    ball, full = u**2 + v**2 + w**2 < radius**2, found.occupancy > LEVEL
    assert (ball & full).sum() / (ball | full).sum() > 0.93
