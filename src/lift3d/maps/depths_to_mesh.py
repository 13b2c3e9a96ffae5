"""Depth maps to a surface: closed and standing on its base for an object, open and trimmed for a scene.

The maps are fused into a signed field that knows measured surface, seen emptiness and nothing else
(`lift3d.geometry.field`), meshed by marching tetrahedra, which is closed by construction. For an object the
region of interest is what most cameras look at; the table is found, taken out of the measured surface, and
cuts the object flat. For a scene the box of the measured points is meshed and faces without evidence go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.capture import Focus, camera_up, decide_kind, focus
from lift3d.geometry.components import components
from lift3d.geometry.decimate import decimate
from lift3d.geometry.field import DepthField, assume_standing
from lift3d.geometry.intersections import self_intersections
from lift3d.geometry.isosurface import marching_tetrahedra
from lift3d.geometry.membrane import near_surface, refine, relax, solve
from lift3d.geometry.projection import unproject
from lift3d.geometry.region import object_cluster
from lift3d.geometry.support_plane import SupportPlane, find_support_plane
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, F64, DepthMaps, Mesh, Points
from lift3d.units import set_unit

NAME = "depths_to_mesh"
RAW_FACES = 30
"""The grid is no finer than gives this many triangles per triangle asked for: more would only be collapsed again."""
STANDING_SHARE = 0.05
"""Share of the height from the table up in which what no photo sees is taken as part of the object."""


@register(
    Card(
        NAME,
        "DepthMaps",
        "Mesh",
        (
            "object: closed, oriented, flat base",
            "scene: open, trimmed where nothing was seen",
            "same bytes for the same seed",
        ),
        reference="Curless & Levoy 1996; Bylow et al. 2013",
    )
)
@dataclass(frozen=True)
class DepthsToMesh(Mapping[DepthMaps, Mesh]):
    """kind: "auto", "object" or "scene"; faces: about how many triangles; nodes: largest number of grid nodes
    (four bytes in four arrays each); smooth: weight of the membrane against the data."""

    kind: str = "auto"
    faces: int = 60_000
    nodes: int = 24_000_000
    smooth: float = 0.06

    def apply(self, source: DepthMaps, context: Context) -> Mesh:
        cameras = source.views.cameras
        points = fused_points(source, 400_000, context.seed)
        if len(points) < 500:
            raise CaptureError(
                f"only {len(points)} points were measured by enough photos",
                "take more overlapping, sharp photos of a textured, matt surface",
            )
        spot = focus(cameras)
        kind, why = decide_kind(cameras, spot) if self.kind == "auto" else (self.kind, "asked for")
        up = camera_up(cameras)
        context.note(NAME, kind=kind, why=why)
        context.progress(NAME, 0.1)
        if kind == "object":
            mesh = self._object(source, points, spot, up, context)
        else:
            mesh = self._scene(source, points, up, context)
        set_unit(mesh, source.views.unit)
        context.progress(NAME, 1.0)
        return mesh

    def _object(self, maps: DepthMaps, points: Points, spot: Focus, up: F64, context: Context) -> Mesh:
        cameras = maps.views.cameras
        assert points.normals is not None
        centres = np.array([c.centre for c in cameras])
        near = np.linalg.norm(points.xyz - spot.point, axis=1) < 1.5 * spot.distance
        masked = any(image.mask is not None for image in maps.views.images)
        plane = None
        if not masked:
            plane = find_support_plane(
                points.xyz[near], points.normals[near], centres, up, 0.5 * spot.distance, context.seed
            )
        above = near
        if plane is not None:
            up = plane.normal
            above = near & (plane.height(points.xyz) > max(4 * plane.noise, 0.008 * spot.distance))
        member = above.copy()
        member[above] = object_cluster(cameras, points.xyz[above], spot)
        if member.sum() < 100:
            raise CaptureError(
                "no object was found where the cameras look together",
                "walk around one thing and keep it in the middle of each photo, or use --kind scene",
            )
        frame = upright_frame(up, points.xyz[member].mean(0))
        local = (points.xyz[member] - frame[:3, 3]) @ frame[:3, :3]
        low, high = np.quantile(local, 0.002, axis=0), np.quantile(local, 0.998, axis=0)
        # masks carve on their own: their box need not be tight, and must not cut what hangs lower than was measured
        margin = (0.15 if masked else 0.06) * float(np.linalg.norm(high - low))
        low, high = low - margin, high + margin
        floor = None
        if plane is not None:
            size = float(np.linalg.norm(high - low))
            floor = float(plane.offset - plane.normal @ frame[:3, 3]) + max(1.5 * plane.noise, 0.002 * size)
            low[2] = floor
        kinds = [self._kinds(maps, i, plane, frame, floor, low, high) for i in range(len(cameras))]
        origin, step, phi, *_ = self._field(maps, kinds, frame, low, high, context, base=floor is not None)
        v, f = marching_tetrahedra(phi)
        v = origin + step * v
        v, f, dropped = main_parts(v, f)
        context.progress(NAME, 0.75)
        raw_faces = len(f)
        v, f = decimate(v, f, self.faces)
        if floor is not None:
            v = _flattened(v, f, origin[2] + 0.5 * step, 0.2 * step)
        lift = np.array([0.0, 0.0, float(v[:, 2].min())])
        v = (v - lift).astype(np.float32).astype(np.float64)
        context.note(
            NAME,
            support_plane=None
            if plane is None
            else {"share": plane.share, "noise": plane.noise, "normal": plane.normal.tolist()},
            voxel=step,
            grid=list(phi.shape),
            debris_dropped=dropped,
            faces_before_decimation=raw_faces,
            faces=len(f),
            world_from_model=_to_list(frame, lift),
        )
        return trimesh.Trimesh(v, f, process=False, metadata={"world_from_model": _to_list(frame, lift)})

    def _scene(self, maps: DepthMaps, points: Points, up: F64, context: Context) -> Mesh:
        frame = upright_frame(up, np.median(points.xyz, axis=0))
        local = (points.xyz - frame[:3, 3]) @ frame[:3, :3]
        low, high = np.quantile(local, 0.01, axis=0), np.quantile(local, 0.99, axis=0)
        pad = 0.05 * (high - low)
        low, high = low - pad, high + pad
        kinds = [np.ones(d.z.shape, np.int8) for d in maps.depths]
        origin, step, phi, data, weight = self._field(
            maps, kinds, frame, low, high, context, base=False, closed=False
        )
        v, f = marching_tetrahedra(phi)
        inside = ((v > 0.5) & (v < np.array(phi.shape) - 1.5)).all(1)
        f = f[(inside & _measured(v, data, weight))[f].all(1)]
        v, f = _compact(origin + step * v, f)
        if len(f) == 0:
            raise CaptureError("no surface was seen well enough to be kept", "take more overlapping photos")
        v, f, dropped = large_parts(v, f, 0.01)
        raw_faces = len(f)
        v, f = decimate(v, f, self.faces)
        lift = np.zeros(3)
        v = v.astype(np.float32).astype(np.float64)
        context.note(
            NAME, voxel=step, grid=list(phi.shape), debris_dropped=dropped,
            faces_before_decimation=raw_faces, faces=len(f), open="a scene is open by nature",
            world_from_model=_to_list(frame, lift),
        )  # fmt: skip
        return trimesh.Trimesh(v, f, process=False, metadata={"world_from_model": _to_list(frame, lift)})

    def _kinds(
        self,
        maps: DepthMaps,
        i: int,
        plane: SupportPlane | None,
        frame: F64,
        floor: float | None,
        low: F64,
        high: F64,
    ) -> NDArray[np.int8]:
        """What each pixel of a depth map proves: 1 surface, 0 free space only (table, far things), -1 not the object."""
        depth = maps.depths[i]
        local = (unproject(depth.camera, depth.z) - frame[:3, 3]) @ frame[:3, :3]
        kind = np.ones(depth.z.shape, np.int8)
        if floor is not None and plane is not None:
            size = float(np.linalg.norm(high - low))
            height = local[..., 2] - floor
            assert depth.normals is not None
            flat = depth.normals @ (depth.camera.R @ plane.normal).astype(np.float32) > 0.7
            kind[(height < 0) | (flat & (height < 0.006 * size + plane.noise))] = 0
        kind[((local < low) | (local > high)).any(-1)] = 0
        mask = maps.views.images[i].mask
        if mask is not None:
            kind[~_resize_mask(mask, depth.z.shape)] = -1
        return kind

    def _field(
        self,
        maps: DepthMaps,
        kinds: list[NDArray[np.int8]],
        frame: F64,
        low: F64,
        high: F64,
        context: Context,
        base: bool,
        closed: bool = True,
    ) -> tuple[F64, float, F32, F32, F32]:
        """Origin, step, field, and what was measured of it with what weight, on the finest grid in the upright frame."""
        depths = [
            replace(d, camera=replace(d.camera, world_to_camera=d.camera.world_to_camera @ frame))
            for d in maps.depths
        ]
        field = DepthField(depths, kinds)
        extent = high - low
        pixel = _pixel_footprint(maps, frame, low, high)
        step = max(0.75 * pixel, float((extent.prod() / self.nodes) ** (1 / 3)), float(extent.max()) / 640)
        standing = STANDING_SHARE * float(extent[2]) if base else 0.0
        for attempt in (0, 1):
            cells = np.maximum(np.ceil(extent / (2 * step)).astype(int), 8)
            coarse = (int(cells[0]) + 1, int(cells[1]) + 1, int(cells[2]) + 1)
            reach = max(3.0 * step, 2.0 * pixel)
            f, w = field.integrate(low, 2 * step, coarse, max(reach, 4.0 * step), standing=standing)
            if closed:
                field.forget_enclosed(f, w, low, 2 * step)
            if base:
                assume_standing(f, w)
            self._walls(f, w, base)
            phi = solve(f, w, self.smooth)
            if not closed:  # far specks would make the grid of an open scene coarse, and are dropped later
                break
            finer = 4 * len(marching_tetrahedra(phi)[1]) / (RAW_FACES * self.faces)
            if attempt or finer < 1.2:
                break
            step *= min(finer**0.5, 2.0)
        context.progress(NAME, 0.4)
        active = near_surface(phi)
        phi = refine(phi)
        f, w = field.integrate(low, step, phi.shape, reach, active, standing)
        self._walls(f, w, base)
        relax(phi, f, w, self.smooth, 14, active, over=1.3)
        context.progress(NAME, 0.6)
        if base:
            _cut_base(phi)
        return low, step, phi, f, w

    @staticmethod
    def _walls(f: F32, w: F32, base: bool) -> None:
        """The sides and the top of the box are outside; under the base (z = 0) nothing is claimed."""
        for axis in range(3):
            for end in (0, -1):
                if base and axis == 2 and end == 0:
                    continue
                face = [slice(None)] * 3
                face[axis] = end  # type: ignore[call-overload]
                f[tuple(face)] = 1.0
                w[tuple(face)] = 4.0


def _cut_base(phi: F32) -> None:
    """Close the bottom exactly flat: layer 0 becomes outside by as much as layer 1 is inside, so that every
    edge between them is crossed halfway."""
    inside = phi[:, :, 1] < -0.02
    phi[:, :, 1][inside] = -0.5
    phi[:, :, 0] = 0.5


def _flattened(v: F64, f: NDArray[np.int32], base: float, within: float) -> F64:
    """Vertices that decimation left a hair above or below the base are put on it, if that keeps the mesh simple."""
    flat = v.copy()
    flat[v[:, 2] < base + within, 2] = base
    return flat if len(self_intersections(flat, f, limit=1)) == 0 else v


def fused_points(maps: DepthMaps, limit: int, seed: int = 0) -> Points:
    """A seeded sample of at most about `limit` measured points with world normals; of masked photos, inside the mask."""
    total = sum(int((d.z > 0).sum()) for d in maps.depths)
    rng = np.random.default_rng(seed)
    share = min(1.0, limit / max(total, 1))
    xyz, normals = [], []
    for image, depth in zip(maps.views.images, maps.depths):
        known = depth.z > 0
        if image.mask is not None:
            known &= _resize_mask(image.mask, depth.z.shape)
        at = np.flatnonzero(known)
        at = at[rng.random(len(at)) < share]
        assert depth.normals is not None
        xyz.append(unproject(depth.camera, depth.z).reshape(-1, 3)[at])
        normals.append(
            depth.normals.reshape(-1, 3)[at].astype(np.float32) @ depth.camera.R.astype(np.float32)
        )
    return Points(np.concatenate(xyz), np.concatenate(normals).astype(np.float32), None, maps.views.unit)


def upright_frame(up: F64, centre: F64) -> F64:
    """4x4 local-to-world with z along `up` and its origin at `centre`."""
    z = up / np.linalg.norm(up)
    x = np.cross(np.eye(3)[int(np.argmin(np.abs(z)))], z)
    x /= np.linalg.norm(x)
    frame = np.eye(4)
    frame[:3, :3] = np.stack([x, np.cross(z, x), z], 1)
    frame[:3, 3] = centre
    return frame


def _to_list(frame: F64, lift: F64) -> list[list[float]]:
    out = frame.copy()
    out[:3, 3] += frame[:3, :3] @ lift
    return [[float(x) for x in row] for row in out]


def _pixel_footprint(maps: DepthMaps, frame: F64, low: F64, high: F64) -> float:
    """Median size of a depth-map pixel on what lies in the box, in world units."""
    sizes = []
    for depth in maps.depths:
        local = (unproject(depth.camera, depth.z)[::8, ::8] - frame[:3, 3]) @ frame[:3, :3]
        z = depth.z[::8, ::8]
        inside = (z > 0) & ((local > low) & (local < high)).all(-1)
        if inside.any():
            sizes.append(float(np.median(z[inside])) / depth.camera.fx)
    return float(np.median(sizes)) if sizes else float((high - low).max()) / 256


def _resize_mask(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows = ((np.arange(shape[0]) + 0.5) * mask.shape[0] / shape[0]).astype(np.int64)
    columns = ((np.arange(shape[1]) + 0.5) * mask.shape[1] / shape[1]).astype(np.int64)
    return mask[rows][:, columns]


def _measured(v: F64, data: F32, weight: F32) -> NDArray[np.bool_]:
    """(V,) for vertices in grid coordinates: was the surface measured there? Where the measurements say "deep inside"
    and the membrane ends all the same, it is only the back of what was seen."""
    node = tuple(np.clip(np.rint(v).astype(np.int64), 0, np.array(data.shape) - 1).T)
    return (weight[node] > 0.35) & (data[node] > -0.7)


def _compact(v: F64, f: NDArray[np.int32]) -> tuple[F64, NDArray[np.int32]]:
    used = np.zeros(len(v), bool)
    used[f] = True
    new = np.cumsum(used) - 1
    return v[used], new[f].astype(np.int32)


def _volumes(v: F64, f: NDArray[np.int32], label: NDArray[np.int32]) -> F64:
    a, b, c = v[f[:, 0]], v[f[:, 1]], v[f[:, 2]]
    return np.asarray(np.bincount(label, (a * np.cross(b, c)).sum(1) / 6.0), np.float64)


def main_parts(v: F64, f: NDArray[np.int32], least: float = 0.02) -> tuple[F64, NDArray[np.int32], int]:
    """Outward parts with at least `least` of the largest one's volume; inner cavities, which nobody saw, and
    debris go. Returns the number of parts dropped."""
    if len(f) == 0:
        raise CaptureError("the measured points enclose nothing", "take photos from all sides")
    label = components(f, len(v))
    volume = _volumes(v, f, label)
    keep = volume >= least * volume.max()
    v, f = _compact(v, f[keep[label]])
    return v, f, int((~keep).sum())


def large_parts(v: F64, f: NDArray[np.int32], least: float) -> tuple[F64, NDArray[np.int32], int]:
    """Parts with at least `least` of all faces."""
    label = components(f, len(v))
    count = np.bincount(label)
    keep = count >= least * len(f)
    v, f = _compact(v, f[keep[label]])
    return v, f, int((~keep).sum())
