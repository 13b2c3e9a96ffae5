"""Depth maps to a surface: closed and standing on its base for an object, open and trimmed for a scene.

The maps are fused into a signed field of measured surface and observed free space
(`lift3d.geometry.fusion.fuse`), meshed by marching tetrahedra, which is closed by construction. For an object the
region of interest is what most cameras look at; the supporting table is detected and removed from the measured
surface, and its plane cuts the object flat. For a scene the box of the measured points is meshed, and faces without
measurements are removed; the up axis is the normal of the floor if one is found, else the mean up direction of the photos.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.camera.projection import unproject
from lift3d.geometry.camera.similarity import transform_views, upright_frame
from lift3d.geometry.camera.up_direction import estimate_up, forward_direction, up_direction
from lift3d.geometry.fusion.background_segmentation import add_background_depth
from lift3d.geometry.fusion.capture_layout import (
    AxisIntersection,
    classify_capture,
    intersect_optical_axes,
    seen_around,
    shows_one_side,
)
from lift3d.geometry.fusion.fuse import (
    FusionSettings,
    OrientedBox,
    SignedField,
    fuse,
    sample_measured_points,
)
from lift3d.geometry.fusion.object_region import common_points, object_points
from lift3d.geometry.fusion.support_plane import (
    SupportPlane,
    allowed_tilt,
    find_floor,
    find_support_plane,
    resting_plane,
)
from lift3d.geometry.fusion.support_visibility import add_support_depth
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import OBJECT_CLOSED_SCENE_OPEN, VIEWS_IN_FRAME
from lift3d.geometry.image.pyramid import resize_nearest
from lift3d.geometry.mesh.components import keep_large_components, keep_main_components, select_faces
from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.surface.decimation import decimate
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F64, DepthMaps, Mesh, Plane, Points, Surface
from lift3d.units import set_unit

NAME = "depths_to_mesh"
Extracted = tuple[Mesh, F64, SupportPlane | None, float | None]
"""A mesh, its frame (4, 4): mesh to world, the plane that it stands on, in the world, and the measured fraction of its area."""


@register(
    Card(
        NAME,
        "DepthMaps",
        "Surface",
        (OBJECT_CLOSED_SCENE_OPEN, VIEWS_IN_FRAME, SAME_BYTES),
        reference="Curless & Levoy 1996; Bylow et al. 2013",
    )
)
@dataclass(frozen=True)
class DepthsToMesh(Mapping[DepthMaps, Surface]):
    """kind: "auto", "object" or "scene"; faces: approximate number of triangles; nodes: maximum number of grid nodes
    (16 bytes each, in four arrays); smooth: weight of the membrane relative to the data."""

    kind: str = "auto"
    faces: int = 60_000
    nodes: int = 24_000_000
    smooth: float = 0.06

    def apply(self, source: DepthMaps, context: Context) -> Surface:
        source = _without_background(source)
        cameras = source.views.cameras
        points = sample_measured_points(source, 400_000, context.seed)
        if len(points) < 500:
            raise CaptureError(
                f"only {len(points)} points were measured by enough photos",
                "take more overlapping, sharp photos of a textured, matt surface",
            )
        axes = intersect_optical_axes(cameras)
        kind, why = (
            classify_capture(cameras, axes) if self.kind == "auto" else (self.kind, "given as an option")
        )
        context.note(NAME, kind=kind, why=why)
        context.progress(NAME, 0.1)
        extract = self._object if kind == "object" else self._scene
        mesh, frame, plane, measured = extract(source, points, axes, context)
        seen = seen_around(cameras, np.linalg.inv(frame).astype(np.float64))
        if self.kind == "auto" and shows_one_side(source.views, measured, seen):
            assert measured is not None
            kind = "scene"
            why = (
                f"the photos show one side only, {seen:.0f} degrees around, and measured {measured:.0%} of the surface of a "
                "closed object"
            )
            context.note(NAME, kind=kind, why=why)
            mesh, frame, plane, measured = self._scene(source, points, axes, context)
        set_unit(mesh, source.views.unit)
        context.note(NAME, world_from_model=frame.tolist())
        context.progress(NAME, 1.0)
        views = transform_views(source.views, np.linalg.inv(frame).astype(np.float64), source.views.unit)
        support = None if plane is None else _in_frame(plane, frame)
        return Surface(mesh, views, kind, why, frame, support, measured)

    def _object(self, maps: DepthMaps, points: Points, axes: AxisIntersection, context: Context) -> Extracted:
        """The closed surface of what most cameras look at."""
        cameras = maps.views.cameras
        upwards = up_direction(cameras, _gravity(maps))
        up, tilt = upwards.direction, allowed_tilt(upwards)
        assert points.normals is not None
        centres = np.array([c.centre for c in cameras])
        near = np.linalg.norm(points.xyz - axes.point, axis=1) < 1.5 * axes.distance
        masks = [image.segmentation for image in maps.views.images if image.mask is not None]
        # before a backdrop, a plate or table under the object is in the mask
        without_table = any(how is None or how.source != "backdrop" for how in masks)
        plane = None
        if not without_table:
            xyz, normals = points.xyz[near], points.normals[near]
            size = 0.5 * axes.distance
            plane = find_support_plane(xyz, normals, centres, up, size, context.seed, tilt=tilt)
        above = near
        if plane is not None:
            up = plane.normal
            above = near & (plane.height(points.xyz) > max(4 * plane.noise, 0.008 * axes.distance))
        member = above.copy()
        alone = bool(masks) or bool(maps.views.background)
        xyz = points.xyz[above]
        member[above] = common_points(cameras, xyz, axes) if alone else object_points(cameras, xyz, axes, up)
        if member.sum() < 100:
            raise CaptureError(
                "no object was found where the cameras look together",
                "walk around one object and keep it in the centre of each photo, or use --kind scene",
            )
        if plane is None and masks:
            shapes = [(c, i.mask) for c, i in zip(cameras, maps.views.images) if i.mask is not None]
            pixel = axes.distance / float(np.median([d.camera.fx for d in maps.depths]))
            plane = resting_plane(points.xyz[member], up, centres, shapes, pixel)
        forward = forward_direction(cameras[0], up)
        box = _object_box(points.xyz[member], up, forward, plane, bool(masks))
        if plane is not None and not masks:
            level = float(plane.offset - plane.normal @ box.frame[:3, 3])
            maps = add_support_depth(maps, box.frame, box.low, box.high, level)
        kinds = [_proofs(maps, i, plane, box) for i in range(len(cameras))]
        if not without_table and not maps.views.background:
            maps = add_background_depth(maps, kinds, box, plane is not None)
            kinds = [_proofs(maps, i, plane, box) for i in range(len(cameras))]
        grid = self._fused(maps, kinds, box, context, base=plane is not None, silhouettes=without_table)
        v, f = marching_tetrahedra(grid.phi)
        if len(f) == 0:
            raise CaptureError("the measured points enclose nothing", "take photos from all sides")
        v, f, dropped = keep_main_components(grid.origin + grid.step * v, f)
        measured = _measured_fraction(v, f, grid)
        context.progress(NAME, 0.75)
        raw = len(f)
        v, f = decimate(v, f, self.faces)
        if plane is not None:
            v = _flattened(v, f, grid.origin[2] + 0.5 * grid.step, 0.2 * grid.step)
        found = None if plane is None else plane.evidence()
        context.note(NAME, support_plane=found, **_evidence(grid, dropped, raw, len(f)))
        return *_placed(v, f, box, float(v[:, 2].min())), plane, measured

    def _scene(self, maps: DepthMaps, points: Points, spot: AxisIntersection, context: Context) -> Extracted:
        """The measured surface within the box of the measured points, open where nothing was measured."""
        cameras, gravity = maps.views.cameras, _gravity(maps)
        floor = find_floor(points, cameras, context.seed, gravity)
        up = estimate_up(cameras, gravity) if floor is None else floor.normal
        forward = forward_direction(maps.views.cameras[0], up)
        frame = upright_frame(up, np.median(points.xyz, axis=0), forward)
        local = (points.xyz - frame[:3, 3]) @ frame[:3, :3]
        low, high = np.quantile(local, 0.01, axis=0), np.quantile(local, 0.99, axis=0)
        wide = (high - low).max()
        pad = np.maximum(0.05 * (high - low), 0.01 * wide)  # flat ground needs some room below it as well
        box = OrientedBox(frame, low - pad, high + pad)
        kinds = [np.ones(d.z.shape, np.int8) for d in maps.depths]
        grid = self._fused(maps, kinds, box, context, closed=False)
        v, f = marching_tetrahedra(grid.phi)
        known = _measured(v, grid) & ((v > 0.5) & (v < np.array(grid.phi.shape) - 1.5)).all(1)
        v, f, _ = select_faces(grid.origin + grid.step * v, f, np.asarray(known[f].all(1)))
        if len(f) == 0:
            raise CaptureError("no surface was seen well enough to be kept", "take more overlapping photos")
        v, f, dropped = keep_large_components(v, f, 0.01)
        raw = len(f)
        v, f = decimate(v, f, self.faces)
        found = None if floor is None else floor.evidence()
        context.note(NAME, support_plane=found, **_evidence(grid, dropped, raw, len(f)))
        context.note(NAME, open="a scene is open by nature")
        return *_placed(v, f, box, 0.0), floor, None

    def _fused(
        self, maps: DepthMaps, kinds: list[NDArray[np.int8]], box: OrientedBox, context: Context, **how: bool
    ) -> SignedField:
        settings = FusionSettings(self.nodes, self.faces, self.smooth)
        return fuse(maps, kinds, box, settings, **how, progress=partial(context.progress, NAME))


def _gravity(maps: DepthMaps) -> list[tuple[float, float, float] | None]:
    """The direction of gravity in the frame of each camera, where its photo states it."""
    return [image.gravity for image in maps.views.images]


def _without_background(maps: DepthMaps) -> DepthMaps:
    """The depth maps without the pixels of surroundings that stood still while the object turned: what was measured there lies
    nowhere."""
    if not maps.views.background:
        return maps
    depths = tuple(
        replace(depth, z=np.where(resize_nearest(still, depth.z.shape), np.float32(0), depth.z))
        for depth, still in zip(maps.depths, maps.views.background)
    )
    return replace(maps, depths=depths)


def _object_box(xyz: F64, up: F64, forward: F64, plane: SupportPlane | None, masked: bool) -> OrientedBox:
    """The upright box around the object's points, its front towards the first camera, which looks `forward`; its bottom lies just
    above the noise of the table."""
    frame = upright_frame(up, xyz.mean(0), forward)
    local = (xyz - frame[:3, 3]) @ frame[:3, :3]
    low, high = np.quantile(local, 0.002, axis=0), np.quantile(local, 0.998, axis=0)
    # masks carve by themselves: the box need not be tight, and must not cut off parts below the measured points
    margin = (0.15 if masked else 0.06) * float(np.linalg.norm(high - low))
    low, high = low - margin, high + margin
    if plane is not None:
        rise = max(1.5 * plane.noise, 0.002 * float(np.linalg.norm(high - low)))
        low[2] = float(plane.offset - plane.normal @ frame[:3, 3]) + rise
    return OrientedBox(frame, low, high)


def _proofs(maps: DepthMaps, i: int, plane: SupportPlane | None, box: OrientedBox) -> NDArray[np.int8]:
    """(H, W) int8, the evidence of each pixel of a depth map: 1 surface, 0 free space only (table, background), -1 masked out."""
    depth = maps.depths[i]
    local = box.to_local(unproject(depth.camera, depth.z))
    kind = np.ones(depth.z.shape, np.int8)
    if plane is not None:
        height = local[..., 2] - box.low[2]
        assert depth.normals is not None
        flat = depth.normals @ (depth.camera.R @ plane.normal).astype(np.float32) > 0.7
        kind[(height < 0) | (flat & (height < 0.006 * box.diagonal + plane.noise))] = 0
    kind[((local < box.low) | (local > box.high)).any(-1)] = 0
    mask = maps.views.images[i].mask
    if mask is not None:
        kind[~resize_nearest(mask, depth.z.shape)] = -1
    return kind


def _flattened(v: F64, f: NDArray[np.int32], base: float, within: float) -> F64:
    """The vertices, those within `within` of the base moved onto it, unless that makes the mesh intersect itself."""
    flat = v.copy()
    flat[v[:, 2] < base + within, 2] = base
    return flat if len(self_intersections(flat, f, limit=1)) == 0 else v


def _measured(v: F64, grid: SignedField) -> NDArray[np.bool_]:
    """(V,) bool for vertices (V, 3) in grid coordinates: whether the surface was measured there. Where the data say "deep
    inside", the surface is only the unobserved back of what was measured."""
    node = tuple(np.clip(np.rint(v).astype(np.int64), 0, np.array(grid.phi.shape) - 1).T)
    return (grid.weight[node] > 0.35) & (grid.data[node] > -0.7)


