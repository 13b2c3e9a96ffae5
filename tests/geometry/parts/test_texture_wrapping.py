"""Textures made to repeat show the texels of their wrap modes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.geometry.parts import texture_wrapping as wrapping
from lift3d.geometry.parts.texture_wrapping import BORDER, CLAMP, MIRROR, REPEAT, TextureWrapper

PICTURE = Pil.fromarray(np.arange(96).reshape(4, 8, 3).astype(np.uint8) * 2)


def texels(picture: Pil.Image, uv: np.ndarray) -> np.ndarray:
    """(N, 3 or 4) nearest texels with repetition; v up."""
    pixels = np.asarray(picture)
    h, w = pixels.shape[:2]
    return pixels[np.floor((1 - uv[:, 1]) * h).astype(int) % h, np.floor(uv[:, 0] * w).astype(int) % w]


def wrapped(values: np.ndarray, mode: str) -> np.ndarray:
    """Coordinates in [0, 1) that show what `mode` shows at any coordinates."""
    if mode == CLAMP:
        return np.clip(values, 1e-3, 1 - 1e-3)
    if mode == MIRROR:
        return np.clip(1 - np.abs(values % 2 - 1), 1e-3, 1 - 1e-3)
    return values % 1


@pytest.mark.parametrize("u", [REPEAT, CLAMP, MIRROR])
@pytest.mark.parametrize("v", [REPEAT, CLAMP, MIRROR])
@pytest.mark.parametrize("reach", [(0, 1), (-0.3, 1.2), (-2.5, 4.5), (3, 5)])
def test_all_pairs_of_modes(u: str, v: str, reach: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    uv = np.vstack([rng.uniform(*reach, (500, 2)), [reach, reach[::-1]]])
    new, picture = TextureWrapper().repeating(uv, PICTURE, (u, v))
    want = texels(PICTURE, np.column_stack([wrapped(uv[:-2, 0], u), wrapped(uv[:-2, 1], v)]))
    assert np.array_equal(texels(picture, new[:-2]), want)
    if reach == (0, 1) or (u, v) == (REPEAT, REPEAT):
        assert picture is PICTURE and np.array_equal(new, uv)


@pytest.mark.parametrize("border", [(0, 0, 0, 255), (9, 8, 7, 0)])
def test_a_border_has_its_colour(border: tuple[int, int, int, int]) -> None:
    uv = np.array([[-1.0, 0.5], [0.5, 2.0], [0.5, 0.5]])
    new, picture = TextureWrapper().repeating(uv, PICTURE, (BORDER, BORDER), border)
    got = texels(picture, new)
    assert got[0].tolist() == got[1].tolist() == list(border[: got.shape[1]])
    assert got[2, :3].tolist() == texels(PICTURE, uv[2:])[0].tolist()
    assert picture.mode == ("RGB" if border[3] == 255 else "RGBA")


def test_parts_share_textures_and_sizes_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper, uv = TextureWrapper(), np.array([[0, 0], [2.01, 1]])
    first = wrapper.repeating(uv, PICTURE, (CLAMP, CLAMP))[1]
    assert wrapper.repeating(uv + [0.02, 0], PICTURE, (CLAMP, CLAMP))[1] is first
    far, picture = TextureWrapper().repeating(uv * 1e5, PICTURE, (CLAMP, CLAMP))
    assert picture.width <= 8 * 34 and far.min() >= 0 and far.max() <= 1
    monkeypatch.setattr(wrapping, "MAX_PIXELS", 100)
    assert (np.prod(TextureWrapper().repeating(uv, PICTURE, (CLAMP, CLAMP))[1].size)) < 150
    monkeypatch.setattr(wrapping, "MAX_TOTAL", 0)
    big = Pil.new("RGB", (512, 512))
    assert np.prod(TextureWrapper().repeating(uv, big, (CLAMP, CLAMP))[1].size) < 6000


def test_no_coordinates_and_numbers_that_are_not_finite() -> None:
    assert TextureWrapper().repeating(np.zeros((0, 2)), PICTURE, (CLAMP, CLAMP))[1] is PICTURE
    uv, _ = TextureWrapper().repeating(np.array([[np.nan, np.inf], [3, 1]]), PICTURE, (CLAMP, CLAMP))
    assert np.isfinite(uv).all()


def test_pixels_are_repeated_up_to_a_bound() -> None:
    sharp = wrapping.without_interpolation(PICTURE)
    assert sharp.size == (64, 32) and np.array_equal(np.asarray(sharp)[4::8, 4::8], np.asarray(PICTURE))
    large = Pil.new("RGB", (800, 10))
    assert wrapping.without_interpolation(large) is large
