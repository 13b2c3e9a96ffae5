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
from scipy.ndimage import label, maximum_filter

from lift3d.geometry.fusion.membrane_solver import block_grid_shape
from lift3d.types import F32, F64, Depth

FREE_WEIGHT = np.float32(0.25)
"""Vote of a view that looked through a node, in units of a confident surface measurement."""
HIDDEN_WEIGHT = np.float32(0.0005)
"""Vote for -1 of a view from which a measured surface hides the node; counted only where no view looked through it
and none looked at it without measuring anything: what is in the shadow from all sides is taken as solid."""
BASE_WEIGHT = np.float32(0.01)
"""The same where the object stands, which closes it down to the table, and everywhere where silhouettes are known."""
PRIOR_WEIGHT = np.float32(0.0005)
"""Vote for -1 of a node that nothing is known of below a measured surface, and for +1 of one below nothing."""
BLANK_WEIGHT = np.float32(100.0)
"""How many such votes one look without a measurement takes away."""
MIN_COSINE = np.float32(0.05)
"""Least cosine between a measured surface and its look: planes that a photo would see from behind prove nothing, and as
weights they would be negative."""
CONFIDENCE_STEPS, PROPAGATED = 120, np.uint32(128)
NO_EVIDENCE, FREE_ONLY, OFF_OBJECT = np.uint32(253), np.uint32(254), np.uint32(255)
"""The highest byte of a pixel's facts: 0 to SURE is the confidence of a surface, CARRIED more if other views measured
it; SILENT proves nothing, FREE_ONLY is a surface that is not the object's, OUTSIDE is beside the silhouette."""


@njit(cache=True, parallel=True, error_model="numpy")
def _integrate(
    origin,
    step,
    blocks,
    depth,
    facts,
    offset,
    size,
    K,
    pose,
    reach,
    free_weight,
    hidden_weight,
    blank_weight,
    f,
    w,
):
    """depth (M,) and facts (M,) per pixel of all maps, see `_facts`; offset (V,), size (V, 2) height, width;
    pose (V, 3, 4) world to camera; hidden_weight (Z,) per layer of nodes; blocks (B, 3) indices of
    the 4x4x4 blocks to fill. Writes mean value f in [-1, 1] and weight w. All reals float32."""
    nx, ny, nz = f.shape
    views = offset.shape[0]
    zero = np.float32(0.0)
    one = np.float32(1.0)
    half = np.float32(0.5)
    unit = np.float32(1.0 / 127.0)
    sure = np.float32(1.0 / CONFIDENCE_STEPS)
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
                fact = facts[at]
                kind = fact >> np.uint32(24)
                if kind == OFF_OBJECT:
                    outside[e] += 1
                    continue
                if kind == NO_EVIDENCE:
                    continue
                z = depth[at]
                if z <= zero:
                    hidden[e] -= blank_weight
                    continue
                ez = zc - z
                carried = kind >= PROPAGATED and kind < NO_EVIDENCE
                if carried:
                    if ez < -reach:
                        continue
                    kind -= PROPAGATED
                if ez < np.float32(-3.0) * reach:
                    free[e] += one
                    continue
                if kind == FREE_ONLY:
                    if ez < -reach:
                        free[e] += one
                    continue
                if ez > np.float32(3.0) * reach:
                    hidden[e] += one
                    continue
                # offset from the measured point, which lies on the pixel's own ray
                ex = xc - (np.float32(iu) + half - cx) / fx * z
                ey = yc - (np.float32(it) + half - cy) / fy * z
                normal_x = unit * np.float32(np.int32(fact & np.uint32(255)) - 127)
                normal_y = unit * np.float32(np.int32((fact >> np.uint32(8)) & np.uint32(255)) - 127)
                cosine = -unit * np.float32(np.int32((fact >> np.uint32(16)) & np.uint32(255)) - 127)
                if cosine < MIN_COSINE:
                    continue
                d = ex * normal_x + ey * normal_y - ez * cosine
                if d > reach and ez < zero:
                    free[e] += zero if carried else one
                elif d > -reach:
                    c = sure * np.float32(kind) * cosine
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
                solid = hidden_weight[k] * max(hidden[e] - one, zero)
            whole = weight[e] + empty + solid
            f[i, j, k] = (total[e] + empty - solid) / whole if whole > zero else zero
            w[i, j, k] = whole


def _facts(depth: Depth, kind: NDArray[np.int8]) -> NDArray[np.uint32]:
    """(H * W,) four bytes a pixel, lowest first: 127 (1 + n) for the three parts of the normal (to 0.3 degrees), and
    what the pixel proves (see SURE)."""
    assert depth.normals is not None and depth.confidence is not None
    facts = np.clip(depth.confidence * CONFIDENCE_STEPS + np.float32(0.5), 0, CONFIDENCE_STEPS).astype(
        np.uint32
    )
    if depth.propagated is not None:
        facts[depth.propagated] += PROPAGATED
        facts[depth.propagated & (kind == 0)] = NO_EVIDENCE
        kind = np.where(depth.propagated & (kind == 0), np.int8(1), kind)
    facts[kind == 0] = FREE_ONLY
    facts[kind < 0] = OFF_OBJECT
    for axis in (2, 1, 0):
        facts <<= np.uint32(8)
        facts |= (depth.normals[..., axis] * np.float32(127) + np.float32(127.5)).astype(np.uint32)
    return facts.reshape(-1)


