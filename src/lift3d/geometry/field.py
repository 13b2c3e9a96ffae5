"""A signed field from depth maps: truncated point-to-plane distances and free space, completed smoothly.

Each grid node x is projected into every depth map. With p the measured point at that pixel and n its normal,
d = (x - p) . n is averaged where |d| is within the truncation (Curless & Levoy 1996, with Bylow et al. 2013's
point-to-plane distance); further in front the node was seen to be empty and gets +1; behind nothing is known,
but what is hidden from all sides counts faintly as solid, so that unseen undersides reach down to the table.
The field phi then minimises  sum w (phi - f)^2 + smooth * sum |grad phi|^2  coarse to fine, which leaves the
data where they are and spans what nobody saw with a membrane. Positive is outside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.types import F32, F64, Depth

FREE = np.float32(0.25)
"""Vote of a view that looked through a node, in units of a confident surface measurement."""
HIDDEN = np.float32(0.01)
"""Vote for -1 of a view from which a measured surface hides the node; counted only where no view looked through it
and none looked at it without measuring anything: what is in the shadow from all sides is taken as solid."""
BLANK = np.float32(100.0)
"""How many such votes one look without a measurement takes away."""
TRUST = np.float32(2.0)
"""Weight of the data at which they count half as much as they can."""


@njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def _integrate(
    origin, step, blocks, maps, offset, size, K, pose, reach, free_weight, hidden_weight, blank_weight, f, w
):
    """maps (M, 6): z, nx, ny, nz (camera frame), confidence, kind (1 surface, 0 free only, -1 outside the silhouette)
    per pixel of all maps; offset (V,), size (V, 2) height, width; pose (V, 3, 4) world to camera; blocks (B, 3)
    indices of the 4x4x4 blocks to fill. Writes mean value f in [-1, 1] and weight w. All reals float32."""
    nx, ny, nz = f.shape
    views = offset.shape[0]
    zero = np.float32(0.0)
    one = np.float32(1.0)
    half = np.float32(0.5)
    radius = np.float32(3.5) * step
    for b in prange(blocks.shape[0]):
        total = np.zeros(64, np.float32)
        weight = np.zeros(64, np.float32)
        free = np.zeros(64, np.float32)
        hidden = np.zeros(64, np.float32)
        outside = np.zeros(64, np.int32)
        i0, j0, k0 = 4 * blocks[b, 0], 4 * blocks[b, 1], 4 * blocks[b, 2]
        for v in range(views):
            m = pose[v]
            fx, fy, cx, cy = K[v, 0], K[v, 1], K[v, 2], K[v, 3]
            height, width = size[v, 0], size[v, 1]
            # the block's centre first: is any of it in the picture?
            px = origin[0] + step * (np.float32(i0) + np.float32(1.5))
            py = origin[1] + step * (np.float32(j0) + np.float32(1.5))
            pz = origin[2] + step * (np.float32(k0) + np.float32(1.5))
            zc = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3] - radius
            if zc <= radius:
                continue
            inv = one / zc
            u = fx * (m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]) * inv
            t = fy * (m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]) * inv
            if abs(u) > fx * radius * inv + width or abs(t) > fy * radius * inv + height:
                continue
            for e in range(64):
                px = origin[0] + step * np.float32(i0 + (e >> 4))
                py = origin[1] + step * np.float32(j0 + ((e >> 2) & 3))
                pz = origin[2] + step * np.float32(k0 + (e & 3))
                zc = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
                if zc <= np.float32(1e-9):
                    continue
                inv = one / zc
                xc = m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]
                yc = m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]
                u = fx * xc * inv + cx
                t = fy * yc * inv + cy
                if u < zero or t < zero or u >= width or t >= height:
                    continue
                iu = np.int32(u)
                it = np.int32(t)
                at = np.uint64(offset[v] + it * width + iu)
                kind = maps[at, np.uint64(5)]
                if kind < zero:
                    outside[e] += 1
                    continue
                z = maps[at, np.uint64(0)]
                if z <= zero:
                    hidden[e] -= blank_weight
                    continue
                ez = zc - z
                if ez < np.float32(-3.0) * reach:
                    free[e] += one
                    continue
                if kind == zero:
                    if ez < -reach:
                        free[e] += one
                    continue
                if ez > np.float32(3.0) * reach:
                    hidden[e] += one
                    continue
                # offset from the measured point, which lies on the pixel's own ray
                ex = xc - (np.float32(iu) + half - cx) / fx * z
                ey = yc - (np.float32(it) + half - cy) / fy * z
                cosine = -maps[at, np.uint64(3)]
                d = ex * maps[at, np.uint64(1)] + ey * maps[at, np.uint64(2)] - ez * cosine
                if d > reach and ez < zero:
                    free[e] += one
                elif d > -reach:
                    c = maps[at, np.uint64(4)] * cosine
                    if d < zero:
                        c *= one + np.float32(0.7) * d / reach
                    total[e] += c * min(d / reach, one)
                    weight[e] += c
        for e in range(64):
            i, j, k = i0 + (e >> 4), j0 + ((e >> 2) & 3), k0 + (e & 3)
            if i >= nx or j >= ny or k >= nz:
                continue
            if outside[e] >= 2:
                f[i, j, k] = one
                w[i, j, k] = outside[e]
                continue
            empty = free_weight * free[e]
            solid = zero
            if free[e] == zero:
                solid = hidden_weight * max(hidden[e] - one, zero)
            whole = weight[e] + empty + solid
            f[i, j, k] = (total[e] + empty - solid) / whole if whole > zero else zero
            w[i, j, k] = whole


@njit(cache=True, parallel=True, error_model="numpy")
def _relax(phi, f, w, active, smooth, trust, parity, over):
    """One red-black half-sweep of successive over-relaxation; walls are reflecting."""
    nx, ny, nz = phi.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range((i + j + parity) & 1, nz, 2):
                if active[i >> 2, j >> 2, k >> 2] == 0:
                    continue
                s = phi[max(i - 1, 0), j, k] + phi[min(i + 1, nx - 1), j, k]
                s += phi[i, max(j - 1, 0), k] + phi[i, min(j + 1, ny - 1), k]
                s += phi[i, j, max(k - 1, 0)] + phi[i, j, min(k + 1, nz - 1)]
                a = w[i, j, k] / (w[i, j, k] + trust)
                value = (a * f[i, j, k] + smooth * s) / (a + np.float32(6.0) * smooth)
                phi[i, j, k] += over * (value - phi[i, j, k])


@njit(cache=True, inline="always")
def _neighbours(phi, i, j, k):
    nx, ny, nz = phi.shape
    return (
        phi[max(i - 1, 0), j, k]
        + phi[min(i + 1, nx - 1), j, k]
        + phi[i, max(j - 1, 0), k]
        + phi[i, min(j + 1, ny - 1), k]
        + phi[i, j, max(k - 1, 0)]
        + phi[i, j, min(k + 1, nz - 1)]
    )


@njit(cache=True, parallel=True, error_model="numpy")
def _sweep(phi, a, goal, smooth, parity):
    """One red-black half-sweep of Gauss-Seidel on (a + smooth * Laplacian) phi = goal; walls are reflecting."""
    nx, ny, nz = phi.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range((i + j + parity) & 1, nz, 2):
                s = _neighbours(phi, i, j, k)
                phi[i, j, k] = (goal[i, j, k] + smooth * s) / (a[i, j, k] + np.float32(6.0) * smooth)


@njit(cache=True, parallel=True, error_model="numpy")
def _residual(phi, a, goal, smooth, out):
    nx, ny, nz = phi.shape
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                s = _neighbours(phi, i, j, k)
                p = phi[i, j, k]
                out[i, j, k] = goal[i, j, k] - a[i, j, k] * p + smooth * (s - np.float32(6.0) * p)


@njit(cache=True, parallel=True, error_model="numpy")
def _restrict(fine, coarse):
    nx, ny, nz = fine.shape
    for i in prange(coarse.shape[0]):
        for j in range(coarse.shape[1]):
            for k in range(coarse.shape[2]):
                total = np.float32(0.0)
                weight = np.float32(0.0)
                for a in range(2 * i - 1, 2 * i + 2):
                    for b in range(2 * j - 1, 2 * j + 2):
                        for c in range(2 * k - 1, 2 * k + 2):
                            if 0 <= a < nx and 0 <= b < ny and 0 <= c < nz:
                                g = np.float32(
                                    1.0 / ((1 + abs(a - 2 * i)) * (1 + abs(b - 2 * j)) * (1 + abs(c - 2 * k)))
                                )
                                weight += g
                                total += g * fine[a, b, c]
                coarse[i, j, k] = total / weight if weight > 0 else np.float32(0.0)


@njit(cache=True, parallel=True, error_model="numpy")
def _refine(coarse, fine):
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
    return tuple((n + 3) // 4 for n in shape)


class DepthField:
    """The maps packed once, so that grids of several resolutions can be filled from them.

    kinds: per depth map (H, W) int8: 1 a surface, 0 only proof of free space, -1 outside the object's silhouette.
    """

    def __init__(self, depths: Sequence[Depth], kinds: Sequence[NDArray[np.int8]]) -> None:
        sizes = [d.z.size for d in depths]
        self.offset = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        self.maps = np.empty(
            (sum(sizes), 6), np.float32
        )  # filled in place: for many photos this is gigabytes
        for at, depth, kind in zip(self.offset, depths, kinds):
            assert depth.normals is not None and depth.confidence is not None
            part = self.maps[at : at + depth.z.size]
            part[:, 0] = depth.z.reshape(-1)
            part[:, 1:4] = depth.normals.reshape(-1, 3)
            part[:, 4] = depth.confidence.reshape(-1)
            part[:, 5] = kind.reshape(-1)
        self.size = np.array([d.z.shape for d in depths], np.int64)
        self.K = np.array([[d.camera.fx, d.camera.fy, d.camera.cx, d.camera.cy] for d in depths], np.float32)
        self.pose = np.array([d.camera.world_to_camera[:3] for d in depths], np.float32)
        # where silhouettes carve, a look without a measurement is no sign of empty space
        self.blank = np.float32(0.0) if any((kind < 0).any() for kind in kinds) else BLANK

    def integrate(
        self,
        origin: F64,
        step: float,
        shape: tuple[int, int, int],
        reach: float,
        active: NDArray[np.uint8] | None = None,
    ) -> tuple[F32, F32]:
        """Values in [-1, 1] and weights at nodes origin + step * index; reach: truncation in world units.

        active: (ceil(X / 4), ...) blocks to fill; the rest stay 0 with weight 0."""
        f = np.zeros(shape, np.float32)
        w = np.zeros(shape, np.float32)
        if active is None:
            active = np.ones(_blocks(shape), np.uint8)
        blocks = np.argwhere(active).astype(np.int64)
        _integrate(
            origin.astype(np.float32), np.float32(step), blocks, self.maps, self.offset, self.size, self.K, self.pose,
            np.float32(reach), FREE, HIDDEN, self.blank, f, w,
        )  # fmt: skip
        return f, w


def solve(f: F32, w: F32, smooth: float, sweeps: int = 6, cycles: int = 6, coarsest: int = 12) -> F32:
    """The field that minimises the energy above: a first guess from the coarsest grid to the finest, then V-cycles
    of multigrid correction (Briggs, Henson & McCormick 2000, chapter 3). Without these the two sides of a
    surface cancel on coarse grids and what no photo saw would stay empty instead of being spanned."""
    levels = [(f, w)]
    while min(levels[-1][0].shape) > coarsest:
        lf, lw = levels[-1]
        cw = _restricted(lw)
        cf = _restricted(lw * lf)
        cf /= np.maximum(cw, np.float32(1e-12))
        levels.append((cf, cw))
    phi = np.zeros(levels[-1][0].shape, np.float32)
    for depth, (lf, lw) in enumerate(reversed(levels)):
        if depth:
            fine = np.empty(lf.shape, np.float32)
            _refine(phi, fine)
            phi = fine
        phi = relax(phi, lf, lw, smooth, sweeps if depth else 60)
    del levels
    trust = [w / (w + TRUST)]
    goal = trust[0] * f
    while min(trust[-1].shape) > 6:
        trust.append(_restricted(trust[-1]))
    for _ in range(cycles):
        _cycle(phi, trust, goal, smooth, 0)
    return phi


def _cycle(phi: F32, trust: Sequence[F32], goal: F32, smooth: float, level: int) -> None:
    """One V-cycle of (trust + smooth * Laplacian) phi = goal, in place."""
    a, s = trust[level], np.float32(smooth)
    last = level + 1 == len(trust)
    for _ in range(60 if last else 2):
        for parity in (0, 1):
            _sweep(phi, a, goal, s, parity)
    if last:
        return
    rest = np.empty_like(phi)
    _residual(phi, a, goal, s, rest)
    error = np.zeros(trust[level + 1].shape, np.float32)
    _cycle(error, trust, _restricted(rest), smooth / 4, level + 1)
    _refine(error, rest)
    phi += rest
    for _ in range(2):
        for parity in (1, 0):
            _sweep(phi, a, goal, s, parity)


def _restricted(values: F32) -> F32:
    """Full weighting onto the grid with twice the step."""
    coarse = np.empty(coarse_shape(values.shape), np.float32)
    _restrict(values, coarse)
    return coarse


def relax(
    phi: F32,
    f: F32,
    w: F32,
    smooth: float,
    sweeps: int,
    active: NDArray[np.uint8] | None = None,
    over: float = 1.5,
) -> F32:
    """Over-relaxation sweeps in place (only in active blocks, where given)."""
    if active is None:
        active = np.ones(_blocks(phi.shape), np.uint8)
    for _ in range(sweeps):
        for parity in (0, 1):
            _relax(phi, f, w, active, np.float32(smooth), TRUST, parity, np.float32(over))
    return phi


def near_surface(phi: F32, limit: float = 0.95) -> NDArray[np.uint8]:
    """Blocks (of the grid twice as fine) that hold or neighbour a node with |phi| < limit."""
    fine = tuple(2 * n - 1 for n in phi.shape)
    out = np.zeros(_blocks(fine), np.uint8)
    near = np.abs(phi) < limit
    i, j, k = np.nonzero(near)
    for di in (-1, 1):
        for dj in (-1, 1):
            for dk in (-1, 1):
                out[
                    np.clip((2 * i + di * 2) >> 2, 0, out.shape[0] - 1),
                    np.clip((2 * j + dj * 2) >> 2, 0, out.shape[1] - 1),
                    np.clip((2 * k + dk * 2) >> 2, 0, out.shape[2] - 1),
                ] = 1
    return out


def refine(phi: F32) -> F32:
    """phi on the grid with half the step, (2 n - 1) nodes a side."""
    fine = np.empty(tuple(2 * n - 1 for n in phi.shape), np.float32)
    _refine(phi, fine)
    return fine
