"""Keep a depth only where other photos measured the same point; average what they measured.

A pixel's point X is projected into each source view; that view's depth there gives a point X'. The two
agree when X' reprojects within `MAX_REPROJECTION_ERROR` of the pixel and their depths differ by less than
`MAX_RELATIVE_DIFFERENCE` (Schoenberger et al. 2016, eq. 11, forward-backward error). Agreeing depths are averaged by confidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange

from lift3d.types import F32, Camera, Depth, Views

MAX_REPROJECTION_ERROR = 1.5
MAX_RELATIVE_DIFFERENCE = 0.01


@njit(cache=True, parallel=True)
def _check(
    z,
    confidence,
    k,
    centre_to_world,
    origin,
    zs,
    cs,
    ks,
    world_to,
    sizes,
    least,
    pixels,
    relative,
    out_z,
    out_c,
    votes,
):
    """One reference map against a stack of source maps. k: fx, fy, cx, cy; centre_to_world: R^T; origin: camera
    centre; world_to: (S, 3, 4). Writes the averaged depth, the confidence and the number of agreeing views."""
    h, w = z.shape
    for y in prange(h):
        for x in range(w):
            out_z[y, x] = 0.0
            out_c[y, x] = 0.0
            votes[y, x] = 0
            d = z[y, x]
            c = confidence[y, x]
            if d <= 0 or c < least:
                continue
            rx = (x + 0.5 - k[2]) / k[0]
            ry = (y + 0.5 - k[3]) / k[1]
            wx = centre_to_world[0, 0] * rx + centre_to_world[0, 1] * ry + centre_to_world[0, 2]
            wy = centre_to_world[1, 0] * rx + centre_to_world[1, 1] * ry + centre_to_world[1, 2]
            wz = centre_to_world[2, 0] * rx + centre_to_world[2, 1] * ry + centre_to_world[2, 2]
            total = c * d
            weight = c
            agree = 0
            for s in range(zs.shape[0]):
                m = world_to[s]
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
                if zo <= 0 or co < least or abs(zo - zc) > relative * zc:
                    continue
                # the other view's point along its own ray through uu, vv, brought back
                cx = (uu - ks[s, 2]) / ks[s, 0] * zo - m[0, 3]
                cy = (vv - ks[s, 3]) / ks[s, 1] * zo - m[1, 3]
                cz = zo - m[2, 3]
                qx = m[0, 0] * cx + m[1, 0] * cy + m[2, 0] * cz - origin[0]
                qy = m[0, 1] * cx + m[1, 1] * cy + m[2, 1] * cz - origin[1]
                qz = m[0, 2] * cx + m[1, 2] * cy + m[2, 2] * cz - origin[2]
                bx = centre_to_world[0, 0] * qx + centre_to_world[1, 0] * qy + centre_to_world[2, 0] * qz
                by = centre_to_world[0, 1] * qx + centre_to_world[1, 1] * qy + centre_to_world[2, 1] * qz
                bz = centre_to_world[0, 2] * qx + centre_to_world[1, 2] * qy + centre_to_world[2, 2] * qz
                if bz <= 0:
                    continue
                du = k[0] * (bx / bz - rx)
                dv = k[1] * (by / bz - ry)
                if du * du + dv * dv > pixels * pixels or abs(bz - d) > relative * d:
                    continue
                agree += 1
                total += co * bz
                weight += co
            votes[y, x] = agree
            out_z[y, x] = total / weight
            out_c[y, x] = c


def _k(camera: Camera) -> list[float]:
    return [camera.fx, camera.fy, camera.cx, camera.cy]


def cross_check(
    views: Views,
    raw: Sequence[Depth | None],
    partners: Sequence[Sequence[int]],
    confirm: int = 2,
    least: float = 0.35,
) -> list[Depth]:
    """Filtered depths, one per view. partners[i]: views compared with view i; confirm: how many must agree
    (fewer where a view has fewer partners); least: smallest confidence taken at all."""
    out = []
    for i, depth in enumerate(raw):
        others = [j for j in partners[i] if raw[j] is not None]
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
            depth.z, depth.confidence, np.array(_k(cam)), np.ascontiguousarray(cam.R.T), cam.centre,
            zs, cs, np.array([_k(m.camera) for m in maps if m is not None]),
            np.array([m.camera.world_to_camera[:3] for m in maps if m is not None]), sizes,
            least, MAX_REPROJECTION_ERROR, MAX_RELATIVE_DIFFERENCE, z, c, votes,
        )  # fmt: skip
        good = votes >= min(confirm, len(others))
        c = np.where(good, np.clip(c * (0.5 + 0.125 * votes), 0, 1), 0).astype(np.float32)
        out.append(Depth(np.where(good, z, 0).astype(np.float32), cam, depth.normals, c))
    return out
