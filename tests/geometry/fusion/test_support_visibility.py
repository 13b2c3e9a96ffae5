"""Visibility of the table without depth: exact on a ball over a textured table; the kernel against a slow twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import cast, exact_maps, look_at, orbit_views

from lift3d.geometry.fusion import support_visibility as plane
from lift3d.types import DepthMaps

LOW, HIGH = np.array([-0.6, -0.6, 0.01]), np.array([0.6, 0.6, 1.1])


@pytest.fixture(scope="module")
def found():
    views = orbit_views(14)
    grid = plane.plane_grid(np.eye(4), LOW, HIGH, 0.0, 0.01)
    confidence = plane.support_visibility([i.pixels for i in views.images], views.cameras, grid)
    return views, grid, confidence


@pytest.mark.slow
def test_pixels_of_the_table_are_found_and_those_of_the_ball_are_not(found) -> None:
    views, grid, confidence = found
    right = wrong = table = ball = 0
    for camera, seen in zip(views.cameras, confidence):
        pixels, z = plane.visibility_of_pixels(camera, grid, seen)
        true_z, p = cast(camera)
        on_table = (true_z > 0) & (np.abs(p[..., 2]) < 1e-6)
        met = z > 0
        assert np.allclose(z[met & on_table], true_z[met & on_table], atol=1e-4)
        right += (on_table & met & (pixels > 0.5)).sum()
        table += (on_table & met).sum()
        # near the contact the ball and the table are one
        high = (true_z > 0) & (p[..., 2] > 0.08)
        wrong += (high & (pixels > 0.5)).sum()
        ball += high.sum()
    assert right > 0.6 * table
    assert wrong < 0.002 * ball


def test_without_depth_the_table_is_added_and_what_was_measured_stays(found) -> None:
    views, _, _ = found
    blank = []
    for k, depth in enumerate(exact_maps(views)):
        z = depth.z.copy()
        z[:, : z.shape[1] // 2] = 0
        blank.append(replace(depth, z=z, propagated=np.zeros(z.shape, bool)) if k % 2 else depth)
    before = DepthMaps(views, tuple(blank))
    after = plane.add_support_depth(before, np.eye(4), LOW, HIGH, 0.0)
    for a, b in zip(before.depths, after.depths):
        assert (b.z[a.z > 0] == a.z[a.z > 0]).all()
        new = (a.z == 0) & (b.z > 0)
        true_z, p = cast(a.camera)
        if (a.z == 0).sum() > 1000:
            assert new.sum() > 1000
        assert (np.abs(true_z - b.z)[new & (p[..., 2] < 1e-6)] < 1e-4).all()
        assert b.normals is not None and b.confidence is not None and (b.confidence[new] > 0).all()


def test_the_kernel_equals_its_slow_twin() -> None:
    rng = np.random.default_rng(3)
    patches = rng.normal(0, 5, (4, 14, 12)).astype(np.float32)
    patches[1:3] = patches[0] + rng.normal(0, 2, (2, 14, 12)).astype(np.float32)
    patches[2, :3] = np.nan
    chroma = np.full((4, 14, 12, 2), 0.33, np.float32)
    chroma[1, :, 8:] = 0.5
    others = np.array([[1, 2, 3], [0, 2, -1], [3, 0, 1], [0, 1, 2]])
    fast = plane._agreement(patches, chroma, others, 2, 1.0, 0.02)
    slow = np.zeros_like(fast)
    for v, i, j in np.ndindex(*fast.shape):
        window = np.s_[i - 2 : i + 3, j - 2 : j + 3]
        if not (2 <= i < 12 and 2 <= j < 10):
            continue
        scores = [0.0, 0.0]
        for o in others[v]:
            a, b = patches[v][window].astype(float).ravel(), patches[o][window].astype(float).ravel()
            if o < 0 or np.isnan(a).any() or np.isnan(b).any() or a.std() < 1 or b.std() < 1:
                continue
            if np.abs(chroma[v, i, j] - chroma[o, i, j]).max() <= 0.02:
                scores.append(float(np.corrcoef(a, b)[0, 1]))
        slow[v, i, j] = sorted(scores)[-2]
    np.testing.assert_allclose(fast, slow, atol=2e-5)
    assert (fast > 0.7).any() and (fast == 0).any()


def test_photos_from_nearly_the_same_place_are_not_compared() -> None:
    near = [look_at([2.0, 0.02 * k, 1.5], [0, 0, 0]) for k in range(5)]
    far = [look_at([0, 2.0, 1.5], [0, 0, 0])]
    others = plane.choose_others([*near, *far], np.zeros(3))
    assert all(set(row) == {-1, 5} for row in others[:5].tolist())
    assert set(others[5].tolist()) == {-1, 0, 1, 2, 3, 4}
