"""Similarity transforms x' = scale R x + t of cameras and views, and an upright frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.types import F64, Camera, Views


def transform_camera(camera: Camera, similarity: F64) -> Camera:
    """The camera whose picture of the transformed world is what `camera` sees of the world. similarity: (4, 4), [scale R | t]."""
    scale = float(np.cbrt(np.linalg.det(similarity[:3, :3])))
    rotation = similarity[:3, :3] / scale
    pose = np.eye(4)
    pose[:3, :3] = camera.R @ rotation.T
    pose[:3, 3] = scale * camera.t - pose[:3, :3] @ similarity[:3, 3]
    return replace(camera, world_to_camera=pose)


def transform_views(views: Views, similarity: F64, unit: str | None = None) -> Views:
    """Views with cameras, points and normals in the transformed world. similarity: (4, 4); unit: the unit of that world."""
    points = views.points
    normals = points.normals
    if normals is not None:
        scale = np.cbrt(np.linalg.det(similarity[:3, :3]))
        normals = (normals @ (similarity[:3, :3] / scale).T).astype(np.float32)
    xyz = points.xyz @ similarity[:3, :3].T + similarity[:3, 3]
    return replace(
        views,
        cameras=tuple(transform_camera(camera, similarity) for camera in views.cameras),
        points=replace(points, xyz=xyz, normals=normals, unit=unit),
        unit=unit,
    )


def upright_frame(up: F64, centre: F64, forward: F64 | None = None) -> F64:
    """A local-to-world matrix (4, 4): a rotation with its z axis along `up` (3,), any length, and its origin at `centre` (3,).

    forward: (3,) world direction whose horizontal part becomes the y axis, along which previews look at the front; any
    direction if None or along `up`.
    """
    z = up / np.linalg.norm(up)
    x = np.cross(np.eye(3)[int(np.argmin(np.abs(z)))], z) if forward is None else np.cross(forward, z)
    if np.linalg.norm(x) < 1e-6:
        return upright_frame(up, centre)
    x /= np.linalg.norm(x)
    frame = np.eye(4)
    frame[:3, :3] = np.stack([x, np.cross(z, x), z], 1)
    frame[:3, 3] = centre
    return frame
