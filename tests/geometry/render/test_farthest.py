"""The farthest surface of a ball and of two plates, and colours by vertex and texture."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.farthest import rasterize_farthest, surface_colours
from lift3d.geometry.render.rasterizer import rasterize


def test_the_far_side_of_a_ball() -> None:
    ball = trimesh.creation.icosphere(4, 0.5)
    v, f = np.asarray(ball.vertices), np.asarray(ball.faces)
    camera = orbit_camera(v, 30, 20, 96, 80, 120, 0.8)
    near, far = rasterize(camera, v, f), rasterize_farthest(camera, v, f)
    assert np.array_equal(near[0] >= 0, far[0] >= 0)
    rows, columns = np.nonzero(far[0] >= 0)
    ray = np.stack(
        [(columns + 0.5 - camera.cx) / camera.fx, (rows + 0.5 - camera.cy) / camera.fy, np.ones(len(rows))], 1
    )
    distance = float(np.linalg.norm(camera.centre))
    for z, sign in ((near[1], -1), (far[1], 1)):
        length2 = (ray**2).sum(1)
        b = distance * ray[:, 2]
        root = np.sqrt(np.maximum(b**2 - length2 * (distance**2 - 0.25), 0))
        truth = (b + sign * root) / length2
        inner = root > 0.25
        assert np.abs(z[rows, columns] - truth)[inner].max() < 0.01
    points = (far[2][rows, columns][..., None] * v[f[far[0][rows, columns]]]).sum(1)
    assert np.abs(np.linalg.norm(points, axis=1) - 0.5).max() < 0.01
    with pytest.raises(ValueError, match="behind the camera"):
        rasterize_farthest(camera, v + camera.centre, f)


def test_colours_of_vertices_and_of_a_texture() -> None:
    plate = trimesh.Trimesh(
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]], process=False
    )
    face = np.array([[0, 1, -1]], np.int32)
    bary = np.full((1, 3, 3), 1 / 3, np.float32)
    plate.visual.vertex_colors = np.array([[200, 40, 60, 255]] * 4, np.uint8)
    plain = surface_colours(drawable(plate), face, bary)
    assert (
        np.allclose(plain[0, :2], srgb8_to_linear(np.array([200, 40, 60])), atol=1e-5)
        and not plain[0, 2].any()
    )
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 255
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    textured = trimesh.Trimesh(
        plate.vertices, plate.faces, visual=TextureVisuals(uv, material=PBRMaterial(baseColorTexture=Pil.fromarray(picture))),
        process=False,
    )  # fmt: skip
    found = surface_colours(drawable(textured), face, bary, 0.0)
    assert found[0, 0, 0] == pytest.approx(1) and found[0, 1, 0] == pytest.approx(0), "at u = 2/3 and 1/3"
