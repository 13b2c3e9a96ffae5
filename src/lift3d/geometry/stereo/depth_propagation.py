"""Fill gaps of each depth map with depths that other views measured.

Near an object's silhouette a photo sees the surface at a grazing angle and half of its source views do not see it,
while another photo sees it frontally. The confirmed points of the neighbouring views are projected into the view, and
per pixel the nearest point of each neighbour is kept. From near to far, the first depth on which `min_views` neighbours
agree within `MAX_RELATIVE_DIFFERENCE` is taken, as in the depth-map fusion of Merrell et al. 2007. Where no view measured the
nearest surface, this depth would belong to the surface behind it. Therefore the photo's window under the propagated plane
must look like the neighbours' windows: 1 - ZNCC < `MAX_WINDOW_COST`, the cost of `patchmatch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.geometry.stereo import patchmatch
from lift3d.types import F32, F64, Camera, Depth, Views

MAX_RELATIVE_DIFFERENCE = 0.01
"""Depths of two views belong to the same point if they differ by less than this fraction."""
MAX_WINDOW_COST = 0.4
"""Largest 1 - ZNCC at which a propagated plane is accepted. Of 0.3 / 0.4 / 0.5 it accepts 1/50, 1/28 and 1/16 of the wrong
depths, and fills 90, 91 and 92 % of the visible pixels."""
MIN_COSINE = 0.1
"""Least cosine between the normal of a propagated plane and the viewing ray."""


@njit(cache=True, parallel=True)
def _warp(
    zs: F32, ks: F64, rotations: F64, shifts: F64, sizes: NDArray[np.int64], k: F64, nearest: F32, origin: NDArray[np.int32]
) -> None:  # fmt: skip
    """Project depth maps zs (S, H, W) of sizes (S, 2) into one view, each with its own z-buffer.

    Writes nearest (S, h, w), the depth in the view, and origin (S, h, w), the flat index of the source pixel. ks (S, 4) and k:
    fx, fy, cx, cy; rotations (S, 3, 3), shifts (S, 3): source camera frame to the view's.
    """
    height, width = nearest.shape[1:]
    for s in prange(zs.shape[0]):
        r, t = rotations[s], shifts[s]
        for y in range(sizes[s, 0]):
            ry = (y + 0.5 - ks[s, 3]) / ks[s, 1]
            for x in range(sizes[s, 1]):
                d = zs[s, y, x]
                if d <= 0:
                    continue
                px = (x + 0.5 - ks[s, 2]) / ks[s, 0] * d
                py = ry * d
                z = r[2, 0] * px + r[2, 1] * py + r[2, 2] * d + t[2]
                if z <= 0:
                    continue
                u = k[0] * (r[0, 0] * px + r[0, 1] * py + r[0, 2] * d + t[0]) / z + k[2]
                v = k[1] * (r[1, 0] * px + r[1, 1] * py + r[1, 2] * d + t[1]) / z + k[3]
                if not (0 <= u < width and 0 <= v < height):
                    continue
                # the four pixels around, so that points one pixel apart leave no gaps
                left, top = int(np.floor(u - 0.5)), int(np.floor(v - 0.5))
                for b in range(max(top, 0), min(top + 2, height)):
                    for a in range(max(left, 0), min(left + 2, width)):
                        if nearest[s, b, a] == 0 or z < nearest[s, b, a]:
                            nearest[s, b, a] = z
                            origin[s, b, a] = y * zs.shape[2] + x


@njit(cache=True, parallel=True)
def _first_consistent(
    nearest: F32,
    min_views: int,
    relative: float,
    wanted: NDArray[np.bool_],
    z: F32,
    chosen: NDArray[np.uint8],
) -> None:
    """Write the first depth from the front on which `min_views` views agree, their mean, to z (0: none), where `wanted`.

    chosen: the view with the median of these depths.
    """
    views, height, width = nearest.shape
    for y in prange(height):
        depth = np.empty(views, np.float32)
        view = np.empty(views, np.int64)
        for x in range(width):
            z[y, x] = 0.0
            if not wanted[y, x]:
                continue
            n = 0
            for s in range(views):  # insertion sort, nearest first
                d = nearest[s, y, x]
                if d <= 0:
                    continue
                i = n
                while i > 0 and depth[i - 1] > d:
                    depth[i], view[i] = depth[i - 1], view[i - 1]
                    i -= 1
                depth[i], view[i] = d, s
                n += 1
            for i in range(n - min_views + 1):
                limit = depth[i] * (1 + relative)
                if depth[i + min_views - 1] > limit:
                    continue
                j = i
                total = 0.0
                while j < n and depth[j] <= limit:
                    total += depth[j]
                    j += 1
                z[y, x] = total / (j - i)
                chosen[y, x] = view[(i + j - 1) // 2]
                break


def propagate_depths(
    views: Views, depths: Sequence[Depth], neighbours: Sequence[Sequence[int]], min_views: int = 2
) -> list[Depth]:
    """The depth maps with their gaps filled from each other; filled pixels are marked in `propagated`.

    depths: consistent maps of the size of the photos with normals and confidence; their arrays are written to, since many photos
    leave no memory for a second copy; neighbours[i]: views that may fill view i; min_views: how many of them must agree. A filled
    pixel of one map is no evidence for another map.
    """
    greys = [image.grey for image in views.images]
    filled_pixels = [
        _propagated_pixels(greys, depths, i, neighbours[i], min_views) for i in range(len(depths))
    ]
    out = []
    for depth, filled in zip(depths, filled_pixels):
        propagated = np.zeros(depth.z.shape, bool)
        if filled is not None:
            assert depth.normals is not None and depth.confidence is not None
            at, z, normals, confidence = filled
            depth.z.reshape(-1)[at] = z
            depth.normals.reshape(-1, 3)[at] = normals
            depth.confidence.reshape(-1)[at] = confidence
            propagated.reshape(-1)[at] = True
        out.append(replace(depth, propagated=propagated))
    return out


def _propagated_pixels(
    greys: Sequence[F32], depths: Sequence[Depth], i: int, neighbours: Sequence[int], min_views: int
) -> tuple[NDArray[np.int64], F32, F32, F32] | None:
    """(flat indices, z, normals, confidence) of the pixels of map i that can be filled; None if none can."""
    depth = depths[i]
    neighbours = [j for j in neighbours if depths[j].z.any()]
    maps = [depths[j] for j in neighbours]
    if len(maps) < min_views:
        return None
    camera = depth.camera
    sizes = np.array([m.z.shape for m in maps], np.int64)
    zs = np.zeros((len(maps), *sizes.max(0)), np.float32)
    for s, m in enumerate(maps):
        zs[s, : m.z.shape[0], : m.z.shape[1]] = m.z
    rotations = np.array([camera.R @ m.camera.R.T for m in maps])
    shifts = np.array([camera.t - rotation @ m.camera.t for rotation, m in zip(rotations, maps)])
    nearest = np.zeros((len(maps), *depth.z.shape), np.float32)
    origin = np.zeros(nearest.shape, np.int32)
    intrinsics = np.array([[m.camera.fx, m.camera.fy, m.camera.cx, m.camera.cy] for m in maps])
    _warp(
        zs,
        intrinsics,
        rotations,
        shifts,
        sizes,
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        nearest,
        origin,
    )
    z, chosen = np.empty_like(depth.z), np.zeros(depth.z.shape, np.uint8)
    _first_consistent(nearest, min_views, MAX_RELATIVE_DIFFERENCE, depth.z <= 0, z, chosen)
    at = np.flatnonzero(z)
    chosen_view = chosen.reshape(-1)[at]
    source = origin.reshape(len(maps), -1)[chosen_view, at]
    normals: F32 = np.empty((len(at), 3), np.float32)
    confidence: F32 = np.empty(len(at), np.float32)
    for s, m in enumerate(maps):
        own = chosen_view == s
        row, column = np.divmod(source[own], zs.shape[2])
        assert m.normals is not None and m.confidence is not None
        normals[own] = m.normals[row, column].astype(np.float32) @ rotations[s].T.astype(np.float32)
        confidence[own] = m.confidence[row, column]
    z = z.reshape(-1)[at]
    cost = plane_costs(
        [greys[j] for j in [i, *neighbours]], [depths[j].camera for j in [i, *neighbours]], at, z, normals
    )
    accepted = cost < MAX_WINDOW_COST
    return at[accepted], z[accepted], normals[accepted], confidence[accepted] * (1 - cost[accepted])


def plane_costs(
    greys: Sequence[F32], cameras: Sequence[Camera], at: NDArray[np.int64], z: F32, normals: F32
) -> F32:
    """(N,) float32 1 - ZNCC of the first photo's windows at flat pixel indices `at` under given planes.

    z, normals: depth and unit normal (camera frame) of the planes. The cost is the mean over the two most similar other photos;
    MAX_COST for planes seen at a grazing angle or from behind.
    """
    camera = cameras[0]
    y, x = np.divmod(at, camera.width)
    ray = np.stack(
        [(x + 0.5 - camera.cx) / camera.fx, (y + 0.5 - camera.cy) / camera.fy, np.ones(len(at))], 1
    )
    offset = z * (normals * ray).sum(1)
    w = 1.0 / z
    gx, gy = normals[:, 0] / (camera.fx * offset), normals[:, 1] / (camera.fy * offset)
    planes = np.stack([w, gx, gy]).astype(np.float32)
    cosine = -(normals * ray).sum(1) / np.linalg.norm(ray, axis=1)
    cost = patchmatch.evaluate_planes(
        patchmatch.prepare_photos(greys, cameras, 2), camera.width, x, y, planes
    )
    cost[cosine < MIN_COSINE] = patchmatch.MAX_COST
    return cost
