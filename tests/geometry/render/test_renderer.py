"""The exact renderer: depth, normals, mask, lighting and transparency, against formulas and a slow twin."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import trimesh
from PIL import Image

from lift3d.errors import InputError
from lift3d.geometry.camera.orbit import look_at, orbit_cameras
from lift3d.geometry.camera.projection import pixel_rays, unproject
from lift3d.geometry.image.colour_space import linear_to_srgb8, srgb8_to_linear
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.lights import Environment, Lighting, PointLight, Sun, studio
from lift3d.geometry.render.renderer import render, render_many
from lift3d.types import Camera, Material, Part

FRONT = Camera(16, 16, 8.0, 8.0, 8.0, 8.0, np.eye(4))


def square(z, colour=(255, 255, 255, 255), picture=None, side=1.0, colours=None):
    v = side * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]]) + [0, 0, z]
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0.0]])
    return Part(v, np.array([[0, 2, 1], [0, 3, 2]]), uv, colours, Material("m", colour, picture))


def twin(camera, v, f):
    """Depth by intersecting every ray with every triangle (Moeller & Trumbore), and where edges leave it open."""
    p = (v @ camera.R.T + camera.t)[f]
    rays = pixel_rays(camera).reshape(-1, 3)
    best, margin = np.full(len(rays), np.inf), np.full(len(rays), np.inf)
    for a, b, c in p:
        e1, e2 = b - a, c - a
        h = np.cross(rays, e2)
        det = h @ e1
        with np.errstate(divide="ignore", invalid="ignore"):
            s, q = h @ -a / det, np.cross(-a, e1)
            t, z = rays @ q / det, e2 @ q / det
            edge = np.abs(np.stack([s, t, 1 - s - t])).min(0)
            hit = (s >= 0) & (t >= 0) & (s + t <= 1) & (z > 0)
        margin = np.minimum(margin, np.where(np.isfinite(edge), edge, np.inf))
        best = np.where(hit & (z < best), z, best)
    shape = (camera.height, camera.width)
    return best.reshape(shape), (margin > 1e-7).reshape(shape)


@pytest.mark.slow
@pytest.mark.parametrize("mesh", [trimesh.creation.icosphere(3), trimesh.creation.torus(1, 0.4, 24, 16)])
def test_depth_is_that_of_the_triangles(mesh):
    """Also with samples, where depth has a scan of its own: within 1e-6 of the diagonal, the goal being 1e-4."""
    for camera in orbit_cameras(mesh.vertices, 2, 48, 40):
        truth, sure = twin(camera, mesh.vertices, mesh.faces)
        for samples in (1, 2):
            shot = render(mesh, camera, samples, lighting=studio())
            np.testing.assert_array_equal(shot.mask[sure], np.isfinite(truth)[sure])
            both = sure & shot.mask
            assert np.abs(shot.depth.z - truth)[both].max() <= 1e-6 * float(np.ptp(mesh.vertices, 0).max())


def test_cube_and_cylinder_have_their_formula_s_depth_and_normals():
    camera = look_at(np.array([2.3, -3.1, 1.9]), np.zeros(3), 64, 64, 80.0)
    for mesh in (trimesh.creation.box((1, 1.4, 0.8)), trimesh.creation.cylinder(0.7, 1.2, sections=2048)):
        shot = render(mesh, camera, 1)
        p = unproject(camera, shot.depth.z)[shot.mask]
        n = (shot.depth.normals @ camera.R)[shot.mask]
        assert len(p) > 300
        if len(mesh.faces) == 12:
            side = np.argmax(np.abs(p) / [0.5, 0.7, 0.4], 1)
            np.testing.assert_allclose(np.abs(np.take_along_axis(p, side[:, None], 1))[:, 0],
                                       np.array([0.5, 0.7, 0.4])[side], atol=1e-6)  # fmt: skip
            np.testing.assert_allclose(n, np.sign(p) * np.eye(3)[side], atol=1e-6)
        else:
            top = np.abs(p[:, 2] - 0.6) < 1e-6
            np.testing.assert_allclose(np.hypot(p[~top, 0], p[~top, 1]), 0.7, atol=2e-6)
            np.testing.assert_allclose(n[~top], p[~top] * [1, 1, 0] / 0.7, atol=2e-3)


def test_matt_surfaces_obey_lambert():
    """A ball under a sun, a lamp and the sky: each pixel is the formula's, rounded."""
    ball = trimesh.creation.icosphere(5)
    ball.visual.vertex_colors = [200, 150, 100, 255]
    camera = look_at(np.array([3.0, -2, 1]), np.zeros(3), 60, 60, 70.0)
    sun, lamp = np.array([0.3, -0.8, 0.5]), np.array([1.0, 2.0, 3.0])
    around = Environment.from_colours((0.3, 0.3, 0.4), (0.1, 0.1, 0.0))
    light = Lighting(
        (Sun(tuple(sun), (0.4, 0.5, 0.3), False),), (PointLight(tuple(lamp), (2, 1, 1), False),), around, 0.9
    )
    shot = render(ball, camera, 1, lighting=light)
    n = (shot.depth.normals @ camera.R)[shot.mask]
    p = unproject(camera, shot.depth.z)[shot.mask]
    to, sun = lamp - p, sun / np.linalg.norm(sun)
    away = np.linalg.norm(to, axis=1, keepdims=True)
    value = np.array([0.4, 0.5, 0.3]) * np.maximum(n @ sun, 0)[:, None] + around.diffuse(n)
    value = value + np.array([2, 1, 1]) * np.maximum((n * to).sum(1, keepdims=True) / away, 0) / away**2
    value = 0.9 * value * srgb8_to_linear(np.array([200, 150, 100]))
    assert np.abs(linear_to_srgb8(value).astype(int) - shot.rgb[shot.mask]).max() <= 1


