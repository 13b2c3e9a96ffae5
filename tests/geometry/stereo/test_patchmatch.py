"""PatchMatch against a slow readable twin and exact planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import cast, look_at, photograph

from lift3d.geometry.camera.projection import pixel_rays, relative_pose
from lift3d.geometry.stereo import patchmatch
from lift3d.geometry.stereo import patchmatch_kernels as _stereo
from lift3d.maps.images_to_depths import photo_depth, plane_normals


def slow_cost(grey, source, reference, camera, x, y, w, gx, gy, sigma):
    """The cost of one pixel's plane in one source view, written as the formula reads."""
    weights, values, others = [], [], []
    K, Ks = reference.K, camera.K
    for dx, dy in patchmatch.OFFSETS:
        xx = min(max(x + dx, 0), grey.shape[1] - 1)
        yy = min(max(y + dy, 0), grey.shape[0] - 1)
        value = grey[yy, xx]
        weights.append(1 / (1 + ((value - grey[y, x]) / sigma) ** 2))
        values.append(value)
        # first-order motion of the window, as the kernel has it, by central differences of the exact plane
        others.append((dx, dy))

    def warp(u, v):
        inverse = w + gx * (u - x - 0.5) + gy * (v - y - 0.5)
        p = np.linalg.inv(K) @ [u, v, 1.0] / inverse
        q = camera.R @ (reference.R.T @ (p - reference.t)) + camera.t
        q = Ks @ q
        return q[:2] / q[2]

    centre = warp(x + 0.5, y + 0.5)
    h = 1e-4
    du = (warp(x + 0.5 + h, y + 0.5) - warp(x + 0.5 - h, y + 0.5)) / (2 * h)
    dv = (warp(x + 0.5, y + 0.5 + h) - warp(x + 0.5, y + 0.5 - h)) / (2 * h)
    samples = []
    for dx, dy in others:
        px, py = centre + du * dx + dv * dy - 0.5
        ix, iy = int(px), int(py)
        fx, fy = px - ix, py - iy
        s = source[iy : iy + 2, ix : ix + 2]
        samples.append(
            (s[0, 0] * (1 - fx) + s[0, 1] * fx) * (1 - fy) + (s[1, 0] * (1 - fx) + s[1, 1] * fx) * fy
        )
    weights, values, samples = np.array(weights) / sum(weights), np.array(values), np.array(samples)
    r = values - weights @ values
    s = samples - weights @ samples
    return 1 - (weights * r) @ s / np.sqrt(((weights * r) @ r + 1) * ((weights * s) @ s + 1))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.integers(30, 120),
    st.integers(30, 90),
    st.floats(0.3, 0.6),
    st.floats(-0.002, 0.002),
    st.floats(-0.002, 0.002),
)
def test_cost_equals_its_slow_twin(x, y, w, gx, gy):
    small = (160, 120, 170.0)
    a, b = look_at([2, 0.3, 1.2], [0, 0, 0.3], *small), look_at([2.1, 0.0, 1.2], [0, 0, 0.3], *small)
    rng = np.random.default_rng(1)
    first, second = (rng.uniform(0, 255, (120, 160)).astype(np.float32) for _ in range(2))
    sources, shape = patchmatch.flatten_images([second])
    M = relative_pose(a, b)[None].astype(np.float32)
    padded = np.pad(first, patchmatch.WINDOW_RADIUS, mode="edge").reshape(-1)
    centred, weight = (
        np.empty(patchmatch.WINDOW_SAMPLES, np.float32),
        np.empty(patchmatch.WINDOW_SAMPLES, np.float32),
    )
    f = np.float32
    variance = _stereo.window(padded, 160 + 2 * patchmatch.WINDOW_RADIUS, x, y, f(14), centred, weight)
    fast = _stereo.view_cost(
        sources, 0, shape, M, f(x + 0.5), f(y + 0.5), f(w), f(gx), f(gy), centred, weight, variance
    )
    if fast in (patchmatch.MAX_COST, patchmatch.OUT_OF_VIEW_COST):
        return
    assert fast == pytest.approx(slow_cost(first, second, a, b, x, y, w, gx, gy, 14.0), abs=4e-3)


