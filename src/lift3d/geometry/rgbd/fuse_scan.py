"""Frames with poses to one coloured surface: the size of the voxels, the blocks in parts that fit the memory, the meshes joined.

Where the blocks do not fit the memory budget, they are divided into slabs along x; the frames are read again for each slab. A
slab has one layer of blocks more than it meshes, so that the meshes agree exactly where they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.rgbd import sparse_kernels as kernels
from lift3d.geometry.rgbd.depth_noise import depth_sigma
from lift3d.geometry.rgbd.sparse_marching_cubes import extract_surface
from lift3d.geometry.rgbd.sparse_volume import (
    BYTES_PER_BLOCK,
    SIDE,
    SparseVolume,
    posed_depth,
    touched_blocks,
)
from lift3d.types import F32, F64, RgbdFrame

VOXEL_PER_PIXEL, VOXEL_PER_SIGMA = 1.25, 0.75
"""Least side of a voxel relative to the size of a depth pixel and to the standard deviation of the depth, at the median depth."""
REACH_VOXELS, REACH_SIGMAS = 3.5, 2.5
"""Least truncation distance in voxels and in standard deviations at the 75th percentile of the depth."""
FEW = 10
"""Scans of fewer frames keep voxels of less weight, and no surfaces that were too steep to be measured: too few other frames look
through the false ones."""
MIN_WEIGHT, MIN_WEIGHT_FEW = 1.5e-3, 3e-4
"""Least weight of a voxel that counts as seen (1e-6 / variance), in scans of FEW frames and more, and of fewer."""
MIN_STEEP = 0.02
"""Least weight (1e-6 / variance) of a voxel that only surfaces too steep to be measured have reached: two frames at 2.5 m."""
FACES_PER_TARGET = 24
"""Largest number of triangles of the raw surface per triangle of the finished one."""
INDEX_BYTES = SIDE**3 * 3 * 4
"""Memory per block while its surface is extracted."""


@dataclass(frozen=True, eq=False)
class FusedSurface:
    """v (V, 3) metres, world; f (F, 3); colours (V, 3) sRGB in [0, 255]; voxel, reach: metres; blocks, parts: numbers."""

    v: F64
    f: NDArray[np.int32]
    colours: F32
    voxel: float
    reach: float
    blocks: int
    parts: int


@dataclass(frozen=True)
class DepthStatistics:
    """median, high: 50th and 75th percentile of the depth; pixel: size in metres of a depth pixel at the median depth; area: of
    the surface, about, in square metres; extent: longest side of the box of 98 % of the points."""

    median: float
    high: float
    pixel: float
    area: float
    extent: float


def depth_statistics(frames: Sequence[RgbdFrame], poses: Sequence[F64], most: int = 40) -> DepthStatistics:
    """Statistics of about `most` frames, evenly spaced."""
    chosen = sorted({int(k) for k in np.linspace(0, len(frames) - 1, min(most, len(frames)))})
    depths, pixels, points = [], [], []
    for k in chosen:
        depth = frames[k].depth
        z = depth.z[::4, ::4]
        rows, columns = np.nonzero(z > 0)
        d = z[rows, columns].astype(np.float64)
        c = depth.camera
        local = np.column_stack(
            [(4 * columns + 0.5 - c.cx) / c.fx * d, (4 * rows + 0.5 - c.cy) / c.fy * d, d]
        )
        m = poses[k] @ np.linalg.inv(c.world_to_camera)
        points.append(local @ m[:3, :3].T + m[:3, 3])
        depths.append(d)
        pixels.append(d / c.fx)
    z, xyz = np.concatenate(depths), np.concatenate(points)
    if len(z) == 0:
        return DepthStatistics(0.0, 0.0, 0.0, 0.0, 0.0)
    extent = float((np.quantile(xyz, 0.99, 0) - np.quantile(xyz, 0.01, 0)).max())
    cell = max(extent / 80, 1e-6)
    cells = len(np.unique(np.floor((xyz - xyz.min(0)) / cell).astype(np.int64), axis=0))
    median, high = np.quantile(z, [0.5, 0.75])
    return DepthStatistics(
        float(median),
        float(high),
        float(np.median(np.concatenate(pixels))),
        0.7 * cells * cell * cell,
        extent,
    )


def choose_voxel(statistics: DepthStatistics, target_faces: int) -> tuple[float, float]:
    """(side of a voxel, truncation distance) in metres."""
    sigma, far = depth_sigma(np.array([statistics.median, statistics.high], np.float32)).tolist()
    coarse = (2 * statistics.area / (FACES_PER_TARGET * target_faces)) ** 0.5
    voxel = max(VOXEL_PER_PIXEL * statistics.pixel, VOXEL_PER_SIGMA * sigma, coarse)
    return voxel, max(REACH_VOXELS * voxel, REACH_SIGMAS * far)


def fuse_scan(
    frames: Sequence[RgbdFrame], poses: Sequence[F64], voxel: float, reach: float, memory: int,
    progress: Callable[[float], None] = lambda done: None,
) -> FusedSurface:  # fmt: skip
    """The surface of frames with poses (4, 4), frame of the colour camera to the world. memory: bytes for blocks."""
    keys = np.zeros(0, np.int64)
    for k, (frame, pose) in enumerate(zip(frames, poses)):
        keys = np.union1d(keys, touched_blocks(posed_depth(frame, pose, bare=True), voxel, reach))
        progress(0.25 * (k + 1) / len(poses))
    least = MIN_WEIGHT if len(poses) >= FEW else MIN_WEIGHT_FEW
    parts = _slabs(keys, max(memory // (BYTES_PER_BLOCK + INDEX_BYTES), 500))
    meshes = []
    for n, (low, high) in enumerate(parts):
        x = kernels.unpack(keys)[:, 0]
        volume = SparseVolume(voxel, reach)
        volume.allocate(keys[(x >= low) & (x <= high)])
        for k, (frame, pose) in enumerate(zip(frames, poses)):
            volume.integrate(posed_depth(frame, pose))
            progress(0.25 + 0.7 * (n + (k + 1) / len(poses)) / len(parts))
        volume.accept_steep(MIN_STEEP if len(poses) >= FEW else np.inf, least)
        meshes.append(extract_surface(volume, least, kernels.unpack(volume.keys)[:, 0] < high))
        del volume
    v, f, colours = _joined(meshes)
    progress(1.0)
    return FusedSurface(v, f, colours, voxel, reach, len(keys), len(parts))


def _slabs(keys: NDArray[np.int64], most: int) -> list[tuple[int, int]]:
    """Ranges [low, high) of x of blocks, such that each range and the layer behind it have at most `most` blocks, if possible."""
    if not len(keys):
        return []
    x = kernels.unpack(keys)[:, 0]
    first = int(x.min())
    per_layer = np.bincount(x - first)
    out, low, total = [], 0, 0
    for layer, count in enumerate(per_layer.tolist()):
        if total + count > most and layer > low + 1:
            out.append((first + low, first + layer - 1))
            low, total = layer - 1, int(per_layer[layer - 1])
        total += count
    out.append((first + low, first + len(per_layer)))
    return out


def _joined(meshes: list[tuple[F64, NDArray[np.int32], F32]]) -> tuple[F64, NDArray[np.int32], F32]:
    """The meshes as one, with equal vertices merged and unused ones removed."""
    if not meshes:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32)
    first = np.cumsum([0, *(len(v) for v, _, _ in meshes[:-1])])
    v = np.concatenate([v for v, _, _ in meshes])
    c = np.concatenate([c for _, _, c in meshes])
    f = np.concatenate([f.astype(np.int64) + n for (_, f, _), n in zip(meshes, first)])
    if len(meshes) > 1:
        _, index, inverse = np.unique(v, axis=0, return_index=True, return_inverse=True)
        v, c, f = v[index], c[index], inverse.reshape(-1)[f]
    used = np.zeros(len(v), bool)
    used[f.reshape(-1)] = True
    row = np.cumsum(used) - 1
    return v[used], row[f].astype(np.int32).reshape(-1, 3), c[used]
