"""A signed field from depth maps: truncated point-to-plane distances and free space, completed smoothly.

Each grid node x is projected into every depth map. With p the measured point at that pixel and n its normal,
d = (x - p) . n is averaged where |d| is within the truncation (Curless & Levoy 1996, with Bylow et al. 2013's
point-to-plane distance); further in front the node was seen to be empty and gets +1; behind nothing is known.
The field phi then minimises  sum w (phi - f)^2 + smooth * sum |grad phi|^2  coarse to fine, which leaves the
data where they are and spans what nobody saw with a membrane. Positive is outside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.types import F32, F64, Depth

FREE_WEIGHT = 0.25


@njit(cache=True, parallel=True, error_model="numpy")
def _integrate(origin, step, active, maps, offset, size, K, pose, reach, f, w):  # type: ignore[no-untyped-def]
    """maps (M, 6): z, nx, ny, nz (camera frame), confidence, kind (1 surface, 0 free only, -1 outside the silhouette) per
    pixel of all maps; offset (V,), size (V, 2) height, width; pose (V, 3, 4) world to camera.
    Writes mean value f in [-1, 1] and weight w of every node of an active block."""
    nx, ny, nz = f.shape
    views = offset.shape[0]
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                if active[i >> 3, j >> 3, k >> 3] == 0:
                    continue
                px = origin[0] + step * i
                py = origin[1] + step * j
                pz = origin[2] + step * k
                total = 0.0
                weight = 0.0
                free = 0.0
                outside = 0
                for v in range(views):
                    m = pose[v]
                    zc = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
                    if zc <= 1e-9:
                        continue
                    xc = m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]
                    yc = m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]
                    u = K[v, 0] * xc / zc + K[v, 2]
                    t = K[v, 1] * yc / zc + K[v, 3]
                    if u < 0 or t < 0 or u >= size[v, 1] or t >= size[v, 0]:
                        continue
                    at = offset[v] + int(t) * size[v, 1] + int(u)
                    kind = maps[at, 5]
                    if kind < 0:
                        outside += 1
                        continue
                    z = maps[at, 0]
                    if z <= 0:
                        continue
                    # offset from the measured point, along the pixel's own ray
                    ru = (int(u) + 0.5 - K[v, 2]) / K[v, 0]
                    rv = (int(t) + 0.5 - K[v, 3]) / K[v, 1]
                    ex = xc - ru * z
                    ey = yc - rv * z
                    ez = zc - z
                    if kind == 0:
                        if ez < -reach:
                            free += 1.0
                        continue
                    d = ex * maps[at, 1] + ey * maps[at, 2] + ez * maps[at, 3]
                    if ez < -3 * reach or (d > reach and ez < 0):
                        free += 1.0
                    elif d > -reach and ez < 3 * reach:
                        cosine = -maps[at, 3]
                        c = maps[at, 4] * cosine
                        if d < 0:
                            c *= 1.0 + 0.7 * d / reach
                        total += c * min(d / reach, 1.0)
                        weight += c
                if outside >= 2:
                    f[i, j, k] = 1.0
                    w[i, j, k] = outside
                else:
                    free *= 0.25
                    weight += free
                    if weight > 0:
                        f[i, j, k] = (total + free) / weight
                    else:
                        f[i, j, k] = 0.0
                    w[i, j, k] = weight


@njit(cache=True, parallel=True, error_model="numpy")
def _relax(phi, f, w, active, smooth, parity, over):  # type: ignore[no-untyped-def]
    """One red-black half-sweep of successive over-relaxation; walls are reflecting."""
    nx, ny, nz = phi.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range((i + j + parity) & 1, nz, 2):
                if active[i >> 3, j >> 3, k >> 3] == 0:
                    continue
                s = phi[max(i - 1, 0), j, k] + phi[min(i + 1, nx - 1), j, k]
                s += phi[i, max(j - 1, 0), k] + phi[i, min(j + 1, ny - 1), k]
                s += phi[i, j, max(k - 1, 0)] + phi[i, j, min(k + 1, nz - 1)]
                a = w[i, j, k] / (w[i, j, k] + np.float32(0.5))
                value = (a * f[i, j, k] + smooth * s) / (a + np.float32(6.0) * smooth)
                phi[i, j, k] += over * (value - phi[i, j, k])


@njit(cache=True, parallel=True, error_model="numpy")
def _coarsen(f, w, cf, cw):  # type: ignore[no-untyped-def]
    nx, ny, nz = f.shape
    for i in prange(cf.shape[0]):
        for j in range(cf.shape[1]):
            for k in range(cf.shape[2]):
                sw = np.float32(0.0)
                sf = np.float32(0.0)
                for a in range(2 * i - 1, 2 * i + 2):
                    for b in range(2 * j - 1, 2 * j + 2):
                        for c in range(2 * k - 1, 2 * k + 2):
                            if 0 <= a < nx and 0 <= b < ny and 0 <= c < nz:
                                g = np.float32(1.0 / ((1 + abs(a - 2 * i)) * (1 + abs(b - 2 * j)) * (1 + abs(c - 2 * k))))
                                sw += g * w[a, b, c]
                                sf += g * w[a, b, c] * f[a, b, c]
                cw[i, j, k] = sw / np.float32(8.0)
                cf[i, j, k] = sf / sw if sw > 0 else np.float32(0.0)


@njit(cache=True, parallel=True, error_model="numpy")
def _refine(coarse, fine):  # type: ignore[no-untyped-def]
    """Trilinear interpolation of nodes: fine node 2 i lies on coarse node i."""
    nx, ny, nz = fine.shape
    cx, cy, cz = coarse.shape
    for i in prange(nx):
        a0 = i >> 1
        a1 = min(a0 + (i & 1), cx - 1)
        for j in range(ny):
            b0 = j >> 1
            b1 = min(b0 + (j & 1), cy - 1)
            for k in range(nz):
                c0 = k >> 1
                c1 = min(c0 + (k & 1), cz - 1)
                fine[i, j, k] = np.float32(0.125) * (
                    coarse[a0, b0, c0] + coarse[a0, b0, c1] + coarse[a0, b1, c0] + coarse[a0, b1, c1]
                    + coarse[a1, b0, c0] + coarse[a1, b0, c1] + coarse[a1, b1, c0] + coarse[a1, b1, c1]
                )  # fmt: skip


def coarse_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Nodes of the grid with twice the step that covers the same box."""
    return tuple((n - 1) // 2 + 1 + ((n - 1) & 1) for n in shape)


def _blocks(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple((n + 7) // 8 for n in shape)


class DepthField:
    """The maps packed once, so that grids of several resolutions can be filled from them.

    kinds: per depth map (H, W) int8: 1 a surface, 0 only proof of free space, -1 outside the object's silhouette.
    """

    def __init__(self, depths: Sequence[Depth], kinds: Sequence[NDArray[np.int8]]) -> None:
        rows = []
        for depth, kind in zip(depths, kinds):
            assert depth.normals is not None and depth.confidence is not None
            rows.append(
                np.concatenate(
                    [
                        depth.z.reshape(-1, 1),
                        depth.normals.reshape(-1, 3),
                        depth.confidence.reshape(-1, 1),
                        kind.reshape(-1, 1).astype(np.float32),
                    ],
                    1,
                )
            )
        self.maps = np.concatenate(rows).astype(np.float32, copy=False)
        self.offset = np.concatenate([[0], np.cumsum([len(r) for r in rows])[:-1]]).astype(np.int64)
        self.size = np.array([d.z.shape for d in depths], np.int64)
        self.K = np.array([[d.camera.fx, d.camera.fy, d.camera.cx, d.camera.cy] for d in depths])
        self.pose = np.array([d.camera.world_to_camera[:3] for d in depths])

    def integrate(
        self, origin: F64, step: float, shape: tuple[int, int, int], reach: float, active: NDArray[np.uint8] | None = None
    ) -> tuple[F32, F32]:
        """Values in [-1, 1] and weights at nodes origin + step * index; reach: truncation in world units.

        active: (ceil(X / 8), ...) blocks to fill; the rest stay 0 with weight 0."""
        f = np.zeros(shape, np.float32)
        w = np.zeros(shape, np.float32)
        if active is None:
            active = np.ones(_blocks(shape), np.uint8)
        _integrate(origin, step, active, self.maps, self.offset, self.size, self.K, self.pose, reach, f, w)
        return f, w


def solve(f: F32, w: F32, smooth: float, sweeps: int = 12, coarsest: int = 12) -> F32:
    """The field that minimises the energy above, from the coarsest grid to the finest."""
    levels = [(f, w)]
    while min(levels[-1][0].shape) > coarsest:
        cf = np.empty(coarse_shape(levels[-1][0].shape), np.float32)
        cw = np.empty_like(cf)
        _coarsen(*levels[-1], cf, cw)
        levels.append((cf, cw))
    phi = np.zeros(levels[-1][0].shape, np.float32)
    for depth, (lf, lw) in enumerate(reversed(levels)):
        if depth:
            fine = np.empty(lf.shape, np.float32)
            _refine(phi, fine)
            phi = fine
        phi = relax(phi, lf, lw, smooth, sweeps if depth else 60)
    return phi


def relax(
    phi: F32, f: F32, w: F32, smooth: float, sweeps: int, active: NDArray[np.uint8] | None = None, over: float = 1.5
) -> F32:
    """Over-relaxation sweeps in place (only in active blocks, where given)."""
    if active is None:
        active = np.ones(_blocks(phi.shape), np.uint8)
    for _ in range(sweeps):
        for parity in (0, 1):
            _relax(phi, f, w, active, np.float32(smooth), parity, np.float32(over))
    return phi


def near_surface(phi: F32, limit: float = 0.95) -> NDArray[np.uint8]:
    """Blocks (of the grid twice as fine) that hold or neighbour a node with |phi| < limit."""
    fine = tuple(2 * n - 1 for n in phi.shape)
    out = np.zeros(_blocks(fine), np.uint8)
    i, j, k = np.nonzero(np.abs(phi) < limit)
    for di in (-2, 2):
        for dj in (-2, 2):
            for dk in (-2, 2):
                out[
                    np.clip((2 * i + di) >> 3, 0, out.shape[0] - 1),
                    np.clip((2 * j + dj) >> 3, 0, out.shape[1] - 1),
                    np.clip((2 * k + dk) >> 3, 0, out.shape[2] - 1),
                ] = 1
    return out


def refine(phi: F32) -> F32:
    """phi on the grid with half the step, (2 n - 1) nodes a side."""
    fine = np.empty(tuple(2 * n - 1 for n in phi.shape), np.float32)
    _refine(phi, fine)
    return fine