@pytest.fixture(scope="module")
def ball():
    cameras = [
        look_at([2.4 * np.cos(a), 2.4 * np.sin(a), 1.2], [0, 0, 0.4]) for a in (0, 0.17, -0.17, 0.33, -0.33)
    ]
    photos = [photograph(c) for c in cameras]
    pyramids = []
    from lift3d.maps.images_to_depths import _pyramid

    for p in photos:
        pyramids.append(_pyramid(p.grey, 3))
    return cameras, pyramids


@pytest.mark.slow
def test_depth_and_normals_of_a_ball_on_a_table(ball):
    cameras, pyramids = ball
    depth = photo_depth(pyramids, cameras, (1.2, 6.0), keep=2, seed=0)
    truth, points = cast(cameras[0])
    inner = np.zeros(truth.shape, bool)
    inner[10:-10, 10:-10] = True
    sphere = inner & (points[..., 2] > 0.15) & (np.linalg.norm(points - [0, 0, 0.5], axis=-1) < 0.501)
    facing = (-(points - [0, 0, 0.5]) / 0.5 * (pixel_rays(cameras[0]) @ cameras[0].R)).sum(-1)
    sphere &= facing / np.linalg.norm(pixel_rays(cameras[0]), axis=-1) > 0.35
    error = np.abs(depth.z - truth)[sphere] / truth[sphere]
    assert (error < 0.006).mean() > 0.9 and np.median(error) < 0.0025  # a third of a pixel of parallax
    normals = depth.normals @ cameras[0].R.astype(np.float32)
    cosine = (normals * (points - [0, 0, 0.5]) / 0.5).sum(-1)[sphere]
    assert np.median(cosine) > 0.97
    assert (depth.normals[..., 2] <= 0.3).mean() > 0.99


@pytest.mark.slow
def test_same_seed_same_bytes_with_any_number_of_threads(ball):
    import numba

    cameras, pyramids = ball
    threads = numba.get_num_threads()
    first = photo_depth(pyramids, cameras, (1.2, 6.0), seed=3)
    try:
        numba.set_num_threads(1)
        second = photo_depth(pyramids, cameras, (1.2, 6.0), seed=3)
    finally:
        numba.set_num_threads(threads)
    assert first.z.tobytes() == second.z.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()


def test_upsampled_planes_stay_the_same_planes():
    w, gx, gy = 0.5, 0.003, -0.002
    y, x = np.mgrid[:10, :14] + 0.5
    coarse = np.stack([w + gx * x + gy * y, np.full(x.shape, gx), np.full(x.shape, gy)]).astype(np.float32)
    fine = patchmatch.upsample_planes(coarse, 20, 28)
    y, x = np.mgrid[:20, :28] + 0.5
    np.testing.assert_allclose(fine[0], w + gx * x / 2 + gy * y / 2, atol=1e-6)
    np.testing.assert_allclose(fine[1], gx / 2, atol=1e-8)


def test_normals_of_a_fronto_parallel_plane_point_at_the_camera():
    camera = look_at([2, 0, 0.5], [0, 0, 0.5], 160, 120, 170.0)
    planes = np.stack([np.full((120, 160), 0.5), np.zeros((120, 160)), np.zeros((120, 160))]).astype(
        np.float32
    )
    np.testing.assert_allclose(
        plane_normals(planes, camera), np.broadcast_to([0, 0, -1.0], (120, 160, 3)), atol=1e-6
    )


def test_random_numbers_fill_the_unit_interval():
    values = np.array([_stereo.hash_random(x, y, 5) for x in range(40) for y in range(40)])
    assert values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 0.5) < 0.03 and abs(values.var() - 1 / 12) < 0.01
