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


def test_light_that_stands_still_before_a_turning_object_is_no_exposure() -> None:
    """A round body with a matt surface makes two thirds of a turn, 15 degrees a photo, before a lamp beside the camera."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(4000, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    turns = np.radians(np.arange(0, 240, 15))
    zeros, ones = np.zeros_like(turns), np.ones_like(turns)
    # world (z up) to camera (x right, y down, z forward)
    right = np.stack([np.cos(turns), np.sin(turns), zeros], 1)
    ahead = np.stack([-np.sin(turns), np.cos(turns), zeros], 1)
    to_camera = np.stack([right, np.stack([zeros, zeros, -ones], 1), ahead], 1)
    local = np.einsum("vij,fj->fvi", to_camera, normal)
    seen = local[..., 2] < -0.35
    lamp = np.array([-0.7, -0.4, -0.6])
    light = 0.25 + 0.75 * np.clip(local @ (lamp / np.linalg.norm(lamp)), 0, 1)
    radiance = rng.uniform(0.1, 0.7, (4000, 1, 3)) * light[..., None]
    colours = np.rint(linear_to_srgb(radiance) * 255).astype(np.uint8)
    drifting = np.log(estimate_gains(colours, seen))
    level = np.log(estimate_gains(colours, seen, local))
    assert np.ptp(drifting) > 0.5 and np.ptp(level) < 0.12
    gains = np.exp(rng.normal(size=(16, 3)) * 0.1)
    brighter = np.rint(linear_to_srgb((radiance * gains).clip(0, 1)) * 255).astype(np.uint8)
    assert error(estimate_gains(brighter, seen, local), gains) < 0.1
