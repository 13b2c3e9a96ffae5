"""Posed frames of a depth camera to a surface: fused on sparse voxel blocks for a scene, closed for an object.

A scene is meshed where it was measured and stays open elsewhere (`lift3d.geometry.rgbd.fuse_scan`). An object that the camera
goes around is closed like one from photos, by `depths_to_mesh` on the depth maps of the frames that differ most. The views of the
surface are the sharpest frame of each stretch of the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import trimesh

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.camera.similarity import transform_views, upright_frame
from lift3d.geometry.camera.up_direction import estimate_up, forward_direction
from lift3d.geometry.fusion.capture_layout import classify_capture, intersect_optical_axes
from lift3d.geometry.fusion.support_plane import find_floor
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import OBJECT_CLOSED_SCENE_OPEN
from lift3d.geometry.mesh.components import keep_large_components
from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.fuse_scan import FusedSurface, choose_voxel, depth_statistics, fuse_scan
from lift3d.geometry.rgbd.hole_filling import FilledFrames
from lift3d.geometry.rgbd.sparse_kernels import FILLED
from lift3d.geometry.rgbd.sparse_volume import posed_depth
from lift3d.geometry.rgbd.view_choice import choose_frames
from lift3d.geometry.surface.decimation import decimate
from lift3d.geometry.surface.vertex_clustering import cluster_vertices
from lift3d.mapping import Card, Guarantee, Mapping, register
from lift3d.maps.depths_to_mesh import DepthsToMesh
from lift3d.types import F64, Camera, Depth, DepthMaps, Plane, Points, RgbdScan, Surface, Views
from lift3d.units import set_unit

NAME = "rgbd_to_mesh"
MEMORY_FRACTION = 0.4
"""Fraction of the memory budget for the blocks of voxels."""
MAX_BEYOND = 1.2
"""An object at the common point of the viewing axes ends the measured rays: largest median of the depth in the middle of the
frames, relative to the distance of that point."""
OBJECT_VIEWS = 40
DEBRIS = 1e-4
"""Parts of a scene with fewer than this fraction of all faces are removed."""
CLUSTERED_FACES = 5.0
"""A cell of n voxels leaves one in 1.45 n^2 faces (measured); edge collapse then removes seven in ten of them. Larger cells
lose small parts: 3.0 left the surface 0.04 mm less complete."""


def _views_on_poses(mapping: Mapping[Any, Any], source: RgbdScan, result: Surface) -> str | None:
    """None, or the view whose camera is not where its frame was."""
    frame, poses = result.world_from_model, dict(zip(source.names, source.poses))
    for image, camera in zip(result.views.images, result.views.cameras):
        pose = poses.get(image.name)
        if pose is None or not np.allclose(
            frame[:3, :3] @ camera.centre + frame[:3, 3], pose[:3, 3], atol=1e-6
        ):
            return f"the camera of {image.name} is not in the frame of the mesh"
    return None


VIEWS_ON_POSES = Guarantee(
    "views_on_poses", "cameras and mesh share one frame, that of the poses", _views_on_poses
)


@register(
    Card(
        NAME,
        "RgbdScan",
        "Surface",
        (OBJECT_CLOSED_SCENE_OPEN, VIEWS_ON_POSES, SAME_BYTES),
        reference="Curless & Levoy 1996; Niessner et al. 2013",
    )
)
@dataclass(frozen=True)
class RgbdToMesh(Mapping[RgbdScan, Surface]):
    """kind: "auto", "object" or "scene"; faces: approximate number of triangles; views: largest number of views that the surface
    keeps; voxel: side of a voxel in metres, None to choose it from the depth; nodes: maximum number of grid nodes of an
    object; fill_holes: fill small holes of the depth from their border, with a low weight."""

    kind: str = "auto"
    faces: int = 120_000
    views: int = 120
    voxel: float | None = None
    nodes: int = 24_000_000
    fill_holes: bool = False

    def apply(self, source: RgbdScan, context: Context) -> Surface:
        """The surface of the frames with its views. Raises CaptureError for frames without poses or depth."""
        if not self.fill_holes:
            return self._surface(source, context)
        filled = FilledFrames(source.frames)
        surface = self._surface(replace(source, frames=filled), context)
        context.note(NAME, filled_pixels=round(filled.share, 6))
        return surface

    def _surface(self, source: RgbdScan, context: Context) -> Surface:
        if len(source) == 0 or any(pose is None for pose in source.poses):
            raise CaptureError("some frames have no pose", "estimate the poses first, with rgbd_to_cameras")
        poses = [pose for pose in source.poses if pose is not None]
        statistics = depth_statistics(source.frames, poses)
        if statistics.median <= 0:
            raise CaptureError("the frames hold no depth", "check the depth images of the scan")
        cameras = [_camera(source, k) for k in range(len(source))]
        kind, why = self._kind(source, cameras)
        context.note(NAME, kind=kind, why=why)
        sharp = {s.name: s.sharpness or 0.0 for s in source.status}
        most = OBJECT_VIEWS if kind == "object" else self.views
        chosen = choose_frames(poses, [sharp.get(n, 0.0) for n in source.names], statistics.median, most)
        views = _views(source, chosen)
        if kind == "object":
            return DepthsToMesh("object", self.faces, self.nodes)(_depth_maps(source, chosen, views), context)
        voxel, reach = choose_voxel(statistics, self.faces)
        if self.voxel is not None:
            voxel, reach = self.voxel, max(reach * self.voxel / voxel, 3 * self.voxel)
        memory = int(MEMORY_FRACTION * context.memory_budget)
        fused = fuse_scan(
            source.frames, poses, voxel, reach, memory, lambda done: context.progress(NAME, 0.7 * done)
        )
        return self._scene(fused, views, why, context)

    def _kind(self, source: RgbdScan, cameras: list[Camera]) -> tuple[str, str]:
        """("object" or "scene", why): as for photos, and by whether the rays end at the point that the axes have in common."""
        if self.kind != "auto":
            return self.kind, "given as an option"
        axes = intersect_optical_axes(cameras)
        kind, why = classify_capture(cameras, axes)
        if kind == "scene":
            return kind, why
        ratios = []
        for k in sorted({int(i) for i in np.linspace(0, len(source) - 1, 24)}):
            z = source.frames[k].depth.z
            h, w = z.shape
            middle = z[h // 2 - h // 10 : h // 2 + h // 10 + 1, w // 2 - w // 10 : w // 2 + w // 10 + 1]
            if (middle > 0).any():
                ratios.append(
                    float(np.median(middle[middle > 0]))
                    / float(np.linalg.norm(cameras[k].centre - axes.point))
                )
        if not ratios or np.median(ratios) > MAX_BEYOND:
            return (
                "scene",
                "the surfaces in the middle of the frames lie behind the point at which the cameras look",
            )
        return kind, why

    def _scene(self, fused: FusedSurface, views: Views, why: str, context: Context) -> Surface:
        """The open surface, upright, at the scale of the scan."""
        v, f = fused.v, fused.f
        if len(f) == 0:
            raise CaptureError(
                "no surface was seen well enough to be kept", "scan more slowly, and from nearer"
            )
        raw = len(f)
        v, f, dropped = keep_large_components(v, f, DEBRIS)
        cell = (len(f) / (CLUSTERED_FACES * self.faces)) ** 0.5 * fused.voxel
        if cell > 1.5 * fused.voxel:
            v, f = cluster_vertices(v, f, cell)
        context.progress(NAME, 0.85)
        v, f = decimate(v, f, self.faces, keep_simple=False)
        context.progress(NAME, 0.95)
        points = _points(v, f, context.seed)
        floor = find_floor(points, views.cameras, context.seed)
        up = estimate_up(views.cameras) if floor is None else floor.normal
        frame = upright_frame(up, np.median(points.xyz, axis=0), forward_direction(views.cameras[0], up))
        local = (v - frame[:3, 3]) @ frame[:3, :3]
        lift = np.array([0, 0, float(local[:, 2].min())])
        frame[:3, 3] += frame[:3, :3] @ lift
        mesh = trimesh.Trimesh((local - lift).astype(np.float32).astype(np.float64), f, process=False)
        set_unit(mesh, "m")
        context.note(
            NAME, voxel=fused.voxel, truncation=fused.reach, blocks=fused.blocks, parts=fused.parts, debris_dropped=dropped,
            faces_before_decimation=raw, faces=len(f), support_plane=None if floor is None else floor.evidence(),
            world_from_model=frame.tolist(), open="a scene is open by nature",
        )  # fmt: skip
        context.progress(NAME, 1.0)
        plane = None
        if floor is not None:
            plane = Plane(frame[:3, :3].T @ floor.normal, float(floor.offset - floor.normal @ frame[:3, 3]))
        moved = transform_views(views, se3.inverse(frame), "m")
        return Surface(mesh, moved, "scene", why, frame, plane, None)


def _camera(scan: RgbdScan, k: int) -> Camera:
    """The colour camera of a frame in the world."""
    pose = scan.poses[k]
    assert pose is not None
    return replace(scan.frames[k].camera, world_to_camera=se3.inverse(pose))


def _views(scan: RgbdScan, chosen: list[int]) -> Views:
    images = tuple(scan.frames[k].image for k in chosen)
    nothing = Points(np.zeros((0, 3)), unit="m")
    cameras = tuple(_camera(scan, k) for k in chosen)
    return Views(images, cameras, nothing, np.zeros((0, 2), np.int32), "m", scan.status, scan.warnings)


def _depth_maps(scan: RgbdScan, chosen: list[int], views: Views) -> DepthMaps:
    """The chosen depth maps with normals, where both are known."""
    depths = []
    for k in chosen:
        frame, pose = scan.frames[k], scan.poses[k]
        assert pose is not None
        ready = posed_depth(frame, pose)
        z = np.where((ready.normals[..., 2] != 0) & ~ready.steep, ready.z, np.float32(0))
        camera = replace(
            frame.depth.camera, world_to_camera=frame.depth.camera.world_to_camera @ se3.inverse(pose)
        )
        confidence = np.where(ready.filled, np.float32(FILLED), np.float32(1)) * (z > 0)
        depths.append(
            Depth(z, camera, ready.normals, confidence, ready.filled if ready.filled.any() else None)
        )
    return DepthMaps(views, tuple(depths))


def _points(v: F64, f: np.ndarray, seed: int, most: int = 60_000) -> Points:
    """Points on the surface with normals, about one for each piece of equal area."""
    normal = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    area = np.linalg.norm(normal, axis=1)
    rng = np.random.default_rng(seed)
    face = np.searchsorted(np.cumsum(area), np.sort(rng.random(most)) * area.sum()).clip(0, len(f) - 1)
    a = rng.dirichlet((1, 1, 1), len(face))
    xyz = np.einsum("nk,nkc->nc", a, v[f[face]])
    return Points(xyz, (normal[face] / np.maximum(area[face], 1e-300)[:, None]).astype(np.float32), None, "m")