class TsdfIntegrator:
    """The maps packed once, so that grids of several resolutions can be filled from them.

    kinds: per depth map (H, W) int8: 1 a surface, 0 only proof of free space, -1 outside the object's silhouette.
    """

    def __init__(self, depths: Sequence[Depth], kinds: Sequence[NDArray[np.int8]]) -> None:
        sizes = [d.z.size for d in depths]
        self.offset = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        # eight bytes a pixel, filled in place: for many photos this is half a gigabyte
        self.depth = np.empty(sum(sizes), np.float32)
        self.facts = np.empty(sum(sizes), np.uint32)
        for at, depth, kind in zip(self.offset, depths, kinds):
            self.depth[at : at + depth.z.size] = depth.z.reshape(-1)
            self.facts[at : at + depth.z.size] = _facts(depth, kind)
        self.size = np.array([d.z.shape for d in depths], np.int64)
        self.K = np.array([[d.camera.fx, d.camera.fy, d.camera.cx, d.camera.cy] for d in depths], np.float32)
        self.pose = np.array([d.camera.world_to_camera[:3] for d in depths], np.float32)
        # where silhouettes carve, a look without a measurement is no sign of empty space, and the hidden is inside
        carved = any((kind < 0).any() for kind in kinds)
        self.blank, self.hidden = (np.float32(0.0), BASE_WEIGHT) if carved else (BLANK_WEIGHT, HIDDEN_WEIGHT)

    def integrate(
        self,
        origin: F64,
        step: float,
        shape: tuple[int, int, int],
        reach: float,
        active: NDArray[np.uint8] | None = None,
        standing: float = 0.0,
    ) -> tuple[F32, F32]:
        """Values in [-1, 1] and weights at nodes origin + step * index; reach: truncation in world units.

        active: (ceil(X / 4), ...) blocks to fill; the rest stay 0 with weight 0. standing: height above the grid's
        bottom, in world units, within which what is hidden falls from STANDING to HIDDEN (0: nowhere)."""
        f = np.zeros(shape, np.float32)
        w = np.zeros(shape, np.float32)
        if active is None:
            active = np.ones(block_grid_shape(shape), np.uint8)
        near = (
            np.clip(1 - step * np.arange(shape[2]) / standing, 0, 1) if standing > 0 else np.zeros(shape[2])
        )
        hidden = (self.hidden + (BASE_WEIGHT - self.hidden) * near).astype(np.float32)
        blocks = np.argwhere(active).astype(np.int64)
        _integrate(
            origin.astype(np.float32), np.float32(step), blocks, self.depth, self.facts, self.offset, self.size, self.K,
            self.pose, np.float32(reach), FREE_WEIGHT, hidden, self.blank, f, w,
        )  # fmt: skip
        return f, w

    def forget_enclosed(self, f: F32, w: F32, origin: F64, step: float) -> int:
        """Set to unknown, in place, what counts as empty but cannot be reached through empty nodes from a camera or
        from the grid's sides or top; returns how many nodes. Looks pass through empty space only: what lies cut off
        behind a surface comes of depths that were measured too far, and a few such nodes would make the membrane
        hollow out all that nobody saw."""
        free = (f > 0) & (w > 0)
        part, count = label(free, np.ones((3, 3, 3)))
        sides = [part[0], part[-1], part[:, 0], part[:, -1], part[:, :, -1]]
        reached = np.zeros(count + 1, bool)
        reached[np.unique(np.concatenate([side.ravel() for side in sides]))] = True
        centres = -np.einsum("vij,vi->vj", self.pose[:, :, :3], self.pose[:, :, 3])
        for node in np.round((centres - origin) / step).astype(int):
            if (node >= 0).all() and (node < f.shape).all():
                reached[np.unique(part[tuple(slice(max(n - 1, 0), n + 2) for n in node)])] = True
        reached[0] = True
        lost = ~reached[part]
        f[lost] = w[lost] = 0.0
        return int(lost.sum())


def assume_solid_below(f: F32, w: F32) -> None:
    """Of nodes that nothing is known of, in place: those below a measured surface (+z is up) are faintly solid, the
    others faintly empty. A thing on a table that was photographed from above is so closed down to the table, within its
    own outline, and the membrane rounds the rest off; without this, few stray votes decide over all of the inside."""
    measured = maximum_filter((f < 0) & (w > 0.1), (3, 3, 1))
    below = np.maximum.accumulate(measured[:, :, ::-1], 2)[:, :, ::-1]
    unknown = w < 1e-5
    f[unknown] = np.where(below[unknown], np.float32(-1), np.float32(1))
    w[unknown] = PRIOR_WEIGHT
