"""Agreement between photos: sharpness, colour differences and the weight of an occluder."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.texture.photo_consistency import (
    disagreement,
    photo_consistency,
    photo_sharpness,
    smooth_over_faces,
)
from lift3d.geometry.texture.view_selection import FaceObservations

IDENTITY = np.tile(np.arange(256, dtype=np.float32) / 255, (3, 1))


def chain(n: int) -> np.ndarray:
    """Neighbours of n faces in a row."""
    k = np.arange(n)
    return np.stack([k - 1, np.where(k + 1 < n, k + 1, -1), np.full(n, -1)], 1).astype(np.int32)


def observed(n: int, photos: int, seed: int = 0) -> FaceObservations:
    """n faces of random colours that all photos see alike, up to three grey levels."""
    rng = np.random.default_rng(seed)
    base = rng.integers(40, 200, (n, 1, 3))
    colours = (base + rng.integers(-3, 4, (n, photos, 3))).astype(np.uint8)
    detail = rng.uniform(4, 6, (n, photos)).astype(np.float32)
    return FaceObservations(np.ones((n, photos), np.float32), colours, detail, ())


def test_a_blurred_photo_is_recognised() -> None:
    s = observed(400, 5)
    s.detail[:, 3] *= 0.4
    sharp = photo_sharpness(s)
    np.testing.assert_allclose(np.delete(sharp, 3), 1, atol=0.05)
    assert sharp[3] == pytest.approx(0.45, abs=0.06)


def test_too_few_common_faces_leave_sharpness_at_one() -> None:
    s = observed(10, 5)
    s.detail[:, 3] *= 0.1
    assert (photo_sharpness(s) == 1).all()
    two = observed(400, 2)
    two.detail[:, 1] *= 0.1
    assert (photo_sharpness(two) == 1).all()


def test_disagreement_is_the_distance_from_the_median() -> None:
    rng = np.random.default_rng(1)
    s = observed(30, 5)
    s.colours[:] = rng.integers(0, 256, s.colours.shape)
    s.quality[:] = rng.random(s.quality.shape) < 0.8
    tables = np.stack([IDENTITY * g for g in (1, 0.9, 1.1, 1, 0.8)]).astype(np.float32)
    out = disagreement(s.quality, s.colours, tables)
    for i in range(30):
        seen = s.quality[i] > 0
        if seen.sum() < 3:
            assert (out[i] == -1).all()
            continue
        values = np.array([[tables[k, c, s.colours[i, k, c]] for c in range(3)] for k in range(5)])
        expected = np.abs(values - np.median(values[seen], axis=0)).max(1)
        np.testing.assert_allclose(out[i][seen], expected[seen], atol=1e-6)
        assert (out[i][~seen] == -1).all()


def test_smoothing_over_faces_averages_known_values() -> None:
    values = np.array([[0.0], [3.0], [-1.0], [6.0]], np.float32)
    once = smooth_over_faces(values, chain(4), 1)
    np.testing.assert_allclose(once[[0, 1, 3], 0], [1.5, 1.5, 6])
    np.testing.assert_array_equal(smooth_over_faces(values, chain(4), 0), values)
    constant = np.full((6, 2), 0.4, np.float32)
    np.testing.assert_allclose(smooth_over_faces(constant, chain(6), 5), 0.4, rtol=1e-6)


def test_an_occluder_loses_its_weight_where_it_is() -> None:
    s = observed(60, 6)
    s.colours[20:40, 2] = (250, 10, 10)
    factor, half = photo_consistency(s, np.stack([IDENTITY] * 6), chain(60))
    assert 0.06 <= half <= 0.25
    assert (factor[22:38, 2] < 0.05).all()
    assert (
        (np.delete(factor, 2, axis=1) > 0.95).all()
        and (factor[:12, 2] > 0.9).all()
        and (factor[48:, 2] > 0.9).all()
    )


def test_two_photos_cannot_disagree() -> None:
    s = observed(10, 2)
    s.colours[:, 1] = 255 - s.colours[:, 0]
    factor, half = photo_consistency(s, np.stack([IDENTITY] * 2), chain(10))
    assert (factor == 1).all() and half == pytest.approx(0.06)
