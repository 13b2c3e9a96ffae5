"""Lens distortion: round trips, full coverage, and the resampling kernel against its twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.camera.undistort import (
    _bicubic,
    distort_points,
    undistort,
    undistort_points,
    undistorted_camera,
)
from lift3d.types import Camera, Image


def camera(*distortion: float) -> Camera:
    return Camera(96, 64, 80.0, 80.0, 49.0, 31.0, np.eye(4), distortion)


def bicubic_twin(pixels: np.ndarray, u: float, v: float) -> np.ndarray:
    def kernel(d: float) -> float:
        d = abs(d)
        if d < 1:
            return 1.5 * d**3 - 2.5 * d**2 + 1
        return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0

    height, width = pixels.shape[:2]
    x, y = np.clip(u - 0.5, 0, width - 1), np.clip(v - 0.5, 0, height - 1)
    total = np.zeros(3)
    for row in range(int(y) - 1, int(y) + 3):
        for column in range(int(x) - 1, int(x) + 3):
            value = pixels[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
            total += kernel(x - column) * kernel(y - row) * value
    return np.clip(total + 0.5, 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_the_fast_kernel_equals_its_slow_twin():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    at = rng.uniform([-2, -2], [32, 22], (9, 11, 2))
    out = np.empty((9, 11, 3), np.uint8)
    _bicubic(pixels, at, out)
    twin = np.array([[bicubic_twin(pixels, *at[i, j]) for j in range(11)] for i in range(9)])
    assert np.abs(out.astype(int) - twin).max() <= 1


@settings(max_examples=40, deadline=None)
@given(k1=st.floats(-0.25, 0.25), k2=st.floats(-0.05, 0.05), p=st.floats(-0.005, 0.005))
def test_the_photo_covers_every_pixel_of_the_pinhole(k1, k2, p):
    lens = camera(k1, k2, p, -p)
    pinhole = undistorted_camera(lens)
    u, v = np.meshgrid(np.arange(96) + 0.5, np.arange(64) + 0.5)
    xy = np.stack([(u - pinhole.cx) / pinhole.fx, (v - pinhole.cy) / pinhole.fy], -1)
    at = distort_points(xy, lens.distortion) * 80 + [49.0, 31.0]
    assert at.min() > -0.1 and (at < [96.1, 64.1]).all()
    assert pinhole.distortion == () and (pinhole.width, pinhole.height) == (96, 64)


@pytest.mark.parametrize("k1", [-0.2, 0.15])
def test_a_linear_image_of_the_scene_stays_linear(k1):
    """Radiance linear in the scene's x and y is linear in the pixels of the pinhole camera."""
    lens = camera(k1, 0.0, 0.0, 0.0)
    u, v = np.meshgrid(np.arange(96) + 0.5, np.arange(64) + 0.5)
    seen = np.stack([(u - 49) / 80, (v - 31) / 80], -1)
    straight = seen.copy()
    for _ in range(50):
        straight = straight - (distort_points(straight, lens.distortion) - seen)
    pixels = np.repeat((128 + 120 * straight[..., :1] + 60 * straight[..., 1:]).round(), 3, 2).astype(
        np.uint8
    )
    mask = straight[..., 0] > 0
    image, pinhole = undistort(Image(pixels, mask=mask, focal=80.0), lens)
    x, y = (u - pinhole.cx) / pinhole.fx, (v - pinhole.cy) / pinhole.fy
    assert np.abs(image.pixels[..., 0] - (128 + 120 * x + 60 * y)).max() < 2.0
    assert (image.mask == (x > 0)).mean() > 0.97
    assert image.focal == pinhole.fx


def test_a_pinhole_photo_is_returned_unchanged():
    image = Image(np.zeros((64, 96, 3), np.uint8))
    assert undistort(image, camera())[0] is image
    assert undistort(image, camera(1e-5, 0.0, 0.0, 0.0))[0] is image


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-0.2, 0.2), st.floats(-0.05, 0.05), st.floats(-0.005, 0.005), st.floats(-0.005, 0.005),
    st.integers(0, 10_000),
)  # fmt: skip
@pytest.mark.slow
def test_distortion_and_its_inverse_cancel(k1: float, k2: float, p1: float, p2: float, seed: int) -> None:
    xy = np.random.default_rng(seed).uniform(-0.6, 0.6, (30, 2))
    r = np.linspace(0, 1.5, 1000)
    imaged = r * (1 + k1 * r**2 + k2 * r**4)
    folds = np.flatnonzero(np.diff(imaged) <= 0)
    # a lens that folds back images no point beyond this radius
    largest = imaged[folds[0]] if len(folds) else np.inf
    xy = xy[np.hypot(*xy.T) < 0.9 * largest]
    lens = (k1, k2, p1, p2)
    np.testing.assert_allclose(distort_points(undistort_points(xy, lens), lens), xy, atol=1e-8)
    np.testing.assert_allclose(undistort_points(distort_points(xy, lens), lens), xy, atol=1e-8)


def test_distortion_of_known_points() -> None:
    """Radial terms scale the point; tangential terms as in OpenCV's documentation."""
    point = np.array([0.3, 0.4])  # r2 = 0.25
    np.testing.assert_allclose(distort_points(point, (0.2, 0.0, 0.0, 0.0)), point * 1.05)
    np.testing.assert_allclose(distort_points(point, (0.0, 0.16, 0.0, 0.0)), point * 1.01)
    np.testing.assert_allclose(distort_points(point, (0.0, 0.0, 0.1, 0.0)), point + [0.024, 0.057])
    np.testing.assert_allclose(distort_points(point, (0.0, 0.0, 0.0, 0.1)), point + [0.043, 0.024])
    assert distort_points(point, ()) is point


def test_sampling_at_pixel_centres_returns_the_pixels() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (6, 7, 3)).astype(np.uint8)
    u, v = np.meshgrid(np.arange(7) + 0.5, np.arange(6) + 0.5)
    out = np.empty_like(pixels)
    _bicubic(pixels, np.stack([u, v], -1), out)
    np.testing.assert_array_equal(out, pixels)
