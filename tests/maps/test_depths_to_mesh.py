"""Depth maps of a ball on a table to a closed mesh on a flat base, and to an open scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scenes import cast, orbit_views
from solid_twin import why_not_solid

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.mesh.solidity import require_solid
from lift3d.maps.depths_to_mesh import DepthsToMesh, _without_background
from lift3d.maps.images_to_depths import ImagesToDepths
from lift3d.types import DepthMaps, Surface, Views


def to_world(surface: Surface) -> np.ndarray:
    frame = surface.world_from_model
    return surface.mesh.vertices @ frame[:3, :3].T + frame[:3, 3]


@pytest.mark.slow
def test_object_is_a_solid_ball_cut_flat_at_the_table(maps):
    context = Context()
    surface = DepthsToMesh(faces=8000)(maps, context)
    mesh = surface.mesh
    require_solid(mesh)
    assert why_not_solid(mesh) == []
    note = context.report["depths_to_mesh"]
    assert note["kind"] == surface.kind == "object" and note["support_plane"] is not None
    assert surface.support_plane is not None and abs(surface.support_plane.offset) < 0.02
    assert surface.support_plane.normal @ [0, 0, 1] > 0.999
    r = np.linalg.norm(to_world(surface) - [0, 0, 0.5], axis=1)
    upper = to_world(surface)[:, 2] > 0.35
    assert np.abs(r[upper] - 0.5).mean() < 0.008
    assert abs(mesh.vertices[:, 2].min()) < 1e-6  # stands on z = 0
    assert (np.abs(mesh.vertices[:, 2]) < 1e-6).sum() >= 3
    up = surface.world_from_model[:3, 2]
    assert up @ [0, 0, 1] > 0.999
    first = surface.views.cameras[0].direction  # the front, seen along +y, is what the first photo shows
    assert abs(first[0]) < 1e-6 and first[1] > 0.5


@pytest.mark.slow
def test_scene_is_open_and_trimmed(maps):
    context = Context()
    surface = DepthsToMesh(kind="scene", faces=8000)(maps, context)
    assert not surface.mesh.is_watertight and surface.kind == "scene"
    world = to_world(surface)
    low = world[:, 2] < 0.05
    assert low.mean() > 0.1  # the table belongs to a scene
    assert np.abs(world[low][:, 2]).mean() < 0.01


@pytest.mark.slow
def test_masks_carve_the_silhouette():
    views = orbit_views(14)
    images = []
    for image, camera in zip(views.images, views.cameras):
        _, p = cast(camera)
        images.append(replace(image, mask=np.abs(np.linalg.norm(p - [0, 0, 0.5], axis=-1) - 0.5) < 1e-5))
    masked = Views(tuple(images), views.cameras, views.points, views.observations)
    surface = DepthsToMesh(faces=8000)(ImagesToDepths()(masked))
    mesh = surface.mesh
    require_solid(mesh)
    r = np.linalg.norm(to_world(surface) - [0, 0, 0.5], axis=1)
    assert np.quantile(np.abs(r - 0.5), 0.9) < 0.06
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(4 / 3 * np.pi * 0.125, rel=0.08)


@pytest.mark.slow
def test_depths_of_still_surroundings_do_not_count(maps):
    """Whatever was measured there, on a turntable it lies nowhere."""
    still = tuple(np.zeros(image.pixels.shape[:2], bool) for image in maps.views.images)
    for mask in still:
        mask[:, : mask.shape[1] // 2] = True
    turned = replace(maps, views=replace(maps.views, background=still))
    for before, after in zip(maps.depths, _without_background(turned).depths):
        half = after.z.shape[1] // 2
        assert not after.z[:, :half].any()
        np.testing.assert_array_equal(after.z[:, half:], before.z[:, half:])
    assert _without_background(maps) is maps


@pytest.mark.slow
def test_same_bytes_again(maps):
    first, second = (DepthsToMesh(faces=4000)(maps).mesh for _ in range(2))
    assert first.vertices.tobytes() == second.vertices.tobytes()
    assert first.faces.tobytes() == second.faces.tobytes()


@pytest.mark.slow
def test_depth_maps_without_measurements_are_refused(maps):
    empty = DepthMaps(maps.views, tuple(replace(d, z=np.zeros_like(d.z)) for d in maps.depths))
    with pytest.raises(CaptureError, match="points were measured"):
        DepthsToMesh()(empty)
