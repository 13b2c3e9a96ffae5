"""Sharpness of photos with known blur, noise and contrast."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter1d

from lift3d.geometry.sfm.sharpness import BLURRED, noise_level, sharpness
from lift3d.types import F32


def blocks(seed: int = 0) -> F32:
    """Rectangles of random grey in random places, anti-aliased as a lens does."""
    rng = np.random.default_rng(seed)
    out = np.full((160, 200), 128.0)
    for _ in range(60):
        y, x = rng.integers(0, 150), rng.integers(0, 190)
        out[y : y + rng.integers(8, 40), x : x + rng.integers(8, 40)] = rng.uniform(20, 235)
    return gaussian_filter(out, 0.6).astype(np.float32)


def plaster() -> F32:
    """A matt white ball before a grey wall: soft shading everywhere, and one sharp silhouette."""
    y, x = np.mgrid[0:240, 0:320].astype(float)
    r = np.hypot(x - 160, y - 120) / 90
    ball = 110 + 90 * np.sqrt(np.maximum(1 - r**2, 0)) + 0.1 * (x - 160)
    return gaussian_filter(np.where(r < 1, ball, 100 + 0.05 * y), 0.6).astype(np.float32)


def exposed(grey: F32, noise: float = 2.0) -> F32:
    grain = np.random.default_rng(5).normal(0, noise, grey.shape)
    return np.clip(np.rint(grey + grain), 0, 255).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_sharpness_falls_with_blur_whatever_the_noise(noise: float) -> None:
    values = [sharpness(exposed(gaussian_filter(blocks(), s), noise)) for s in (0.0, 1.0, 2.0, 3.5)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.22 and values[-1] < BLURRED


def test_matt_plaster_in_focus_is_sharp() -> None:
    assert sharpness(exposed(plaster(), 1.0)) > BLURRED
    assert sharpness(exposed(gaussian_filter(plaster(), 3.0), 0.0)) < BLURRED


def test_motion_along_one_axis_is_blur() -> None:
    moved = uniform_filter1d(blocks(), 15, axis=1).astype(np.float32)
    assert sharpness(exposed(moved, 0.5)) < BLURRED < sharpness(exposed(blocks(), 0.5))


def test_contrast_does_not_count_and_without_edges_nothing_is_known() -> None:
    assert sharpness(0.4 * blocks() + 100) == pytest.approx(sharpness(blocks()), abs=0.03)
    assert sharpness(np.full((40, 40), 7, np.float32)) == 1
    assert sharpness(exposed(np.full((80, 80), 90, np.float32), 6.0)) == 1


@pytest.mark.parametrize("noise", [1.0, 4.0])
def test_the_noise_level_is_measured(noise: float) -> None:
    assert noise_level(
        blocks() + np.random.default_rng(0).normal(0, noise, (160, 200)).astype(np.float32)
    ) == pytest.approx(noise, rel=0.35)
