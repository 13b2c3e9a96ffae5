"""Cameras of pictures that are rotated by quarter turns, as EXIF orientations rotate them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.types import Camera

QUARTER_TURNS = {1: 0, 6: 1, 3: 2, 8: 3}
"""EXIF orientation of a picture that is not mirrored -> quarter turns clockwise that make it upright (Exif 2.32, 4.6.4)."""


def rotate_camera(camera: Camera, turns: int) -> Camera:
    """The camera of a picture after `turns` quarter turns of the picture clockwise; the world stays.

    A turn takes pixel (u, v) to (height - v, u), hence x' = -y, y' = x in the camera's frame, and the tangential distortion
    (p1, p2) of OpenCV's model to (p2, -p1).
    """
    for _ in range(turns % 4):
        turn = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        k = camera.distortion
        camera = replace(
            camera, width=camera.height, height=camera.width, fx=camera.fy, fy=camera.fx, cx=camera.height - camera.cy,
            cy=camera.cx, world_to_camera=turn @ camera.world_to_camera,
            distortion=(k[0], k[1], k[3], -k[2]) if k else (),
        )  # fmt: skip
    return camera
