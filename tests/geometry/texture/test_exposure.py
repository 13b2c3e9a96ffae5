"""Exposures: known gains come back, through noise, highlights and a passer-by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.geometry.texture.exposure import estimate_gains, gain_tables


def shots(seed: int, photos: int, spread: float, faces: int = 1500) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    radiance = rng.uniform(0.03, 0.5, (faces, 1, 3))
    gains = np.exp(rng.normal(size=(photos, 3)) * spread)
    seen = rng.random((faces, photos)) < 0.4
    light = radiance * gains[None] * np.exp(rng.normal(size=(faces, photos, 3)) * 0.03)
    return np.rint(linear_to_srgb(light.clip(0, 1)) * 255).astype(np.uint8), seen, gains


def error(found: np.ndarray, gains: np.ndarray) -> float:
    ratio = np.log(found * gains)
    return float(np.abs(ratio - ratio.mean(0)).max())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 20), st.floats(0, 0.3))
def test_gains_come_back(seed: int, photos: int, spread: float) -> None:
    colours, seen, gains = shots(seed, photos, spread)
    found = estimate_gains(colours, seen)
    assert error(found, gains) < 0.03
    np.testing.assert_allclose(np.exp(np.log(found).mean(0)), 1, rtol=1e-6)


def test_outliers_do_not_count() -> None:
    colours, seen, gains = shots(3, 10, 0.2)
    colours[:500, 4] = (200, 40, 40)  # a passer-by before a third of the faces
    colours[700:800] = np.minimum(colours[700:800].astype(int) + 60, 255)
    assert error(estimate_gains(colours, seen), gains) < 0.03


def test_photo_that_shares_nothing_keeps_its_exposure() -> None:
    colours, seen, gains = shots(0, 5, 0.0)
    seen[:, 2] = False
    np.testing.assert_allclose(estimate_gains(colours, seen)[2], 1, atol=0.02)
    assert (estimate_gains(colours, np.zeros_like(seen)) == 1).all()


def test_srgb_round_trip_and_tables() -> None:
    s = np.linspace(0, 1, 257)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(s)), s, atol=1e-6)
    tables = gain_tables(np.array([[1.0, 2.0, 0.5]]))
    np.testing.assert_allclose(tables[0, 0], np.arange(256) / 255, atol=1e-6)
    assert (np.diff(tables, axis=2) > 0).all()
    assert srgb_to_linear(np.array(tables[0, 1, 128], np.float64)) == pytest.approx(
        2 * float(srgb_to_linear(np.array(128 / 255))), rel=1e-4
    )
