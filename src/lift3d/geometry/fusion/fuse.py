"""Depth maps fused into one signed field in an upright box: what was measured, and a membrane over what was not.

The field is found on a coarse grid first, which says where the surface runs, and refined there only
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
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.types import F32, F64, DepthMaps, Points

RAW_FACE_RATIO = 30
"""The grid is no finer than gives this many triangles per triangle asked for: more would only be collapsed again."""
BASE_FRACTION = 0.05
"""Share of the height from the table up in which what no photo sees is taken as part of the object."""


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """frame: 4x4 local-to-world, z up; low, high (3,): opposite corners in the local frame."""

    frame: F64
    low: F64
    high: F64

    @property
    def extent(self) -> F64:
        """(3,) lengths of its edges."""
        return self.high - self.low

    @property
    def size(self) -> float:
        """Length of its diagonal."""
        return float(np.linalg.norm(self.extent))

    def local(self, xyz: F64) -> F64:
        """World points (..., 3) in the local frame."""
        return (xyz - self.frame[:3, 3]) @ self.frame[:3, :3]


class FusionSettings(NamedTuple):
    """nodes: largest number of grid nodes; faces: about how many triangles the finished mesh has; smooth: weight of
    the membrane against the data."""

    nodes: int
    faces: int
    smooth: float


class SignedField(NamedTuple):
    """phi (X, Y, Z): the field at origin + step * index in the local frame of the box, negative inside; data and
    weight (X, Y, Z): what of it was measured, and how surely."""

    origin: F64
    step: float
    phi: F32
    data: F32
    weight: F32


def fuse(
    maps: DepthMaps, kinds: Sequence[NDArray[np.int8]], box: OrientedBox, wish: FusionSettings,
    base: bool = False, closed: bool = True, progress: Callable[[float], None] = lambda done: None,
) -> SignedField:  # fmt: skip
    """The field on the finest grid that pays. kinds: what each pixel proves, see `TsdfIntegrator`; base: the thing stands on
    the bottom of the box, which is cut flat; closed: what is enclosed on all sides is inside."""
    depths = [
        replace(d, camera=replace(d.camera, world_to_camera=d.camera.world_to_camera @ box.frame))
        for d in maps.depths
    ]
    field = TsdfIntegrator(depths, kinds)
    low, extent = box.low, box.extent
    pixel = _pixel_footprint(maps, box)
    step = max(0.75 * pixel, float((extent.prod() / wish.nodes) ** (1 / 3)), float(extent.max()) / 640)
    standing = BASE_FRACTION * float(extent[2]) if base else 0.0
    for attempt in (0, 1):
        cells = np.maximum(np.ceil(extent / (2 * step)).astype(int), 8)
        coarse = (int(cells[0]) + 1, int(cells[1]) + 1, int(cells[2]) + 1)
        reach = max(3.0 * step, 2.0 * pixel)
        f, w = field.integrate(low, 2 * step, coarse, max(reach, 4.0 * step), standing=standing)
        if closed:
            field.forget_enclosed(f, w, low, 2 * step)
        if base:
            assume_solid_below(f, w)
        _walls(f, w, base)
        phi = solve_membrane(f, w, wish.smooth)
        if not closed:  # far specks would make the grid of an open scene coarse, and are dropped later
            break
        finer = 4 * len(marching_tetrahedra(phi)[1]) / (RAW_FACE_RATIO * wish.faces)
        if attempt or finer < 1.2:
            break
        step *= min(finer**0.5, 2.0)
    progress(0.4)
    active = blocks_near_surface(phi)
    phi = prolong(phi)
    f, w = field.integrate(low, step, phi.shape, reach, active, standing)
    _walls(f, w, base)
    relax(phi, f, w, wish.smooth, 14, active, over=1.3)
    progress(0.6)
    if base:
        _cut_base(phi)
    return SignedField(low, step, phi, f, w)


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


def _pixel_footprint(maps: DepthMaps, box: OrientedBox) -> float:
    """Median size of a depth-map pixel on what lies in the box, in world units."""
    sizes = []
    for depth in maps.depths:
        local = box.local(unproject(depth.camera, depth.z)[::8, ::8])
        z = depth.z[::8, ::8]
        inside = (z > 0) & ((local > box.low) & (local < box.high)).all(-1)
        if inside.any():
            sizes.append(float(np.median(z[inside])) / depth.camera.fx)
    return float(np.median(sizes)) if sizes else float(box.extent.max()) / 256


def sample_measured_points(maps: DepthMaps, limit: int, seed: int = 0) -> Points:
    """A seeded sample of at most about `limit` measured points with world normals; of masked photos, inside the mask."""
    total = sum(int((d.z > 0).sum()) for d in maps.depths)
    rng = np.random.default_rng(seed)
    share = min(1.0, limit / max(total, 1))
    xyz, normals = [], []
    for image, depth in zip(maps.views.images, maps.depths):
        known = depth.z > 0
        if image.mask is not None:
            known &= resize_mask(image.mask, depth.z.shape)
        at = np.flatnonzero(known)
        at = at[rng.random(len(at)) < share]
        assert depth.normals is not None
        xyz.append(unproject(depth.camera, depth.z).reshape(-1, 3)[at])
        seen = depth.normals.reshape(-1, 3)[at].astype(np.float32)
        normals.append(seen @ depth.camera.R.astype(np.float32))
    return Points(np.concatenate(xyz), np.concatenate(normals).astype(np.float32), None, maps.views.unit)


def resize_mask(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask (h, w) at another size: each pixel takes the one its centre falls in."""
    rows = ((np.arange(shape[0]) + 0.5) * mask.shape[0] / shape[0]).astype(np.int64)
    columns = ((np.arange(shape[1]) + 0.5) * mask.shape[1] / shape[1]).astype(np.int64)
    return mask[rows][:, columns]
