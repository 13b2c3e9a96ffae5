"""Table of layers: known errors of maps, and the normals of the baselines."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.evaluate.image_to_layers import normals_of  # noqa: E402
from lift3d.train.data.layered_views import LayeredSample  # noqa: E402
from lift3d.train.tasks.image_to_layers import layer_errors  # noqa: E402

M = 64
LINE = (np.arange(M, dtype=np.float32) + 0.5) / M * 2 - 1


def ball(radius: float = 0.8) -> LayeredSample:
    square = radius**2 - LINE[None] ** 2 - LINE[:, None] ** 2
    known = square > 0.01
    near = np.sqrt(np.where(known, square, 0)).astype(np.float32)
    normals = np.stack([LINE[None].repeat(M, 0), LINE[:, None].repeat(M, 1), -near]) / np.float32(radius)
    return LayeredSample(
        np.zeros((4, 2 * M, 2 * M), np.float32), near, 2 * near, normals * known, known, radius
    )


def test_errors_of_known_maps() -> None:
    sample = ball()
    perfect = layer_errors(
        sample.nearness + np.float32(0.3), np.maximum(sample.thickness, 1e-3), sample.normals, sample
    )
    assert perfect["surface"] == pytest.approx(0, abs=1e-6) and perfect["near"] == perfect["thick"] == 1
    assert perfect["cosine"] == pytest.approx(1, abs=1e-3) and perfect["volume"] == pytest.approx(1, abs=1e-4)
    thick = layer_errors(sample.nearness, sample.thickness + 1e-3, sample.normals, sample)
    assert thick["volume"] > 1
    flat = np.zeros((M, M), np.float32)
    worse = layer_errors(flat, flat + 0.35, normals_of(flat), sample)
    assert worse["near"] < 0.4 and worse["thick"] < 0.4 and 0.4 < worse["cosine"] < 0.8


def test_normals_of_a_ball_and_of_a_plane() -> None:
    sample = ball()
    inner = LINE[None] ** 2 + LINE[:, None] ** 2 < 0.4**2
    found = normals_of(sample.nearness)
    assert (found * sample.normals).sum(0)[inner].min() > 0.995
    assert np.allclose(normals_of(np.zeros((8, 8), np.float32)), np.array([0, 0, -1])[:, None, None])
