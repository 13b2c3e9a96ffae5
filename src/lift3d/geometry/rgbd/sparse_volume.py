"""A truncated signed distance field with colour on sparse blocks of voxels (voxel hashing, Niessner et al. 2013).

Blocks of 8 x 8 x 8 voxels exist only near measured surfaces. A block is found by its position in an open-addressing hash table.
Distances are averaged with weights that fall with the variance of the depth and with the angle of incidence (Curless & Levoy
1996; Nguyen et al. 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.rgbd import sparse_kernels as kernels
from lift3d.geometry.rgbd.depth_noise import CONSTANT, QUADRATIC, without_edges
from lift3d.geometry.rgbd.frame_pyramid import depth_normals
from lift3d.geometry.rgbd.steep_surfaces import bridge_steep
from lift3d.types import F32, F64, RgbdFrame

SIDE = 8
"""Voxels along each side of a block."""
BYTES_PER_BLOCK = SIDE**3 * (4 + 4 + 3 * 4) + 64
"""Memory of a block: distance, weight and colour in single precision."""
Keys = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PosedDepth:
    """A frame ready for fusion: z (h, w) float32 without edges; normals (h, w, 3) float32, camera frame; colour (h, w, 3) uint8
    at the depth pixels; k (4,) and pose (3, 4) float32, world to depth camera; filled (h, w) bool: pixels whose depth fills a
    hole; steep (h, w) bool: pixels on surfaces too steep to be measured (`steep_surfaces`)."""

    z: F32
    normals: F32
    colour: NDArray[np.uint8]
    k: F32
    pose: F32
    filled: NDArray[np.bool_]
    steep: NDArray[np.bool_]


def posed_depth(frame: RgbdFrame, pose: F64, bare: bool = False) -> PosedDepth:
    """A frame with its pose (4, 4), frame of the colour camera to the world, ready for fusion. bare: without normals and colours,
    which `touched_blocks` does not need."""
    camera = frame.depth.camera
    measured = without_edges(frame.depth.z)
    k = np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32)
    world_to_depth = (camera.world_to_camera @ np.linalg.inv(pose))[:3].astype(np.float32)
    filled = frame.depth.propagated
    filled = np.zeros(measured.shape, bool) if filled is None else filled
    bridge, bridge_normals = bridge_steep(np.ascontiguousarray(frame.depth.z), measured, k)
    steep = bridge > 0
    z = np.where(steep, bridge, measured)
    if bare:
        return PosedDepth(
            z,
            np.zeros((0, 0, 3), np.float32),
            np.zeros((0, 0, 3), np.uint8),
            k,
            world_to_depth,
            filled,
            steep,
        )
    smooth = np.empty_like(z)
    kernels.smooth_depth(measured, CONSTANT, QUADRATIC, smooth)
    normals = np.zeros((*z.shape, 3), np.float32)
    # the widest of three baselines that stays on the surface: noise falls with it, and borders need a short one
    widest = max(2, z.shape[1] // 160)
    for reach in sorted({1, (widest + 1) // 2, widest}):
        depth_normals(smooth, k, reach, normals)
    normals[steep] = bridge_normals[steep]
    colour_from_depth = np.linalg.inv(camera.world_to_camera)
    c = frame.camera
    colour = np.empty((*z.shape, 3), np.uint8)
    kernels.sample_colour(
        z, k, np.array([c.fx, c.fy, c.cx, c.cy], np.float32), colour_from_depth[:3].astype(np.float32),
        np.ascontiguousarray(frame.image.pixels), colour,
    )  # fmt: skip
    return PosedDepth(z, normals, colour, k, world_to_depth, filled, steep)


def touched_blocks(frame: PosedDepth, voxel: float, reach: float) -> Keys:
    """Sorted keys of the blocks within `reach` of the measured surface along its rays."""
    r, t = frame.pose[:, :3].astype(np.float64), frame.pose[:, 3].astype(np.float64)
    stride = 2 if frame.z.shape[1] > 320 else 1
    keys = kernels.ray_blocks(
        frame.z, frame.k.astype(np.float64), np.ascontiguousarray(r.T), -r.T @ t, stride, voxel * SIDE, reach
    )
    return np.unique(keys)


class SparseVolume:
    """Blocks of voxels with a truncated signed distance in [-1, 1], its weight and a colour.

    voxel: side of a voxel in metres; reach: truncation distance in metres. The node (i, j, k) of the block at (x, y, z) lies at
    voxel * (8 x + i, 8 y + j, 8 z + k) in the world.
    """

    def __init__(self, voxel: float, reach: float) -> None:
        self.voxel, self.reach = voxel, reach
        self.count = 0
        self._table_keys = np.full(1 << 12, kernels.EMPTY, np.int64)
        self._table_rows = np.zeros(1 << 12, np.int32)
        self._keys = np.zeros(1024, np.int64)
        self._distance = np.zeros((1024, SIDE**3), np.float32)
        self._weight = np.zeros((1024, SIDE**3), np.float32)
        self._colour = np.zeros((1024, SIDE**3, 3), np.float32)

    @property
    def keys(self) -> Keys:
        """(B,) keys of the blocks, see `kernels.pack`."""
        return self._keys[: self.count]

    @property
    def distance(self) -> F32:
        """(B, 512) truncated signed distances, positive in front of the surface."""
        return self._distance[: self.count]

    @property
    def weight(self) -> F32:
        """(B, 512) sums of weights, 0 where nothing was seen."""
        return self._weight[: self.count]

    @property
    def colour(self) -> F32:
        """(B, 512, 3) mean sRGB values."""
        return self._colour[: self.count]

    @property
    def table(self) -> tuple[Keys, NDArray[np.int32]]:
        """The hash table: keys and rows."""
        return self._table_keys, self._table_rows

    def allocate(self, keys: Keys) -> None:
        """Add the blocks that do not exist yet."""
        needed = self.count + len(keys)
        while len(self._table_keys) < 3 * needed:
            self._table_keys = np.full(2 * len(self._table_keys), kernels.EMPTY, np.int64)
            self._table_rows = np.zeros(len(self._table_keys), np.int32)
            kernels.insert_all(self._table_keys, self._table_rows, self._keys[: self.count], 0)
        new = keys[kernels.find_all(self._table_keys, self._table_rows, keys) < 0]
        end = self.count + len(new)
        if end > len(self._keys):
            size = max(end, int(1.5 * len(self._keys)))
            self._keys = _grown(self._keys, size)
            self._distance, self._weight = _grown(self._distance, size), _grown(self._weight, size)
            self._colour = _grown(self._colour, size)
        self._keys[self.count : end] = new
        kernels.insert_all(self._table_keys, self._table_rows, new, self.count)
        self.count = end

    def integrate(self, frame: PosedDepth) -> None:
        """Average a frame into the blocks that exist."""
        if self.count:
            kind = np.where(frame.steep, np.uint8(kernels.STEEP), frame.filled.astype(np.uint8))
            kernels.integrate(
                self.keys, self.voxel, self.reach, frame.z, kind, frame.normals, frame.colour, frame.k, frame.pose,
                CONSTANT, QUADRATIC, self._distance, self._weight, self._colour,
            )  # fmt: skip

    def accept_steep(self, least: float, weight: float) -> None:
        """Give the voxels that only steep surfaces have reached the weight `weight`, and 0 where theirs is less than `least`."""
        steep = self.weight < 0
        self.weight[steep] = np.where(self.weight[steep] <= -least, np.float32(weight), np.float32(0))


def _grown(array: NDArray, size: int) -> NDArray:
    out = np.zeros((size, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out
