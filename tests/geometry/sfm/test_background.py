"""Still surroundings, pixel by pixel, of a synthetic turntable."""

from __future__ import annotations

import numpy as np
import pytest
from box_room import texture

from lift3d.geometry.sfm.background import still_background
from lift3d.types import Image

H, W = 150, 200


def photos(count: int = 9, gain: float = 0.08) -> tuple[list[Image], list[np.ndarray]]:
    """A textured disc that wanders over a textured wall, under changing exposure; and the disc's masks."""
    rng = np.random.default_rng(0)
    wall, disc = texture(1)[:H, :W], texture(2)[:H, :W]
    y, x = np.mgrid[0:H, 0:W]
    images, masks = [], []
    for k in range(count):
        inside = np.hypot(x - 100 - 14 * np.cos(0.7 * k), y - 75 - 8 * np.sin(0.7 * k)) < 38
        pixels = np.where(inside[..., None], np.roll(disc, 9 * k, 1), wall) * 0.8
        pixels = pixels * rng.uniform(1 - gain, 1 + gain) + rng.normal(0, 2, pixels.shape)
        images.append(Image(np.clip(pixels, 0, 255).astype(np.uint8), str(k)))
        masks.append(inside)
    return images, masks


@pytest.mark.slow
def test_the_wall_is_background_and_the_object_is_not() -> None:
    images, masks = photos()
    found = still_background(images)
    assert found is not None
    for still, inside in zip(found, masks):
        assert (still & inside).mean() < 0.002
        far = np.ones((H, W), bool)
        far[20:-20, 35:-35] = False
        assert still[far].mean() > 0.95


def test_a_plain_backdrop_stands_still_too() -> None:
    rng = np.random.default_rng(0)
    images = []
    for k in range(6):
        pixels = np.full((H, W, 3), 6.0)
        pixels[40:110, 60:140] = np.roll(texture(2), 13 * k, 1)[40:110, 60:140]
        images.append(Image(np.clip(pixels + rng.normal(0, 1.5, pixels.shape), 0, 255).astype(np.uint8)))
    found = still_background(images)
    assert found is not None and all(not f[45:105, 65:135].any() and f[:30].all() for f in found)


def test_a_moving_camera_has_no_still_surroundings() -> None:
    images = [Image(np.roll(texture(1)[:H, :W], 17 * k, 1).astype(np.uint8)) for k in range(9)]
    assert still_background(images) is None
    assert still_background(images[:4]) is None
    assert still_background([*images, Image(np.zeros((H, W + 1, 3), np.uint8))]) is None
