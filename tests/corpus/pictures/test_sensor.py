"""The camera model: exposure, blur, noise and JPEG."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.corpus.pictures.recipes import RECIPES
from lift3d.corpus.pictures.sensor import encode_jpeg, motion_kernel, simulate_sensor

CLEAN = RECIPES["clean"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("length", [0.5, 3.0, 8.4])
@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
def test_motion_kernels_sum_to_one_and_have_the_moments_of_a_line(length: float, angle: float) -> None:
    kernel = motion_kernel(length, angle)
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.shape[0] % 2 == 1 and (kernel >= 0).all()
    centre = kernel.shape[0] // 2
    y, x = np.mgrid[: len(kernel), : len(kernel)] - centre
    along = x * np.cos(angle) + y * np.sin(angle)
    assert (kernel * along).sum() == pytest.approx(0, abs=1e-4)
    assert (kernel * along**2).sum() == pytest.approx(length**2 / 12, abs=0.35)


def test_the_clean_recipe_only_encodes() -> None:
    light = np.full((32, 32, 3), 0.2140, np.float32)  # sRGB 128
    rgb, data, record = simulate_sensor(light, CLEAN, rng())
    assert (
        abs(int(rgb.mean()) - 128) <= 2
        and record["stops"] == 0
        and "blur" not in record
        and "noise" not in record
    )
    assert np.array_equal(rgb, np.array(Pil.open(io.BytesIO(data))))


def test_noise_has_the_stated_variance() -> None:
    recipe = replace(CLEAN, read=0.05, shot=0.02)
    light = np.full((256, 256, 3), 0.3, np.float32)
    _, data, record = simulate_sensor(light, recipe, rng(3))
    read, shot = record["noise"]
    rgb = np.array(Pil.open(io.BytesIO(data)), float) / 255
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    expected = np.sqrt(shot * 0.3 + read**2)
    assert linear.std() == pytest.approx(expected, rel=0.4) and linear.mean() == pytest.approx(0.3, abs=0.02)


def test_blur_and_exposure_are_recorded() -> None:
    recipe = replace(CLEAN, blur=(1.0, 2.0), motion=(1.0, 6.0), exposure=1.0)
    light = np.zeros((64, 64, 3), np.float32)
    light[:, 32:] = 0.5
    rgb, _, record = simulate_sensor(light, recipe, rng(1))
    edge = rgb[32, :, 0].astype(int)
    assert record["blur"] > 0 and record["motion"][0] > 0 and -1 <= record["stops"] <= 1
    assert np.abs(np.diff(edge)).max() < 0.7 * edge.max()


@pytest.mark.parametrize("quality", [30, 89, 90, 95])
def test_colour_is_subsampled_below_quality_90(quality: int) -> None:
    from PIL import JpegImagePlugin

    picture = Pil.open(io.BytesIO(encode_jpeg(np.zeros((16, 16, 3), np.uint8), quality)))
    assert JpegImagePlugin.get_sampling(picture) == (2 if quality < 90 else 0)


def test_the_same_random_numbers_give_the_same_bytes() -> None:
    light = rng().random((32, 32, 3)).astype(np.float32)
    assert (
        simulate_sensor(light, RECIPES["hard"], rng(5))[1]
        == simulate_sensor(light, RECIPES["hard"], rng(5))[1]
    )
