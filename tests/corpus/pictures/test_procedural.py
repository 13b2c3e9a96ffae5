"""Procedural textures and scenes: ranges, seams, spectra, repeatability."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.corpus.pictures.procedural import (
    SIZE,
    TEXTURES,
    random_colour,
    random_scene,
    random_texture,
    similar_colour,
    spectral_noise,
)
from lift3d.corpus.pictures.scenery import random_crop, random_gradient, random_noise, random_occluder


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_colours_stay_in_range_and_similar_ones_are_near() -> None:
    generator = rng()
    for _ in range(200):
        colour = random_colour(generator)
        other = similar_colour(colour, generator, 0.1)
        assert colour.shape == (3,) and (colour >= 0).all() and (colour <= 255).all()
        assert (other >= 8).all() and (other <= 247).all()
        assert np.abs(np.log((other + 1) / (np.clip(colour, 8, 247) + 1))).max() < 0.7


@pytest.mark.parametrize("slope", [0.5, 1.0, 1.5])
def test_noise_is_normalised_with_the_stated_spectrum(slope: float) -> None:
    values = np.mean([np.abs(np.fft.rfft2(spectral_noise(rng(k), slope))) for k in range(6)], 0)
    f = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None]) * SIZE
    low, high = values[(f > 4) & (f < 8)].mean(), values[(f > 32) & (f < 64)].mean()
    assert np.log2(low / high) == pytest.approx(3 * slope, abs=0.35)
    one = spectral_noise(rng(), slope)
    assert one.std() == pytest.approx(1, abs=1e-3) and abs(one.mean()) < 1e-4


def test_stretched_noise_changes_slower_along_x() -> None:
    noise = spectral_noise(rng(), 0.9, 12.0)
    assert np.abs(np.diff(noise, axis=0)).mean() > 2 * np.abs(np.diff(noise, axis=1)).mean()


@pytest.mark.parametrize("index", range(len(TEXTURES)))
def test_every_texture_repeats_without_a_seam(index: int) -> None:
    for seed in range(3):
        texture = np.asarray(TEXTURES[index](rng(seed)), float)
        inner = np.abs(np.diff(texture, axis=1)).mean((0, 2))
        seam = np.abs(texture[:, 0] - texture[:, -1]).mean()
        assert texture.shape == (SIZE, SIZE, 3) and seam <= inner.max() * 1.5 + 4


@pytest.mark.parametrize("make", [random_texture, random_scene])
def test_pictures_are_bytes_and_repeatable(make) -> None:  # type: ignore[no-untyped-def]
    a, b, other = make(rng(4)), make(rng(4)), make(rng(5))
    assert a.dtype == np.uint8 and a.shape == (SIZE, SIZE, 3) and (a == b).all() and (a != other).any()


@pytest.mark.parametrize("size", [16, 33, 64])
def test_gradients_noise_and_crops_have_the_stated_size(size: int) -> None:
    for picture in (
        random_gradient(size, rng()),
        random_noise(size, rng()),
        random_crop(random_texture(rng()), "ground", size, rng()),
    ):
        assert picture.shape == (size, size, 3) and picture.dtype == np.uint8


def test_upright_pictures_are_never_rotated() -> None:
    ramp = np.tile(np.linspace(0, 255, SIZE)[:, None, None], (1, SIZE, 3)).astype(np.uint8)
    for seed in range(12):
        crop = random_crop(ramp, "scene", 32, rng(seed)).astype(int)
        assert (np.diff(crop[:, 0, 0]) >= 0).all()
    rotated = [random_crop(ramp, "ground", 32, rng(seed)).astype(int) for seed in range(12)]
    assert any(not (np.diff(c[:, 0, 0]) > 0).any() for c in rotated)


def test_occluders_cover_a_part_of_the_object() -> None:
    mask = np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    covered = [float((random_occluder(mask, rng(seed))[mask] > 0.5).mean()) for seed in range(40)]
    assert 0 < np.mean(covered) < 0.8 and sum(c > 0 for c in covered) > 30
