"""The kernels of PatchMatch one by one: window statistics, slant limit, best views, sweeps on a plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import pixel_rays
from lift3d.geometry.stereo import patchmatch
from lift3d.geometry.stereo import patchmatch_kernels as kernels

F = np.float32
WIDTH, HEIGHT = 36, 28


def window_twin(grey: np.ndarray, x: int, y: int, sigma: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Weights, centred values and variance of a window, as the docstring reads."""
    rows = [min(max(y + dy, 0), grey.shape[0] - 1) for _, dy in kernels.OFFSETS]
    columns = [min(max(x + dx, 0), grey.shape[1] - 1) for dx, _ in kernels.OFFSETS]
    values = grey[rows, columns].astype(float)
    weight = 1 / (1 + ((values - grey[y, x]) / sigma) ** 2)
    weight /= weight.sum()
    centred = values - weight @ values
    return weight, weight * centred, float(weight @ centred**2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.floats(3, 60))
def test_window_statistics_equal_their_twin(x: int, y: int, sigma: float) -> None:
    grey = np.random.default_rng(0).uniform(0, 255, (HEIGHT, WIDTH)).astype(np.float32)
    radius = kernels.WINDOW_RADIUS
    padded = np.pad(grey, radius, mode="edge").reshape(-1)
    centred, weight = np.empty(kernels.WINDOW_SAMPLES, F), np.empty(kernels.WINDOW_SAMPLES, F)
    variance = kernels.window(padded, WIDTH + 2 * radius, x, y, F(sigma), centred, weight)
    expected = window_twin(grey, x, y, sigma)
    np.testing.assert_allclose(weight, expected[0], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(centred, expected[1], rtol=1e-2, atol=2e-2)
    assert variance == pytest.approx(expected[2], rel=1e-3, abs=1e-2)


@settings(max_examples=40, deadline=None)
@given(st.floats(-80, 80), st.floats(0, 360), st.floats(0, WIDTH), st.floats(0, HEIGHT))
def test_the_slant_limit_is_the_angle_to_the_ray(tilt: float, azimuth: float, u: float, v: float) -> None:
    """A plane through the ray at depth 2 whose normal is tilted against the optical axis."""
    fx = fy = 40.0
    cx, cy = WIDTH / 2, HEIGHT / 2
    t, a = np.radians([tilt, azimuth])
    normal = np.array([np.sin(t) * np.cos(a), np.sin(t) * np.sin(a), np.cos(t)])
    ray = np.array([(u - cx) / fx, (v - cy) / fy, 1.0])
    offset = 2 * normal @ ray
    cosine = abs(normal @ ray) / np.linalg.norm(ray)
    if abs(cosine - 0.12) < 1e-3 or cosine < 1e-3:
        return
    w, gx, gy = normal @ ray / offset, normal[0] / (fx * offset), normal[1] / (fy * offset)
    values = [F(x) for x in (w, gx, gy, u, v, fx, fy, cx, cy, 0.12)]
    assert bool(kernels.slant_ok(*values)) == (cosine > 0.12)


def scene() -> tuple[list, list, np.ndarray]:
    """Three views of the textured plane z = 0, and the reference's true inverse depth planes (3, H, W)."""
    rng = np.random.default_rng(2)
    waves = rng.normal(size=(12, 2)) * rng.uniform(3, 11, (12, 1))
    phase = rng.uniform(0, 6, 12)
    cameras = [
        look_at(np.array([x, y, 2.0]), np.array([0.1, 0, 0]), WIDTH, HEIGHT, 40.0)
        for x, y in ((0.5, -1.4), (0.75, -1.3), (0.2, -1.45))
    ]
    greys = []
    for camera in cameras:
        rays = pixel_rays(camera) @ camera.R
        points = camera.centre + rays * (-camera.centre[2] / rays[..., 2])[..., None]
        greys.append(
            (127 + 25 * np.sin(points[..., :2] @ waves.T + phase).sum(-1)).clip(0, 255).astype(np.float32)
        )
    first = cameras[0]
    normal, offset = first.R @ [0, 0, 1.0], first.t @ (first.R @ [0, 0, 1.0])
    gx, gy = normal[0] / (first.fx * offset), normal[1] / (first.fy * offset)
    u, v = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    w = normal[2] / offset + gx * (u - first.cx) + gy * (v - first.cy)
    return cameras, greys, np.stack([w, np.full_like(w, gx), np.full_like(w, gy)]).astype(np.float32)


def test_the_true_plane_costs_less_than_any_other() -> None:
    cameras, greys, truth = scene()
    photos = patchmatch.prepare_photos(greys, cameras, 2)
    y, x = (a.ravel() for a in np.mgrid[8:20, 10:26])
    right = patchmatch.evaluate_planes(photos, WIDTH, x, y, np.ascontiguousarray(truth[:, y, x]))
    assert np.median(right) < 0.05
    for factor in (0.9, 1.1):
        planes = np.ascontiguousarray(truth[:, y, x] * np.array([[factor], [1], [1]], F))
        wrong = patchmatch.evaluate_planes(photos, WIDTH, x, y, planes)
        assert (wrong > right).mean() > 0.97


def test_impossible_planes_have_the_largest_cost() -> None:
    cameras, greys, _ = scene()
    photos = patchmatch.prepare_photos(greys, cameras, 2)
    behind = np.array([[-0.4], [0], [0]], F)
    assert (
        patchmatch.evaluate_planes(photos, WIDTH, np.array([18]), np.array([14]), behind)[0]
        == kernels.MAX_COST
    )
    aside = np.array([[3.0], [0], [0]], F)  # so close that it falls beyond the image of every source view
    assert (
        patchmatch.evaluate_planes(photos, WIDTH, np.array([18]), np.array([14]), aside)[0]
        >= kernels.OUT_OF_VIEW_COST
    )


def test_the_cost_is_the_mean_of_the_best_views() -> None:
    cameras, greys, truth = scene()
    x, y = np.array([18]), np.array([14])
    plane = np.ascontiguousarray(truth[:, y, x]) * F(1.02)
    single = [
        patchmatch.evaluate_planes(
            patchmatch.prepare_photos([greys[0], greys[k]], [cameras[0], cameras[k]], 1), WIDTH, x, y, plane
        )[0]
        for k in (1, 2)
    ]
    for keep, expected in ((1, min(single)), (2, sum(single) / 2), (9, sum(single) / 2)):
        photos = patchmatch.prepare_photos(greys, cameras, keep)
        assert patchmatch.evaluate_planes(photos, WIDTH, x, y, plane)[0] == pytest.approx(expected, abs=1e-5)


def test_initial_planes_are_within_the_span_and_their_costs_are_theirs() -> None:
    cameras, greys, truth = scene()
    photos = patchmatch.prepare_photos(greys, cameras, 2)
    planes, cost = np.empty((3, HEIGHT, WIDTH), F), np.empty((HEIGHT, WIDTH), F)
    chosen = np.empty((HEIGHT, WIDTH), np.uint8)
    span = (F(0.2), F(0.8))
    patchmatch.initialise_planes(photos, planes, cost, chosen, views=2, tries=8, span=span, seed=1)
    assert (planes[0] >= span[0]).all() and (planes[0] <= span[1]).all() and (planes[1:] == 0).all()
    assert set(np.unique(chosen)) <= {3}
    y, x = (a.ravel() for a in np.mgrid[:HEIGHT, :WIDTH])
    again = patchmatch.evaluate_planes(photos, WIDTH, x, y, planes.reshape(3, -1))
    np.testing.assert_allclose(cost.ravel(), again, atol=1e-5)
    kept, before = truth.copy(), truth.copy()
    patchmatch.initialise_planes(photos, kept, cost, chosen, views=1, tries=0, span=span, seed=1)
    np.testing.assert_array_equal(kept, before)
    assert set(np.unique(chosen)) <= {1, 2}


def test_sweeps_never_raise_the_cost_and_spread_a_good_plane() -> None:
    """One true plane among wrong ones reaches its neighbourhood; each half-sweep changes one colour only."""
    cameras, greys, truth = scene()
    photos = patchmatch.prepare_photos(greys, cameras, 2)
    planes = truth * np.array([1.3, 1, 1], F)[:, None, None]
    planes[:, 14, 18] = truth[:, 14, 18]
    cost, chosen = np.empty((HEIGHT, WIDTH), F), np.empty((HEIGHT, WIDTH), np.uint8)
    span = (F(0.1), F(0.9))
    patchmatch.initialise_planes(photos, planes, cost, chosen, views=2, tries=0, span=span, seed=0)
    K = np.array([cameras[0].fx, cameras[0].fy, cameras[0].cx, cameras[0].cy], F)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for sweep in range(6):
        before, old = cost.copy(), planes.copy()
        patchmatch.propagate_planes(
            photos,
            planes,
            cost,
            chosen,
            K=K,
            parity=sweep % 2,
            far=3,
            step=F(0),
            tilt=F(0),
            span=span,
            tries=0,
            seed=0,
        )
        assert (cost <= before).all()
        other = (x + y) % 2 != sweep % 2
        np.testing.assert_array_equal(planes[:, other], old[:, other])
    patch = (slice(11, 18), slice(15, 22))
    assert (np.abs(planes[0] / truth[0] - 1)[patch] < 1e-3).mean() > 0.9


def test_flattened_images_keep_their_pixels() -> None:
    rng = np.random.default_rng(0)
    images = [rng.random(shape).astype(np.float32) for shape in ((3, 4), (5, 2), (1, 7))]
    flat, shape = patchmatch.flatten_images(images)
    for image, (offset, stride, height, width) in zip(images, shape):
        assert stride == width
        np.testing.assert_array_equal(flat[offset : offset + image.size].reshape(height, width), image)
