"""The view from behind: opposite camera, colours at the pixels that show each point, and a solid painted on its far side."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.image.crop import Crop
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.pipelines.reconstruction import back_view as module
from lift3d.pipelines.reconstruction.back_view import SIDE, back_view, colours_of_points, opposite_camera
from lift3d.types import Image


def test_the_opposite_camera_looks_back_and_shows_everything() -> None:
    ball = trimesh.creation.icosphere(3, 0.5)
    v = np.asarray(ball.vertices) + [0.1, 0.2, 0.5]
    camera = orbit_camera(v, 30, 20, 300, 200, 400, 0.8)
    behind = opposite_camera(camera, v.mean(0), v)
    assert np.allclose(behind.R[2], -camera.R[2]) and np.allclose(behind.R[1], camera.R[1])
    assert np.allclose((behind.centre + camera.centre) / 2, v.mean(0))
    uv = v @ behind.R.T + behind.t
    pixels = uv[:, :2] / uv[:, 2:] * behind.fx + SIDE / 2
    assert pixels.min() > 0 and pixels.max() < SIDE and np.ptp(pixels[:, 0]) > 0.9 * SIDE


def test_points_take_the_colour_of_their_pixel() -> None:
    camera = orbit_camera(np.array([[-1.0, -1, -1], [1, 1, 1]]), 270, 0, 200, 200, 400, 0.8)
    crop = Crop(100, 100, 80)
    colours = np.zeros((64, 64, 3), np.float32)
    colours[:, 32:, 0], colours[32:, :, 1] = 200, 100
    right_low = camera.R.T @ np.array([0.3, 0.3, 0]) + camera.centre + 3 * camera.R[2]
    left_high = camera.R.T @ np.array([-0.3, -0.3, 0]) + camera.centre + 3 * camera.R[2]
    found = colours_of_points(np.stack([right_low, left_high]), camera, crop, colours)
    assert np.allclose(found, [[200, 100, 0], [0, 0, 0]])


def test_a_solid_is_painted_on_its_far_side(monkeypatch: pytest.MonkeyPatch) -> None:
    box = trimesh.creation.box((1, 0.6, 1.2)).subdivide()
    v, f = np.asarray(box.vertices), np.asarray(box.faces)
    camera = orbit_camera(v, 270, 10, 256, 256, 400, 0.8)
    mask = rasterize(camera, v, f)[0] >= 0
    far = np.zeros((96, 96, 3), np.float32)
    far[:, :48], far[:, 48:] = [220, 30, 30], [30, 30, 220]
    monkeypatch.setattr(module, "predict_back", lambda image, crop, weights: far)
    image, behind = back_view(box, Image(np.full((256, 256, 3), 90, np.uint8), "a.png", mask=mask), camera)
    assert (
        image.mask is not None and image.pixels.shape == (SIDE, SIDE, 3) and image.name == "a.png from behind"
    )
    rows, columns = np.nonzero(image.mask)
    middle = rows[len(rows) // 2]
    left, right = columns[rows == middle].min() + 20, columns[rows == middle].max() - 20
    assert image.pixels[middle, left, 2] > 180 and image.pixels[middle, right, 0] > 180, (
        "left and right exchange from behind"
    )
