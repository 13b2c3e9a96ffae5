"""Geometric consistency: keep a depth only where other views measured the same point, and average their measurements.

A pixel's point X is projected into each source view; the depth map of that view has a point X' there. The two agree if X'
reprojects within `MAX_REPROJECTION_ERROR` of the pixel and their depths differ by less than `MAX_RELATIVE_DIFFERENCE`
(Schoenberger et al. 2016, eq. 11, forward-backward error). Agreeing depths are averaged with their confidences as weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.types import F32, F64, Camera, Depth, Views

MAX_REPROJECTION_ERROR = 1.5
"""Pixels."""
MAX_RELATIVE_DIFFERENCE = 0.01
"""Of the depth."""


@njit(cache=True, parallel=True)
def _check(
    z: F32, confidence: F32, k: F64, to_world: F64, origin: F64, zs: F32, cs: F32, ks: F64, to_source: F64,
    sizes: NDArray[np.int64], min_confidence: float, pixels: float, relative: float,
    out_z: F32, out_c: F32, votes: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Check one reference map z, confidence (H, W) against a stack of source maps zs, cs (S, h, w) of sizes (S, 2).

    k: fx, fy, cx, cy; to_world: R^T; origin: camera centre; ks: (S, 4); to_source: (S, 3, 4). Writes the averaged depth,
    the confidence and the number of agreeing views.
    """
    h, w = z.shape
    for y in prange(h):
        for x in range(w):
            out_z[y, x] = 0.0
            out_c[y, x] = 0.0
            votes[y, x] = 0
            d = z[y, x]
            c = confidence[y, x]
            if d <= 0 or c < min_confidence:
                continue
            rx = (x + 0.5 - k[2]) / k[0]
            ry = (y + 0.5 - k[3]) / k[1]
            wx = to_world[0, 0] * rx + to_world[0, 1] * ry + to_world[0, 2]
            wy = to_world[1, 0] * rx + to_world[1, 1] * ry + to_world[1, 2]
            wz = to_world[2, 0] * rx + to_world[2, 1] * ry + to_world[2, 2]
            total = c * d
            weight = c
            agreeing = 0
            for s in range(zs.shape[0]):
                m = to_source[s]
                px = origin[0] + wx * d
                py = origin[1] + wy * d
                pz = origin[2] + wz * d
                zc = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
                if zc <= 0:
                    continue
                uu = ks[s, 0] * (m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]) / zc + ks[s, 2]
                vv = ks[s, 1] * (m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]) / zc + ks[s, 3]
                ix = int(np.floor(uu))
                iy = int(np.floor(vv))
                if ix < 0 or iy < 0 or ix >= sizes[s, 1] or iy >= sizes[s, 0]:
                    continue
                zo = zs[s, iy, ix]
                co = cs[s, iy, ix]
                if zo <= 0 or co < min_confidence or abs(zo - zc) > relative * zc:
                    continue
                # the source view's point on its ray through uu, vv, reprojected into the reference
                cx = (uu - ks[s, 2]) / ks[s, 0] * zo - m[0, 3]
                cy = (vv - ks[s, 3]) / ks[s, 1] * zo - m[1, 3]
                cz = zo - m[2, 3]
                qx = m[0, 0] * cx + m[1, 0] * cy + m[2, 0] * cz - origin[0]
                qy = m[0, 1] * cx + m[1, 1] * cy + m[2, 1] * cz - origin[1]
                qz = m[0, 2] * cx + m[1, 2] * cy + m[2, 2] * cz - origin[2]
                bx = to_world[0, 0] * qx + to_world[1, 0] * qy + to_world[2, 0] * qz
                by = to_world[0, 1] * qx + to_world[1, 1] * qy + to_world[2, 1] * qz
                bz = to_world[0, 2] * qx + to_world[1, 2] * qy + to_world[2, 2] * qz
                if bz <= 0:
                    continue
                du = k[0] * (bx / bz - rx)
                dv = k[1] * (by / bz - ry)
                if du * du + dv * dv > pixels * pixels or abs(bz - d) > relative * d:
                    continue
                agreeing += 1
                total += co * bz
                weight += co
            votes[y, x] = agreeing
            out_z[y, x] = total / weight
            out_c[y, x] = c


def _intrinsics(camera: Camera) -> list[float]:
    """[fx, fy, cx, cy]."""
    return [camera.fx, camera.fy, camera.cx, camera.cy]


def cross_check(
    views: Views,
    raw: Sequence[Depth | None],
    neighbours: Sequence[Sequence[int]],
    min_views: int = 2,
    min_confidence: float = 0.35,
) -> list[Depth]:
    """The consistent part of each depth map, one per view; z and confidence are 0 elsewhere.

    raw: unfiltered depth maps with confidence, None for a view without one; neighbours[i]: views compared with view i; min_views:
    how many must agree (fewer where a view has fewer neighbours); min_confidence: of a depth that is used at all.
    """
    out = []
    for i, depth in enumerate(raw):
        others = [j for j in neighbours[i] if raw[j] is not None]
        if depth is None or not others:
            camera = depth.camera if depth is not None else views.cameras[i]
            empty: F32 = np.zeros((camera.height, camera.width), np.float32)
            out.append(Depth(empty, camera, np.zeros((*empty.shape, 3), np.float32), empty))
            continue
        maps = [raw[j] for j in others]
        sizes = np.array([m.z.shape for m in maps if m is not None], np.int64)
        zs = np.zeros((len(maps), *sizes.max(0)), np.float32)
        cs = np.zeros_like(zs)
        for s, m in enumerate(maps):
            assert m is not None and m.confidence is not None
            zs[s, : m.z.shape[0], : m.z.shape[1]] = m.z
            cs[s, : m.z.shape[0], : m.z.shape[1]] = m.confidence
        z = np.empty_like(depth.z)
        c = np.empty_like(depth.z)
        votes = np.empty(depth.z.shape, np.uint8)
        assert depth.confidence is not None
        cam = depth.camera
        _check(
            depth.z, depth.confidence, np.array(_intrinsics(cam)), np.ascontiguousarray(cam.R.T), cam.centre,
            zs, cs, np.array([_intrinsics(m.camera) for m in maps if m is not None]),
            np.array([m.camera.world_to_camera[:3] for m in maps if m is not None]), sizes,
            min_confidence, MAX_REPROJECTION_ERROR, MAX_RELATIVE_DIFFERENCE, z, c, votes,
        )  # fmt: skip
        consistent = votes >= min(min_views, len(others))
        c = np.where(consistent, np.clip(c * (0.5 + 0.125 * votes), 0, 1), 0).astype(np.float32)
        out.append(Depth(np.where(consistent, z, 0).astype(np.float32), cam, depth.normals, c))
    return out
