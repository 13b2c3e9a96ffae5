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
from lift3d.types import F32, Camera, Depth, Views

MAX_RELATIVE_DIFFERENCE = 0.01
"""Depths of two views are of the same point if they differ by less than this share."""
MAX_WINDOW_COST = 0.4
"""Largest 1 - ZNCC at which a carried plane is believed. Of 0.3 / 0.4 / 0.5 it keeps 1/50, 1/28 and 1/16 of the wrong
depths, and closes 90, 91 and 92 % of what is visible."""
MIN_COSINE = 0.1
"""Cosine of the steepest angle at which a carried plane is believed."""


@njit(cache=True, parallel=True)
def _carry(zs, ks, rotations, shifts, sizes, k, nearest, origin):
    """Partner depth maps (S, H, W) drawn into one view: nearest (S, h, w) depth there, origin (S, h, w) flat index
    of the partner's pixel. rotations (S, 3, 3), shifts (S, 3): partner camera frame to the view's camera frame."""
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
def _first_agreed(nearest, agree, relative, wanted, z, chosen):
    """The first depth from the front on which `agree` partners lie together, their mean in z (0: none);
    chosen: the partner with the middle one of these depths. Only where `wanted`."""
    views, height, width = nearest.shape
    for y in prange(height):
        depth = np.empty(views, np.float32)
        who = np.empty(views, np.int64)
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
                    depth[i], who[i] = depth[i - 1], who[i - 1]
                    i -= 1
                depth[i], who[i] = d, s
                n += 1
            for i in range(n - agree + 1):
                limit = depth[i] * (1 + relative)
                if depth[i + agree - 1] > limit:
                    continue
                j = i
                total = 0.0
                while j < n and depth[j] <= limit:
                    total += depth[j]
                    j += 1
                z[y, x] = total / (j - i)
                chosen[y, x] = who[(i + j - 1) // 2]
                break


def propagate_depths(
    views: Views, depths: Sequence[Depth], partners: Sequence[Sequence[int]], agree: int = 2
) -> list[Depth]:
    """The depth maps with their gaps filled from each other, marked as `propagated`. The arrays of `depths` are
    written to, since of many photos there is no room for a second copy.

    depths: confirmed ones (normals and confidence given) of the size of the photos; partners[i]: views asked for view
    i; agree: how many of them must lie together. What is filled in one map is no evidence for another."""
    greys = [image.grey for image in views.images]
    patches = [_patch(greys, depths, i, partners[i], agree) for i in range(len(depths))]
    out = []
    for depth, patch in zip(depths, patches):
        carried = np.zeros(depth.z.shape, bool)
        if patch is not None:
            assert depth.normals is not None and depth.confidence is not None
            at, z, normals, confidence = patch
            depth.z.reshape(-1)[at] = z
            depth.normals.reshape(-1, 3)[at] = normals
            depth.confidence.reshape(-1)[at] = confidence
            carried.reshape(-1)[at] = True
        out.append(replace(depth, propagated=carried))
    return out


def _patch(
    greys: Sequence[F32], depths: Sequence[Depth], i: int, partners: Sequence[int], agree: int
) -> tuple[NDArray[np.int64], F32, F32, F32] | None:
    """Flat indices of the pixels of map i that can be filled, with depth, normals and confidence; None if none can."""
    depth = depths[i]
    partners = [j for j in partners if depths[j].z.any()]
    maps = [depths[j] for j in partners]
    if len(maps) < agree:
        return None
    camera = depth.camera
    sizes = np.array([m.z.shape for m in maps], np.int64)
    zs = np.zeros((len(maps), *sizes.max(0)), np.float32)
    for s, m in enumerate(maps):
        zs[s, : m.z.shape[0], : m.z.shape[1]] = m.z
    turns = np.array([camera.R @ m.camera.R.T for m in maps])
    moves = np.array([camera.t - turn @ m.camera.t for turn, m in zip(turns, maps)])
    nearest = np.zeros((len(maps), *depth.z.shape), np.float32)
    origin = np.zeros(nearest.shape, np.int32)
    lens = np.array([[m.camera.fx, m.camera.fy, m.camera.cx, m.camera.cy] for m in maps])
    _carry(
        zs, lens, turns, moves, sizes, np.array([camera.fx, camera.fy, camera.cx, camera.cy]), nearest, origin
    )
    z, chosen = np.empty_like(depth.z), np.zeros(depth.z.shape, np.uint8)
    _first_agreed(nearest, agree, MAX_RELATIVE_DIFFERENCE, depth.z <= 0, z, chosen)
    at = np.flatnonzero(z)
    who = chosen.reshape(-1)[at]
    source = origin.reshape(len(maps), -1)[who, at]
    normals: F32 = np.empty((len(at), 3), np.float32)
    confidence: F32 = np.empty(len(at), np.float32)
    for s, m in enumerate(maps):
        mine = who == s
        row, column = np.divmod(source[mine], zs.shape[2])
        assert m.normals is not None and m.confidence is not None
        normals[mine] = m.normals[row, column].astype(np.float32) @ turns[s].T.astype(np.float32)
        confidence[mine] = m.confidence[row, column]
    z = z.reshape(-1)[at]
    cost = plane_costs(
        [greys[j] for j in [i, *partners]], [depths[j].camera for j in [i, *partners]], at, z, normals
    )
    good = cost < MAX_WINDOW_COST
    return at[good], z[good], normals[good], confidence[good] * (1 - cost[good])


def plane_costs(
    greys: Sequence[F32], cameras: Sequence[Camera], at: NDArray[np.int64], z: F32, normals: F32
) -> F32:
    """(N,) 1 - ZNCC of the first photo's windows at flat pixel indices `at` under planes of depth z and unit normal
    (camera frame), mean of the two photos that agree best; WORST for planes seen at a grazing angle or from behind.
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
    facing = -(normals * ray).sum(1) / np.linalg.norm(ray, axis=1)
    cost = patchmatch.evaluate_planes(
        patchmatch.prepare_photos(greys, cameras, 2), camera.width, x, y, planes
    )
    cost[facing < MIN_COSINE] = patchmatch.MAX_COST
    return cost
