"""Boxes, masks and samples of the fusion of depth maps, and the field of a ball."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import cast, orbit_views

from lift3d.geometry.camera.similarity import upright_frame
from lift3d.geometry.fusion.fuse import FusionSettings, OrientedBox, fuse, sample_measured_points
from lift3d.types import Depth, DepthMaps


@pytest.fixture(scope="module")
def maps() -> DepthMaps:
    """Exact depth of a ball on its table, with exact normals."""
    views = orbit_views(10)
    depths = []
    for camera in views.cameras:
        z, p = cast(camera)
        on_ball = (np.abs(np.linalg.norm(p - [0, 0, 0.5], axis=-1) - 0.5) < 1e-5)[..., None]
        world = np.where(on_ball, (p - [0, 0, 0.5]) / 0.5, [0.0, 0.0, 1.0])
        normals = np.where((z > 0)[..., None], world @ camera.R.T, 0).astype(np.float32)
        depths.append(Depth(z, camera, normals, (z > 0).astype(np.float32)))
    return DepthMaps(views, tuple(depths))


def test_a_box_knows_its_size_and_its_local_frame():
    frame = upright_frame(np.array([1.0, 2, 2]), np.array([1.0, 2, 3]))
    box = OrientedBox(frame, np.zeros(3), np.array([1.0, 2, 2]))
    assert box.diagonal == 3 and box.extent.tolist() == [1, 2, 2]
    local = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_allclose(box.to_local(local @ frame[:3, :3].T + frame[:3, 3]), local, atol=1e-12)


def test_sampled_points_lie_on_the_surface_and_within_the_masks(maps):
    points = sample_measured_points(maps, 5000)
    assert 4000 < len(points) < 6000
    radius = np.linalg.norm(points.xyz - [0, 0, 0.5], axis=1)
    assert (np.minimum(np.abs(radius - 0.5), np.abs(points.xyz[:, 2])) < 1e-4).all()
    left = np.zeros((240, 320), bool)
    left[:, :160] = True
    images = tuple(replace(image, mask=left) for image in maps.views.images)
    masked = DepthMaps(replace(maps.views, images=images), maps.depths)
    assert 0.3 < len(sample_measured_points(masked, 10**9)) / len(sample_measured_points(maps, 10**9)) < 0.7


@pytest.mark.slow
def test_the_field_is_the_distance_to_a_ball_and_respects_the_settings(maps):
    box = OrientedBox(
        upright_frame(np.array([0.0, 0, 1]), np.zeros(3)), np.array([-0.6, -0.6, 0.1]), np.full(3, 0.6)
    )
    done: list[float] = []
    grid = fuse(maps, [np.ones(d.z.shape, np.int8) for d in maps.depths], box, FusionSettings(60_000, 20_000, 0.06),
                progress=done.append)  # fmt: skip
    assert grid.phi.size < 1.3 * 60_000 and done == [0.4, 0.6]
    index = np.argwhere((grid.weight > 0.5) & (np.abs(grid.data) < 0.5))
    world = (grid.origin + grid.step * index) @ box.frame[:3, :3].T
    distance = np.linalg.norm(world - [0, 0, 0.5], axis=1) - 0.5
    assert len(index) > 500
    assert np.corrcoef(grid.phi[tuple(index.T)], distance)[0, 1] > 0.95
