"""Fuse depth maps into one signed field on an upright grid: measured distances, and a membrane where nothing was measured.

The field is computed on a coarse grid first, which shows where the surface runs, and refined only there
(`lift3d.geometry.fusion.tsdf`, `lift3d.geometry.fusion.membrane_solver`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.camera.projection import unproject
from lift3d.geometry.fusion.membrane_solver import blocks_near_surface, prolong, relax, solve_membrane
from lift3d.geometry.fusion.tsdf import TsdfIntegrator, assume_solid_below
from lift3d.geometry.image.pyramid import resize_nearest
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.types import F32, F64, DepthMaps, Points

RAW_FACE_RATIO = 30
"""Largest number of triangles of the grid's surface per triangle of the finished mesh; decimation removes the rest."""
BASE_FRACTION = 0.05
"""Fraction of the object's height, from the table up, in which hidden space counts as part of the object."""


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """A box in the world. frame: (4, 4) local-to-world, z up; low, high: (3,) opposite corners in the local frame."""

    frame: F64
    low: F64
    high: F64

    @property
    def extent(self) -> F64:
        """(3,) lengths of its edges."""
        return self.high - self.low

    @property
    def diagonal(self) -> float:
        """Length of its diagonal."""
        return float(np.linalg.norm(self.extent))

    def to_local(self, xyz: F64) -> F64:
        """World points (..., 3) in the local frame."""
        return (xyz - self.frame[:3, 3]) @ self.frame[:3, :3]


class FusionSettings(NamedTuple):
    """max_nodes: largest number of grid nodes; target_faces: approximate number of triangles of the finished mesh; smoothness:
    weight of the membrane against the data.
    """

    max_nodes: int
    target_faces: int
    smoothness: float


class SignedField(NamedTuple):
    """A signed field on a grid in the local frame of a box.

    phi: (X, Y, Z) values at the nodes origin + step * index, negative inside; data, weight: (X, Y, Z) measured values in [-1, 1]
    and their weights.
    """

    origin: F64
    step: float
    phi: F32
    data: F32
    weight: F32


def fuse(
    maps: DepthMaps, pixel_labels: Sequence[NDArray[np.int8]], box: OrientedBox, settings: FusionSettings,
    base: bool = False, closed: bool = True, silhouettes: bool | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> SignedField:  # fmt: skip
    """The signed field of the depth maps in `box`, on the finest grid that the maps and the settings justify.

    pixel_labels: (H, W) int8 per depth map, see `TsdfIntegrator`; base: the object stands on the bottom of the box, which becomes
    a flat face; closed: regions enclosed on all sides count as inside; silhouettes: see `TsdfIntegrator`.
    """
    depths = [
        replace(d, camera=replace(d.camera, world_to_camera=d.camera.world_to_camera @ box.frame))
        for d in maps.depths
    ]
    field = TsdfIntegrator(depths, pixel_labels, silhouettes)
    low, extent = box.low, box.extent
    pixel = _pixel_footprint(maps, box)
    step = max(
        0.75 * pixel, float((extent.prod() / settings.max_nodes) ** (1 / 3)), float(extent.max()) / 640
    )
    standing = BASE_FRACTION * float(extent[2]) if base else 0.0
    for attempt in (0, 1):
        coarse_cells = np.maximum(np.ceil(extent / (2 * step)).astype(int), 8)
        coarse = (int(coarse_cells[0]) + 1, int(coarse_cells[1]) + 1, int(coarse_cells[2]) + 1)
        truncation = max(3.0 * step, 2.0 * pixel)
        f, w = field.integrate(low, 2 * step, coarse, max(truncation, 4.0 * step), standing=standing)
        if closed:
            field.clear_enclosed(f, w, low, 2 * step)
        if base:
            assume_solid_below(f, w)
        _set_walls(f, w, base)
        phi = solve_membrane(f, w, settings.smoothness)
        if not closed:  # far debris would coarsen the grid of an open scene; it is removed later
            break
        excess = 4 * len(marching_tetrahedra(phi)[1]) / (RAW_FACE_RATIO * settings.target_faces)
        if attempt or excess < 1.2:
            break
        step *= min(excess**0.5, 2.0)
    progress(0.4)
    active = blocks_near_surface(phi)
    phi = prolong(phi)
    f, w = field.integrate(low, step, phi.shape, truncation, active, standing)
    _set_walls(f, w, base)
    relax(phi, f, w, settings.smoothness, 14, active, over=1.3)
    progress(0.6)
    if base:
        _cut_base(phi)
    return SignedField(low, step, phi, f, w)


def _set_walls(f: F32, w: F32, base: bool) -> None:
    """The sides and the top of the box are outside, in place; with `base` nothing is claimed about the bottom (z = 0)."""
    for axis in range(3):
        for end in (0, -1):
            if base and axis == 2 and end == 0:
                continue
            face = [slice(None)] * 3
            face[axis] = end  # type: ignore[call-overload]
            f[tuple(face)] = 1.0
            w[tuple(face)] = 4.0


def _cut_base(phi: F32) -> None:
    """Close the bottom with an exactly flat face, in place.

    Node layer 0 becomes outside by as much as layer 1 is inside, so the surface crosses every edge between them halfway.
    """
    inside = phi[:, :, 1] < -0.02
    phi[:, :, 1][inside] = -0.5
    phi[:, :, 0] = 0.5


def _pixel_footprint(maps: DepthMaps, box: OrientedBox) -> float:
    """Median size in the world of a depth-map pixel on the surfaces in the box."""
    sizes = []
    for depth in maps.depths:
        local = box.to_local(unproject(depth.camera, depth.z)[::8, ::8])
        z = depth.z[::8, ::8]
        inside = (z > 0) & ((local > box.low) & (local < box.high)).all(-1)
        if inside.any():
            sizes.append(float(np.median(z[inside])) / depth.camera.fx)
    return float(np.median(sizes)) if sizes else float(box.extent.max()) / 256


def sample_measured_points(maps: DepthMaps, limit: int, seed: int = 0) -> Points:
    """About `limit` measured points with unit normals in the world, sampled with `seed`.

    Of masked photos only points inside the mask are taken.
    """
    total = sum(int((d.z > 0).sum()) for d in maps.depths)
    rng = np.random.default_rng(seed)
    fraction = min(1.0, limit / max(total, 1))
    xyz, normals = [], []
    for image, depth in zip(maps.views.images, maps.depths):
        known = depth.z > 0
        if image.mask is not None:
            known &= resize_nearest(image.mask, depth.z.shape)
        index = np.flatnonzero(known)
        index = index[rng.random(len(index)) < fraction]
        assert depth.normals is not None
        xyz.append(unproject(depth.camera, depth.z).reshape(-1, 3)[index])
        camera_normals = depth.normals.reshape(-1, 3)[index].astype(np.float32)
        normals.append(camera_normals @ depth.camera.R.astype(np.float32))
    return Points(np.concatenate(xyz), np.concatenate(normals).astype(np.float32), None, maps.views.unit)
