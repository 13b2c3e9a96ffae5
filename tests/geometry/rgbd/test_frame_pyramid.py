"""Frames prepared for alignment: sizes, normals of planes, colour seen from another depth camera."""

from dataclasses import replace

import numpy as np
import pytest
from rgbd_frames import frames_of, walk

from lift3d.geometry.camera.projection import pixel_rays, resize_camera
from lift3d.geometry.rgbd.frame_pyramid import FINEST, depth_normals, prepare
from lift3d.types import Camera, Depth, Image, RgbdFrame


def test_levels_halve_and_keep_the_rays() -> None:
    frame = frames_of(walk(1))[0]
    levels = prepare(frame)
    assert [level.z.shape for level in levels] == [(30, 40), (60, 80), (120, 160)]
    for level in levels:
        assert level.k[0] / level.z.shape[1] == pytest.approx(frame.camera.fx / frame.camera.width)
        known = level.z > 0
        assert np.median(level.z[known]) == pytest.approx(
            np.median(frame.depth.z[frame.depth.z > 0]), rel=0.06
        )


def test_large_frames_are_reduced() -> None:
    camera = Camera(1280, 64, 900, 900, 640, 32, np.eye(4))
    z = np.full((64, 1280), 2, np.float32)
    frame = RgbdFrame(Image(np.zeros((64, 1280, 3), np.uint8)), camera, Depth(z, camera))
    assert prepare(frame)[-1].z.shape[1] <= FINEST or prepare(frame)[-1].z.shape[0] < 64


def test_normals_of_a_plane_are_exact() -> None:
    camera = Camera(80, 60, 70, 70, 40, 30, np.eye(4))
    normal = np.array([0.3, -0.2, -0.9])
    normal /= np.linalg.norm(normal)
    z = (-2.0 / (pixel_rays(camera) @ normal) * np.ones((60, 80))).astype(np.float32)
    out = np.zeros((60, 80, 3), np.float32)
    depth_normals(z, np.array([70, 70, 40, 30], np.float32), 2, out)
    assert np.allclose(out[2:-2, 2:-2], normal, atol=1e-3)


def test_colour_of_another_size_and_place_lands_on_the_depth() -> None:
    """A colour camera beside the depth camera, with three times its pixels, looks at a striped wall."""
    depth = Camera(80, 60, 70, 70, 40, 30, np.eye(4))
    shift = np.eye(4)
    shift[0, 3] = 0.2  # depth camera to the left of the colour camera by 0.2 m
    depth = replace(depth, world_to_camera=shift)
    colour = resize_camera(replace(depth, world_to_camera=np.eye(4)), 240, 180)
    x = (np.arange(240) + 0.5 - colour.cx) / colour.fx * 2.0  # metres on the wall, frame of the colour camera
    row = np.clip(128 + 60 * np.sin(4 * x), 0, 255)
    pixels = np.repeat(np.repeat(row[None, :, None], 180, 0), 3, 2).astype(np.uint8)
    frame = RgbdFrame(Image(pixels), colour, Depth(np.full((60, 80), 2, np.float32), depth))
    at = (np.arange(80) + 0.5 - 40) / 70 * 2.0 - 0.2
    expected = 128 + 60 * np.sin(4 * at)
    assert np.abs(prepare(frame)[-1].grey[30, 8:] - expected[8:]).max() < 4
