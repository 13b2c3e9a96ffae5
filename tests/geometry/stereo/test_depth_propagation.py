"""Gaps filled from other views: exact depths come back where the photo agrees, and nothing is seen through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import exact_maps, orbit_views

from lift3d.geometry.camera.projection import pixel_rays
from lift3d.geometry.stereo import depth_propagation
from lift3d.geometry.stereo.depth_propagation import propagate_depths


def partners(n):
    return [[(i + d) % n for d in (-2, -1, 1, 2)] for i in range(n)]


def without(depth, rows, columns):
    z, c = depth.z.copy(), depth.confidence.copy()
    z[rows, columns] = 0
    c[rows, columns] = 0
    return replace(depth, z=z, confidence=c)


@pytest.fixture(scope="module")
def views():
    return orbit_views(14)


@pytest.mark.slow
def test_a_gap_is_filled_with_what_the_neighbours_measured(views):
    truth = exact_maps(views)
    gap = (slice(90, 150), slice(120, 200))
    maps = [without(d, *gap) if i == 3 else without(d, slice(0), slice(0)) for i, d in enumerate(truth)]
    maps = propagate_depths(views, maps, partners(14))
    there = maps[3].z[gap] > 0
    error = np.abs(maps[3].z[gap] / truth[3].z[gap] - 1)[there]
    assert there.mean() > 0.85 and np.median(error) < 0.002 and np.quantile(error, 0.99) < 0.02
    cosine = (maps[3].normals[gap] * truth[3].normals[gap]).sum(-1)[there]
    assert np.median(cosine) > 0.99
    assert (maps[3].confidence[gap][there] < 0.9).all() and (maps[3].confidence[gap][there] > 0.3).all()


def test_own_depths_are_left_alone_and_fills_are_no_evidence(views):
    truth = exact_maps(views)
    gap = (slice(90, 150), slice(120, 200))
    # the same gap in all maps but two that are nobody's partners together: nothing can agree
    maps = [
        without(d, slice(None), slice(None)) if i not in (0, 1) else without(d, *gap)
        for i, d in enumerate(truth)
    ]
    before = [d.z.copy() for d in maps]
    maps = propagate_depths(views, maps, partners(14), min_views=3)
    for a, b in zip(before, maps):
        assert (b.z == a).all()


@pytest.mark.slow
def test_nothing_is_seen_through_a_surface_that_nobody_measured(views):
    """All maps lose the ball: the table behind it is carried into its pixels, and the photo refuses it."""
    truth = exact_maps(views)
    maps = []
    for d in truth:
        ray = pixel_rays(d.camera) * d.z[..., None]
        up = (ray @ d.camera.R + d.camera.centre)[..., 2]
        keep = np.where(up > 0.01, 0, 1).astype(np.float32)
        maps.append(replace(d, z=d.z * keep, confidence=d.confidence * keep))
    ball = [(d.z == 0) & (t.z > 0) for d, t in zip(maps, truth)]
    maps = propagate_depths(views, maps, partners(14))
    wrong = sum(int(((d.z > 0) & b).sum()) for d, b in zip(maps, ball)) / sum(int(b.sum()) for b in ball)
    assert wrong < 0.02


def test_warping_equals_its_slow_twin(views):
    """The kernel's nearest depth per pixel against a loop that reads as the docstring."""
    maps = exact_maps(views)
    a, b = maps[0], maps[1]
    turn = a.camera.R @ b.camera.R.T
    move = a.camera.t - turn @ b.camera.t
    h, w = a.z.shape
    nearest, origin = np.zeros((1, h, w), np.float32), np.zeros((1, h, w), np.int32)
    lens = lambda c: np.array([c.fx, c.fy, c.cx, c.cy])  # noqa: E731
    depth_propagation._warp(
        b.z[None],
        lens(b.camera)[None],
        turn[None],
        move[None],
        np.array([b.z.shape]),
        lens(a.camera),
        nearest,
        origin,
    )
    slow = np.full((h, w), np.inf)
    points = (pixel_rays(b.camera) * b.z[..., None])[b.z > 0] @ turn.T + move
    u = a.camera.fx * points[:, 0] / points[:, 2] + a.camera.cx
    v = a.camera.fy * points[:, 1] / points[:, 2] + a.camera.cy
    for x, y, z in zip(u, v, points[:, 2]):
        if z > 0 and 0 <= x < w and 0 <= y < h:
            for row in (int(np.floor(y - 0.5)), int(np.floor(y - 0.5)) + 1):
                for column in (int(np.floor(x - 0.5)), int(np.floor(x - 0.5)) + 1):
                    if 0 <= row < h and 0 <= column < w:
                        slow[row, column] = min(slow[row, column], z)
    slow[np.isinf(slow)] = 0
    assert ((slow > 0) == (nearest[0] > 0)).mean() > 0.9999
    both = (slow > 0) & (nearest[0] > 0)
    np.testing.assert_allclose(nearest[0][both], slow[both], rtol=1e-5)