def test_a_mesh_of_several_textures_and_colours_shows_each():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(2)]
    parts = [square(1.0, picture=Image.fromarray(p)) for p in pictures]
    tinted = np.array([[40, 80, 120, 255]] * 4, np.uint8)
    parts += [square(1.0, (10, 20, 30, 255)), square(1.0, colours=tinted)]
    for i, part in enumerate(parts):
        part.vertices[:, 0] += 2 * i
    wide = Camera(64, 16, 8.0, 8.0, 8.0, 8.0, np.eye(4))
    rgb = render(parts, wide, 1, 0.0).rgb
    np.testing.assert_array_equal(rgb[:, :32], np.concatenate(pictures, 1))
    assert (rgb[:, 32:48] == [10, 20, 30]).all() and (rgb[:, 48:] == [40, 80, 120]).all()
    ready = drawable(parts)
    assert ready.texture_index.tolist() == [0, 0, 1, 1, -1, -1, -1, -1]


def test_glass_is_blended_and_has_depth():
    """Two panes before a wall: front to back by alpha; depth, mask and cover are the nearest pane's."""
    parts = [
        square(3.0, (200, 200, 200, 255), side=9),
        square(2.0, (250, 0, 0, 128)),
        square(1.0, (0, 0, 250, 64)),
    ]
    parts.append(square(2.0, (250, 0, 0, 128)))  # the same sheet twice counts once
    shot = render(parts, FRONT, 1, 0.0)
    wall, red, blue = (srgb8_to_linear(np.array(c)) for c in ([200] * 3, [250, 0, 0], [0, 0, 250]))
    a, b = 64 / 255, 128 / 255
    expected = linear_to_srgb8((a * blue + (1 - a) * (b * red + (1 - b) * wall)).astype(np.float32))
    assert np.abs(shot.rgb[8, 8].astype(int) - expected).max() <= 1
    assert shot.depth.z[8, 8] == 1 and shot.mask.all()
    clear = render(parts[1:2], FRONT, 2, 0.0, background=None)
    assert clear.coverage[8, 8] == pytest.approx(b) and clear.rgba[8, 8].tolist() == [250, 0, 0, 128]
    assert clear.mask[8, 8] and not clear.mask[0, 0] and clear.coverage[0, 0] == 0


def test_what_cannot_be_seen_at_all_is_drawn_opaque():
    shot = render([square(1.0, (90, 90, 90, 0))], FRONT, 1, 0.0)
    assert (shot.rgb == 90).all() and shot.mask.all()


@pytest.mark.slow
def test_many_at_once_are_the_same_bytes_whatever_the_threads():
    rng = np.random.default_rng(1)
    mesh = trimesh.creation.icosphere(2)
    mesh.visual.vertex_colors = rng.integers(
        0, 256, (len(mesh.vertices), 4), np.uint8
    )  # some of it translucent
    cameras = orbit_cameras(mesh.vertices, 3, 70, 90)
    alone = [render(mesh, camera, 2, lighting=studio()) for camera in cameras]
    threads = numba.get_num_threads()
    try:
        for count in (1, threads):
            numba.set_num_threads(count)
            together = render_many(mesh, cameras, 2, lighting=studio())
            for a, b in zip(alone, together):
                for x, y in (
                    (a.rgb, b.rgb),
                    (a.coverage, b.coverage),
                    (a.depth.z, b.depth.z),
                    (a.depth.normals, b.depth.normals),
                ):
                    assert x.tobytes() == y.tobytes()
    finally:
        numba.set_num_threads(threads)


def test_parts_without_faces_or_with_bad_numbers_are_refused():
    empty = Part(np.zeros((3, 3)), np.zeros((0, 3), np.int64))
    for parts in ([], [empty], [Part(np.full((3, 3), np.inf), np.array([[0, 1, 2]]))]):
        with pytest.raises(InputError, match="mesh has"):
            drawable(parts)
