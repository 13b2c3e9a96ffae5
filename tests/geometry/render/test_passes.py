"""Render passes against exact images: coverage, compositing, normals, and the headlight."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.image.colour_space import linear_to_srgb8, srgb8_to_linear
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.face_ids import face_ids
from lift3d.geometry.render.lights import Environment, Lighting, Sun
from lift3d.geometry.render.passes import render_linear
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.geometry.render.renderer import render, render_many
from lift3d.types import Camera, Material, Part

CAMERA = Camera(16, 12, 8.0, 8.0, 8.0, 6.0, np.eye(4))
GREEN = (40, 160, 80, 255)


def square(z: float, half: float, colour: tuple[int, ...] = GREEN) -> Part:
    """Parallel to the image, facing the camera at the origin."""
    v = half * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]]) + [0, 0, z]
    return Part(v, np.array([[0, 2, 1], [0, 3, 2]]), None, None, Material("m", colour, None))


@pytest.mark.slow
def test_coverage_is_the_fraction_of_samples() -> None:
    """A square of 4.5 pixels at depth 1: the border pixels are covered by half."""
    rgb, coverage = render_linear(drawable([square(1.0, 4.5 / 16)]), CAMERA, samples=4, shading=0.0)
    assert coverage.sum() == pytest.approx(4.5**2, rel=0.01)
    linear = srgb8_to_linear(np.array(GREEN[:3]))
    np.testing.assert_allclose(rgb, coverage[..., None] * linear, atol=1e-5)


def test_a_bare_material_is_its_own_colour_over_the_background() -> None:
    shot = render(drawable([square(1.0, 0.25)]), CAMERA, 1, shading=0.0, background=(10, 20, 30))
    assert (shot.rgb[shot.mask] == GREEN[:3]).all() and (shot.rgb[~shot.mask] == (10, 20, 30)).all()
    assert shot.mask.sum() == 16 and (shot.depth.z[shot.mask] == 1).all()
    assert shot.depth.normals is not None
    np.testing.assert_allclose(shot.depth.normals[shot.mask], [[0, 0, -1]] * 16, atol=1e-6)


def test_a_blended_layer_is_composited_in_linear_light() -> None:
    front, back = square(1.0, 2.0, (200, 0, 0, 102)), square(2.0, 9.0, (0, 0, 200, 255))
    shot = render(drawable([back, front]), CAMERA, 1, shading=0.0)
    red, blue = (srgb8_to_linear(np.array(c)) for c in ((200, 0, 0), (0, 0, 200)))
    expected = linear_to_srgb8((0.4 * red + 0.6 * blue)[None].astype(np.float32))[0]
    assert np.abs(shot.rgb.astype(int) - expected).max() <= 1
    assert (shot.depth.z == 1).all() and (shot.coverage == 1).all()


def test_without_background_the_alpha_is_the_coverage() -> None:
    shot = render(drawable([square(1.0, 0.25, (200, 100, 50, 128))]), CAMERA, 1, shading=0.0, background=None)
    assert np.abs(shot.rgba[shot.mask].astype(int) - [200, 100, 50, 128]).max() <= 1
    assert (shot.rgba[~shot.mask][:, 3] == 0).all()


def test_a_sun_lights_by_the_cosine() -> None:
    """White squares tilted by known angles against a sun along the viewing direction."""
    for degrees in (0, 30, 60, 80):
        part = square(3.0, 1.0, (255, 255, 255, 255))
        a = np.radians(degrees)
        rotation = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        tilted = Part(
            (part.vertices - [0, 0, 3]) @ rotation.T + [0, 0, 3], part.faces, None, None, part.material
        )
        lighting = Lighting((Sun((0.0, 0.0, -1.0), (0.8, 0.8, 0.8), False),))
        shot = render(drawable([tilted]), CAMERA, 1, background=(0, 0, 0), lighting=lighting)
        linear = srgb8_to_linear(shot.rgb[6, 8])
        np.testing.assert_allclose(linear, 0.8 * np.cos(a), atol=0.006)


def test_a_uniform_environment_adds_the_same_light_everywhere() -> None:
    ball = trimesh.creation.icosphere(3)
    ball.visual.face_colors = [255, 255, 255, 255]
    camera = look_at(np.array([0.0, -3, 1]), np.zeros(3), 24, 24, 24.0)
    lighting = Lighting((), (), Environment.from_colours((0.5,) * 3, (0.5,) * 3))
    shot = render(drawable(ball), camera, 1, background=(0, 0, 0), lighting=lighting)
    np.testing.assert_allclose(srgb8_to_linear(shot.rgb[shot.mask]), 0.5, atol=0.005)


def test_many_images_equal_single_ones() -> None:
    ready = drawable(trimesh.creation.icosphere(2))
    cameras = [look_at(np.array([3.0, k, 1]), np.zeros(3), 20, 16, 18.0) for k in range(3)]
    for one, many in zip((render(ready, c) for c in cameras), render_many(ready, cameras)):
        np.testing.assert_array_equal(one.rgb, many.rgb)
        np.testing.assert_array_equal(one.depth.z, many.depth.z)


@pytest.mark.parametrize("seed", range(3))
def test_face_ids_are_those_of_the_rasteriser(seed: int) -> None:
    rng = np.random.default_rng(seed)
    v, f = rng.uniform([-2, -2, -0.5], [2, 2, 4], (36, 3)), np.arange(36).reshape(12, 3)
    ids = face_ids(v, f, (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy), (16, 12))
    np.testing.assert_array_equal(ids, rasterize(CAMERA, v, f)[0])


def test_distorted_cameras_are_refused() -> None:
    lens = Camera(16, 12, 8.0, 8.0, 8.0, 6.0, np.eye(4), (0.1, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="undistort"):
        render(drawable([square(1.0, 1.0)]), lens)
