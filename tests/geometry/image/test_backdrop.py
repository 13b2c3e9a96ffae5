"""A plain backdrop is recognised whatever its colour and shading, and a room is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.image.backdrop import object_before_backdrop
from lift3d.geometry.metrics.iou import iou

H, W = 180, 240


def blob(rng: np.random.Generator) -> np.ndarray:
    """An ellipse in the middle that may reach the lower edge."""
    y, x = np.mgrid[0:H, 0:W]
    a, b = rng.uniform(30, 70), rng.uniform(30, 60)
    return ((x - W / 2) / a) ** 2 + ((y - rng.uniform(80, 140)) / b) ** 2 < 1


def picture(rng: np.random.Generator, colour: np.ndarray, mask: np.ndarray, noise: float) -> np.ndarray:
    """A spotted thing before a backdrop of one colour with falling light."""
    y, x = np.mgrid[0:H, 0:W]
    light = 1 - 0.2 * ((x / W - 0.5) ** 2 + (y / H - 0.5) ** 2) + 0.1 * (x / W - 0.5)
    thing = (colour + 128) % 256 + 30 * ndimage.gaussian_filter(rng.normal(0, 6, (H, W, 3)), (3, 3, 0))
    rgb = np.where(mask[..., None], thing, colour * light[..., None])
    return (rgb + rng.normal(0, noise, rgb.shape)).clip(0, 255).astype(np.uint8)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([4, 60, 128, 245]), st.sampled_from([0.0, 1.0, 2.0]))
@pytest.mark.slow
def test_the_object_is_found_before_any_plain_backdrop(seed: int, grey: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    mask = blob(rng)
    found = object_before_backdrop(picture(rng, np.full(3, float(grey)), mask, noise))
    assert found is not None
    outline = mask & ~ndimage.binary_erosion(mask)
    assert (found.mask ^ mask).sum() / outline.sum() < 1.0  # pixels between the outlines


def test_a_coloured_sheet_is_plain() -> None:
    rng = np.random.default_rng(1)
    mask = blob(rng)
    found = object_before_backdrop(picture(rng, np.array([40.0, 120.0, 60.0]), mask, 2.0))
    assert found is not None and iou(found.mask, mask) > 0.95


@pytest.mark.parametrize("kind", ["texture", "two walls", "empty", "all object"])
def test_other_pictures_have_no_plain_backdrop(kind: str) -> None:
    rng = np.random.default_rng(2)
    texture = 128 + 300 * ndimage.gaussian_filter(rng.normal(0, 1, (H, W, 3)), (2, 2, 0))
    plain = np.full((H, W, 3), 90.0) + rng.normal(0, 2, (H, W, 3))
    walls = plain + 60.0 * (np.arange(W) > W // 2)[None, :, None]
    all_object = np.where(np.pad(np.ones((H - 8, W - 8, 1), bool), ((4, 4), (4, 4), (0, 0))), texture, plain)
    rgb = {"texture": texture, "two walls": walls, "empty": plain, "all object": all_object}[kind]
    assert object_before_backdrop(rgb.clip(0, 255).astype(np.uint8)) is None


def test_specks_on_the_backdrop_are_left_out() -> None:
    rng = np.random.default_rng(3)
    mask = blob(rng)
    rgb = picture(rng, np.full(3, 230.0), mask, 1.0)
    rgb[5:9, 5:9] = 0
    found = object_before_backdrop(rgb)
    assert found is not None and not found.mask[:12, :12].any()


def shaded(rgb: np.ndarray, mask: np.ndarray, shift: tuple[int, int] = (25, 40)) -> np.ndarray:
    """The picture with a soft shadow of the object beside it, and the rim of a plate below."""
    shadow = ndimage.gaussian_filter(np.roll(mask, shift, (0, 1)).astype(float), 6)
    rgb = rgb * np.where(mask, 1, 1 - 0.6 * shadow)[..., None]
    y, x = np.mgrid[0:H, 0:W]
    rim = np.abs(np.hypot((x - W / 2) / 100, (y - 150) / 25) - 1) < 0.06
    return np.where((rim & (y > 150) & ~mask)[..., None], rgb * 0.6, rgb).clip(0, 255).astype(np.uint8)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(235, 235, 235), (120, 120, 120), (120, 170, 210)]))
def test_shadows_and_the_rim_of_a_plate_are_no_part_of_the_object(seed: int, colour: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    mask = blob(rng) & (np.arange(H) < 150)[:, None]
    spots = np.array([150.0, 80.0, 40.0]) + 30 * ndimage.gaussian_filter(
        rng.normal(0, 6, (H, W, 3)), (3, 3, 0)
    )
    rgb = shaded(np.where(mask[..., None], spots, np.array(colour, float)), mask)
    rgb = (rgb + rng.normal(0, 0.7, rgb.shape)).clip(0, 255).astype(np.uint8)
    found = object_before_backdrop(rgb)
    assert found is not None and found.clear
    assert iou(found.unshaded, mask) > 0.9 > iou(found.mask, mask)


def test_a_white_mug_with_a_print_before_white_is_not_taken_for_its_shadow() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0:H, 0:W]
    mask = (np.abs(x - 120) < 45) & (np.abs(y - 90) < 60)
    body = 215 - 50 * ((x - 120) / 45.0) ** 2
    rgb = np.where(mask, body, 240.0)[..., None] * np.ones(3)
    print_ = (np.abs(x - 120) < 18) & (np.abs(y - 95) < 18)
    rgb[print_] = (180, 40, 40)
    found = object_before_backdrop((rgb + rng.normal(0, 0.7, rgb.shape)).clip(0, 255).astype(np.uint8))
    assert found is not None and not found.clear and iou(found.mask, mask) > 0.95


def test_a_black_backdrop_shows_no_shadows() -> None:
    rng = np.random.default_rng(5)
    mask = blob(rng)
    found = object_before_backdrop(picture(rng, np.full(3, 4.0), mask, 1.0))
    assert found is not None and not found.clear and np.array_equal(found.mask, found.unshaded)
