"""Baselines of the reconstruction benchmark: the visual hull of true masks, and Poisson surfaces of sparse points."""

from __future__ import annotations

from typing import Any

import numpy as np


def visual_hull(cameras: Any, masks: Any, low: Any, high: Any, nodes: int = 160) -> Any:
    """The volume inside all masks (Laurentini 1994)."""
    import trimesh
    from scipy.ndimage import gaussian_filter

    from lift3d.geometry.camera.projection import project
    from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra

    step = float((high - low).max()) / nodes
    shape = tuple(np.ceil((high - low) / step).astype(int) + 1)
    grid = low + step * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)
    inside = np.ones(len(grid), bool)
    for camera, mask in zip(cameras, masks):
        uv, z = project(camera, grid)
        at = np.floor(uv * [mask.shape[1] / camera.width, mask.shape[0] / camera.height]).astype(np.int64)
        within = (z > 0) & (at >= 0).all(1) & (at[:, 0] < mask.shape[1]) & (at[:, 1] < mask.shape[0])
        at = np.clip(at, 0, [mask.shape[1] - 1, mask.shape[0] - 1])
        inside &= ~within | mask[at[:, 1], at[:, 0]]
    field = 0.5 - gaussian_filter(inside.reshape(shape).astype(np.float32), 0.7)
    v, f = marching_tetrahedra(field)
    return trimesh.Trimesh(low + step * v, f, process=False)


def poisson(views: Any, low: Any, high: Any) -> Any:
    """Screened Poisson (Kazhdan & Hoppe 2013, as in Open3D) of the sparse points in the box; None without open3d."""
    try:
        import open3d as o3d
    except ImportError:
        return None
    import trimesh

    xyz = views.points.xyz
    inside = ((xyz > low) & (xyz < high)).all(1)
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(xyz[inside]))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(16))
    normals = np.asarray(cloud.normals)
    first = np.zeros(len(xyz), np.int64)
    first[views.observations[:, 1]] = views.observations[:, 0]
    eyes = np.array([c.centre for c in views.cameras])[first[inside]]
    normals[((eyes - xyz[inside]) * normals).sum(1) < 0] *= -1
    cloud.normals = o3d.utility.Vector3dVector(normals)
    made, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=7)
    made = made.crop(o3d.geometry.AxisAlignedBoundingBox(low, high))
    if len(made.triangles) == 0:
        return None
    return trimesh.Trimesh(np.asarray(made.vertices), np.asarray(made.triangles), process=False)