def _measured_fraction(v: F64, f: NDArray[np.int32], grid: SignedField) -> float:
    """Fraction of the area of a surface (vertices in the frame of the grid's box) that was measured, without its flat base."""
    known = _measured((v - grid.origin) / grid.step, grid)[f].any(1)
    a, b, c = v[f].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    area[(v[f][..., 2] < grid.origin[2] + 1.5 * grid.step).all(1)] = 0.0
    return float(area[known].sum() / max(float(area.sum()), 1e-12))


def _evidence(grid: SignedField, dropped: int, raw: int, faces: int) -> dict[str, Any]:
    shape = list(grid.phi.shape)
    counts = {"debris_dropped": dropped, "faces_before_decimation": raw, "faces": faces}
    return {"voxel": grid.step, "grid": shape, **counts}


def _placed(v: F64, f: NDArray[np.int32], box: OrientedBox, lift: float) -> tuple[Mesh, F64]:
    """The mesh with its base at z = 0 and vertices exact in single precision, and its frame (4, 4): mesh to world.

    lift: the base's height in the frame of `box`."""
    at = np.array([0.0, 0.0, lift])
    v = (v - at).astype(np.float32).astype(np.float64)
    frame = box.frame.copy()
    frame[:3, 3] += frame[:3, :3] @ at
    return trimesh.Trimesh(v, f, process=False), frame


def _in_frame(plane: SupportPlane, frame: F64) -> Plane:
    """A plane of the world in a local frame (4, 4): local to world."""
    return Plane(frame[:3, :3].T @ plane.normal, float(plane.offset - plane.normal @ frame[:3, 3]))
