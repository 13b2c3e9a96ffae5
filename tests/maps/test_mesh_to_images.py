"""Pictures of meshes: exact depth and normals, true colours, exact repetition."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import trimesh
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial, SimpleMaterial

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.camera.orbit import look_at, orbit_camera, orbit_cameras
from lift3d.geometry.camera.projection import project, unproject
from lift3d.geometry.image.colour_space import linear_to_srgb8, srgb8_to_linear
from lift3d.geometry.mesh.normals import corner_normals
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.lights import studio
from lift3d.geometry.render.renderer import render
from lift3d.geometry.render.texture_sampling import mip_pyramid
from lift3d.maps.mesh_to_images import MeshToImages
from lift3d.pipelines.preview import preview, write_preview
from lift3d.types import Camera


def square(picture, material=PBRMaterial):
    """A unit square in the plane z = 1 that shows `picture` upright to a camera at the origin."""
    v = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1.0]])
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0.0]])  # y is down for the camera, v is up in the picture
    made = material(baseColorTexture=picture) if material is PBRMaterial else material(image=picture)
    return trimesh.Trimesh(v, [[0, 2, 1], [0, 3, 2]], visual=TextureVisuals(uv, material=made), process=False)


@pytest.mark.parametrize("material", [PBRMaterial, SimpleMaterial])
def test_a_texture_seen_face_on_is_the_picture_itself(material):
    """One texel per pixel, unlit: the picture comes back exactly, so no half pixel, flip or colour is off."""
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    camera = Camera(32, 24, 32, 24, 0, 0, np.eye(4))
    shot = render(square(PIL.Image.fromarray(picture), material), camera, samples=1, shading=0)
    np.testing.assert_array_equal(shot.rgb, picture)
    assert shot.mask.all() and (shot.depth.z == 1).all()
    np.testing.assert_allclose(shot.depth.normals, np.broadcast_to([0, 0, -1], (24, 32, 3)), atol=1e-6)


def test_a_small_picture_of_a_fine_texture_has_its_mean():
    """A one-texel chequerboard, eight texels to the pixel, is grey of the mean: the pyramid, not a moire."""
    board = np.indices((256, 256)).sum(0) % 2 * 200
    picture = PIL.Image.fromarray(np.repeat(board[..., None], 3, 2).astype(np.uint8))
    shot = render(square(picture), Camera(32, 32, 32, 32, 0, 0, np.eye(4)), samples=2, shading=0)
    assert np.ptp(shot.rgb) <= 2


def test_colours_of_vertices_faces_materials_and_none():
    camera = Camera(16, 16, 16, 16, 0, 0, np.eye(4))
    plain = square(PIL.Image.new("RGB", (4, 4)))
    v, f = plain.vertices, plain.faces
    by_vertex = trimesh.Trimesh(v, f, vertex_colors=[[10, 200, 30, 255]] * 4, process=False)
    by_face = trimesh.Trimesh(v, f, face_colors=[[10, 200, 30, 255]] * 2, process=False)
    by_factor = trimesh.Trimesh(
        v, f, visual=TextureVisuals(material=PBRMaterial(baseColorFactor=[10, 200, 30, 255])), process=False
    )
    by_diffuse = trimesh.Trimesh(
        v, f, visual=TextureVisuals(material=SimpleMaterial(diffuse=[10, 200, 30, 255])), process=False
    )
    for mesh in (by_vertex, by_face, by_factor, by_diffuse):
        np.testing.assert_array_equal(render(mesh, camera, shading=0).rgb.reshape(-1, 3)[0], [10, 200, 30])
    grey = render(trimesh.Trimesh(v, f, process=False), camera, shading=0).rgb
    assert len(np.unique(grey)) == 1


def test_edges_are_averaged_in_linear_light():
    """Half a pixel of white on black is 188, not 128."""
    mesh = trimesh.Trimesh(
        [[0, -9, 1], [8.5, -9, 1], [8.5, 9, 1], [0, 9, 1.0]], [[0, 2, 1], [0, 3, 2]], process=False
    )
    mesh.visual.face_colors = [255, 255, 255, 255]
    shot = render(mesh, Camera(16, 4, 1, 1, 0, 0, np.eye(4)), samples=4, shading=0, background=(0, 0, 0))
    np.testing.assert_array_equal(shot.rgb[0, 6:11, 0], [255, 255, 188, 0, 0])


def test_srgb_there_and_back():
    every = np.arange(256)
    np.testing.assert_array_equal(linear_to_srgb8(srgb8_to_linear(every)), every)


def test_pyramid_levels_are_means_of_light():
    picture = np.random.default_rng(1).integers(0, 256, (64, 32, 3), np.uint8)
    texels, levels = mip_pyramid(picture)
    assert len(texels) == (levels[:, 1] * levels[:, 2]).sum() and levels[-1, 1:].tolist() == [1, 1]
    for offset, h, w in levels[:6]:
        level = texels[offset : offset + h * w].reshape(h, w, 4)
        mean = srgb8_to_linear(picture).reshape(h, 64 // h, w, 32 // w, 3).mean((1, 3))
        assert (level[..., 3] == 255).all()
        assert np.abs(level[..., :3] - linear_to_srgb8(mean).astype(int)).max() <= 3


def test_views_hold_together():
    """Depth unprojected lies on the sphere, points are seen where observed, normals point outwards."""
    ball = trimesh.creation.icosphere(subdivisions=4)
    views = MeshToImages(n=6, width=80, height=60, points=300)(ball)
    assert len(views) == 6 and views.unit is None
    ready = drawable(ball)
    for i, (image, camera) in enumerate(zip(views.images, views.cameras)):
        shot = render(ready, camera)
        xyz = unproject(camera, shot.depth.z)[shot.mask]
        assert (np.abs(np.linalg.norm(xyz, axis=1) - 1) < 4e-3).all()
        np.testing.assert_allclose(shot.depth.normals[shot.mask] @ camera.R, xyz, atol=0.05)
        np.testing.assert_array_equal(image.mask, shot.mask)
        points = views.points.xyz[views.observations[views.observations[:, 0] == i, 1]]
        assert (((camera.centre - points) * points).sum(1) > -0.1).all() and len(points) > 50
        pixels, _ = project(camera, points)
        assert (pixels >= 0).all() and (pixels < [80, 60]).all()


def test_lighting_is_that_of_the_renderer():
    ball = trimesh.creation.icosphere(2)
    views = MeshToImages(n=2, width=40, height=40, lighting=studio())(ball)
    shot = render(ball, views.cameras[0], 2, lighting=studio())
    np.testing.assert_array_equal(views.images[0].pixels, shot.rgb)


def test_same_seed_same_bytes_and_progress_ends_at_one():
    box = trimesh.creation.box()
    context = Context()
    fractions = []
    context.progress = lambda step, fraction: fractions.append(fraction)
    mapping = MeshToImages(n=2, width=40, height=30)
    a, b = mapping(box, context), mapping(box)
    assert all(x.pixels.tobytes() == y.pixels.tobytes() for x, y in zip(a.images, b.images))
    assert fractions[-1] == 1.0 and context.report["mesh_to_images"]["pictures"] == 2


@pytest.mark.parametrize(
    "v, f", [(np.zeros((0, 3)), np.zeros((0, 3))), (np.full((3, 3), np.nan), [[0, 1, 2]])]
)
def test_refuses_what_cannot_be_drawn(v, f):
    with pytest.raises(InputError, match="mesh has"):
        MeshToImages()(trimesh.Trimesh(v, f, process=False))


def test_box_keeps_its_edges_and_a_cylinder_is_smooth():
    box = trimesh.creation.box()
    np.testing.assert_allclose(
        corner_normals(box.vertices, box.faces), np.repeat(box.face_normals[:, None], 3, 1), atol=1e-6
    )
    tube = trimesh.creation.cylinder(1, 2, sections=36)
    split = trimesh.Trimesh(
        tube.triangles.reshape(-1, 3), np.arange(3 * len(tube.faces)).reshape(-1, 3), process=False
    )
    normals, corners = corner_normals(split.vertices, split.faces), split.triangles
    side = np.abs(split.face_normals[:, 2]) < 0.5
    radial = corners[side] * [1, 1, 0]
    np.testing.assert_allclose(normals[side], radial, atol=0.05)  # smooth although no vertex is shared


def test_orbit_cameras_see_all_of_it_upright():
    v = np.random.default_rng(0).normal(size=(200, 3)) * [1, 2, 0.5] + [5, 6, 7]
    for camera in orbit_cameras(v, 8, 80, 60, elevation=(-20.0, 45.0)):
        pixels, depth = project(camera, v)
        assert (depth > 0).all() and (pixels >= 0).all() and (pixels <= [80, 60]).all()
        assert camera.R[1, 2] < 0 and abs(camera.R[0, 2]) < 1e-12
    top = look_at(np.array([0, 0, 9.0]), np.zeros(3), 8, 8, 8.0)
    np.testing.assert_allclose(top.direction, [0, 0, -1])
    np.testing.assert_allclose(orbit_camera(v, 90, 0, 8, 8, 8.0).direction, [0, -1, 0], atol=1e-12)


def test_preview_shows_front_right_back_at_one_scale(tmp_path):
    """A box with a differently coloured side for each direction, taller than wide; z is up."""
    box = trimesh.creation.box((1, 1, 2))
    names = {
        (0, -1, 0): [200, 0, 0],
        (1, 0, 0): [0, 200, 0],
        (0, 1, 0): [0, 0, 200],
        (0, 0, 1): [200, 200, 0],
    }
    box.visual.face_colors = [
        [*names.get(tuple(np.round(n).astype(int)), [9, 9, 9]), 255] for n in box.face_normals
    ]
    write_preview(box, tmp_path / "sheet.png", side=200)
    sheet = np.asarray(PIL.Image.open(tmp_path / "sheet.png")).astype(int)
    assert sheet.shape == (400, 400, 3) and [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
    np.testing.assert_array_equal(sheet, preview(box, side=200))
    tiles = [sheet[:200, :200], sheet[:200, 200:], sheet[200:, :200], sheet[200:, 200:]]
    heights = []
    for tile, channel in zip(tiles[:3], range(3)):
        own = tile[..., channel] > np.delete(tile, channel, 2).max(2) + 60
        assert own[100, 100]
        heights.append(own[:, 100].sum())
    assert np.ptp(heights) <= 1 and heights[0] > 110
    above = tiles[3]
    assert (np.minimum(above[..., 0], above[..., 1]) > above[..., 2] + 60).sum() > 200  # the lid is seen
