"""A truncated signed distance field from depth maps, with evidence of free and of hidden space.

Each grid node x is projected into every depth map. With p the measured point of that pixel and n its normal,
d = (x - p) . n is averaged where |d| is within the truncation (Curless & Levoy 1996, with the point-to-plane distance of Bylow
et al. 2013). A node farther in front was seen to be empty and gets +1, if views from different directions agree on it. Elsewhere
the views vote with log odds: a measured surface that hides the node speaks for the inside, a look through it or without a
measurement for the outside. What no photo saw is then solid where it lies behind measured surfaces, as far as free space that was
seen allows. The membrane of `lift3d.geometry.fusion.membrane_solver` spans the gaps. Positive is outside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import label, maximum_filter

from lift3d.geometry.fusion.membrane_solver import block_grid_shape
from lift3d.geometry.fusion.pixel_evidence import (
    BLANK,
    CONFIDENCE_STEPS,
    FREE_ONLY,
    NO_EVIDENCE,
    OFF_OBJECT,
    PROPAGATED,
    pack_pixels,
)
from lift3d.types import F32, F64, Depth

FREE_WEIGHT = np.float32(0.25)
"""Weight of a view that looked through a node, in units of one confident surface measurement."""
PROVED_FREE, MIN_BASELINE_COSINE = np.float32(1.0), np.float32(0.985)
"""A node is seen to be empty if the confidences of the views that looked through it sum to at least PROVED_FREE and two of these
views see it under an angle with at most this cosine (10 degrees), or if a surface was measured near it. One wrong depth carves
nothing."""
HIDDEN, HIDDEN_PROPAGATED, BLANK_LOOK, BIAS = (np.float32(x) for x in (0.22, 0.16, -0.3, -1.1))
THROUGH, THROUGH_TO_OBJECT, THROUGH_PROPAGATED = (np.float32(x) for x in (-3.5, -1.4, -2.9))
"""Log odds that a node is inside, where nothing was measured near it: per view from which a measured (or propagated) surface
hides it, as if 24 views saw it; per view without a measurement; per look through it to the background and to the object's far
side, times the confidence, and of a propagated depth; and the constant. By logistic regression on nodes of three rendered sets
and of eight photos of two of them, inside and outside with equal weight; BLANK_LOOK was then raised from -0.13, which fills
fewer gaps between legs."""
FREE_ODDS = np.float32(-1.5)
"""At or below these log odds any look through the node counts."""
HIDDEN_WEIGHT = np.float32(0.003)
"""Weight for -1 of a node per unit of positive log odds: what is hidden from all sides is taken as solid."""
BASE_WEIGHT = np.float32(0.06)
"""The same near the base, which closes the object down to the table, and everywhere if silhouettes are known."""
PRIOR_WEIGHT = np.float32(0.0005)
"""Weight of an unobserved node: for -1 below a measured surface, for +1 elsewhere."""
MIN_COSINE = np.float32(0.05)
"""Least cosine between a measured normal and the viewing ray; smaller ones would give no or negative weights."""


@njit(cache=True, inline="always", error_model="numpy")
def _look_through(
    free: F32, first: F32, apart: F32, e: int, confidence: float, px: float, py: float, pz: float, centre: F32
) -> None:
    """Count a view from `centre` (3,) through node e at (px, py, pz), in place."""
    dx, dy, dz = px - centre[0], py - centre[1], pz - centre[2]
    inv = np.float32(1.0) / np.sqrt(dx * dx + dy * dy + dz * dz)
    if free[e] == np.float32(0.0):
        first[e, 0], first[e, 1], first[e, 2] = dx * inv, dy * inv, dz * inv
    else:
        cosine = (first[e, 0] * dx + first[e, 1] * dy + first[e, 2] * dz) * inv
        apart[e] = min(apart[e], cosine)
    free[e] += confidence


@njit(cache=True, parallel=True, error_model="numpy")
def _integrate(
    origin: F32, step: float, blocks: NDArray[np.int64], depth: F32, facts: NDArray[np.uint32], offset: NDArray[np.int64],
    size: NDArray[np.int64], K: F32, pose: F32, centre: F32, reach: float, free_weight: float, hidden_weight: F32,
    blank_odds: float, f: F32, w: F32,
) -> None:  # fmt: skip
    """Fill f and w (X, Y, Z): the weighted mean of the signed distances in [-1, 1], and the sum of the weights.

    depth, facts: (M,) pixels of all maps, see `pack_pixels`; offset: (V,) first pixel of each map; size: (V, 2) height, width;
    K: (V, 4) fx, fy, cx, cy; pose: (V, 3, 4) world to camera; centre: (V, 3) of the cameras; reach: truncation distance;
    hidden_weight: (Z,) per layer of nodes; blank_odds: of a view without a measurement;
    blocks: (B, 3) indices of the 4 x 4 x 4 blocks to fill. All reals are float32.
    """
    nx, ny, nz = f.shape
    views = offset.shape[0]
    zero = np.float32(0.0)
    one = np.float32(1.0)
    half = np.float32(0.5)
    unit = np.float32(1.0 / 127.0)
    per_step = np.float32(1.0 / CONFIDENCE_STEPS)
    radius = np.float32(3.5) * step
    for b in prange(blocks.shape[0]):
        total = np.zeros(64, np.float32)
        weight = np.zeros(64, np.float32)
        free = np.zeros(64, np.float32)
        first = np.zeros((64, 3), np.float32)  # direction of the first view through the node
        apart = np.ones(64, np.float32)  # least cosine of another such view with it
        odds = np.zeros(64, np.float32)  # of being inside, by looks through the node or without a measurement
        hidden = np.zeros(64, np.float32)  # the same, by views from which it is hidden
        looks = np.zeros(64, np.float32)
        outside = np.zeros(64, np.int32)
        i0, j0, k0 = 4 * blocks[b, 0], 4 * blocks[b, 1], 4 * blocks[b, 2]
        for v in range(views):
            m = pose[v]
            fx, fy, cx, cy = K[v, 0], K[v, 1], K[v, 2], K[v, 3]
            height, width = size[v, 0], size[v, 1]
            # the block's bounding sphere first: does it fall in the image?
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
                evidence = np.int32(fact >> np.uint32(24))
                looks[e] += one
                if evidence == OFF_OBJECT:
                    outside[e] += 1
                    continue
                if evidence == NO_EVIDENCE:
                    continue
                if evidence == BLANK:
                    odds[e] += blank_odds
                    continue
                z = depth[at]
                ez = zc - z
                background = evidence >= FREE_ONLY
                if background:
                    evidence -= FREE_ONLY
                propagated = evidence >= PROPAGATED
                if propagated:
                    if ez < -reach:
                        odds[e] += THROUGH_PROPAGATED
                        continue
                    evidence -= PROPAGATED
                through = ez < np.float32(-3.0) * reach
                if background:
                    through = ez < -reach
                if through:
                    confidence = per_step * np.float32(evidence)
                    odds[e] += confidence * (THROUGH if background else THROUGH_TO_OBJECT)
                    _look_through(free, first, apart, e, confidence, px, py, pz, centre[v])
                    continue
                if background:
                    continue
                if ez > np.float32(3.0) * reach:
                    hidden[e] += HIDDEN_PROPAGATED if propagated else HIDDEN
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
                    if not propagated:
                        _look_through(
                            free, first, apart, e, per_step * np.float32(evidence), px, py, pz, centre[v]
                        )
                elif d > -reach:
                    c = per_step * np.float32(evidence) * cosine
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
            inside = odds[e] + BIAS + hidden[e] * np.float32(24.0) / max(looks[e], one)
            proved = free[e] >= PROVED_FREE and apart[e] <= MIN_BASELINE_COSINE
            free_vote = hidden_vote = zero
            if proved or weight[e] > zero or inside <= FREE_ODDS:
                free_vote = free_weight * free[e]
            if free_vote == zero and inside > zero:
                hidden_vote = hidden_weight[k] * inside
            elif free_vote == zero and looks[e] > zero:
                free_vote = -HIDDEN_WEIGHT * inside
            total_weight = weight[e] + free_vote + hidden_vote
            f[i, j, k] = (total[e] + free_vote - hidden_vote) / total_weight if total_weight > zero else zero
            w[i, j, k] = total_weight


class TsdfIntegrator:
    """Depth maps packed once, from which grids of several resolutions are filled.
    labels: (H, W) int8 per depth map: 1 is a surface, 0 only evidence of free space, -1 outside the object's silhouette.
    silhouettes: whether what is not -1 shows the object and nothing else; None: where any label is -1.
    """

    def __init__(
        self, depths: Sequence[Depth], labels: Sequence[NDArray[np.int8]], silhouettes: bool | None = None
    ):
        sizes = [d.z.size for d in depths]
        self.offset = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        # eight bytes a pixel, filled in place: for many photos this is half a gigabyte
        self.depth = np.empty(sum(sizes), np.float32)
        self.facts = np.empty(sum(sizes), np.uint32)
        for first, depth, kinds in zip(self.offset, depths, labels):
            self.depth[first : first + depth.z.size] = depth.z.reshape(-1)
            self.facts[first : first + depth.z.size] = pack_pixels(depth, kinds)
        self.size = np.array([d.z.shape for d in depths], np.int64)
        self.K = np.array([[d.camera.fx, d.camera.fy, d.camera.cx, d.camera.cy] for d in depths], np.float32)
        self.pose = np.array([d.camera.world_to_camera[:3] for d in depths], np.float32)
        self.centre = -np.einsum("vij,vi->vj", self.pose[:, :, :3], self.pose[:, :, 3])
        # with silhouettes, a view without a measurement is no sign of free space, and hidden space is inside
        trusted = any((kinds < 0).any() for kinds in labels) if silhouettes is None else silhouettes
        self.blank, self.hidden = (np.float32(0.0), BASE_WEIGHT) if trusted else (BLANK_LOOK, HIDDEN_WEIGHT)

    def integrate(
        self,
        origin: F64,
        step: float,
        shape: tuple[int, int, int],
        reach: float,
        active: NDArray[np.uint8] | None = None,
        standing: float = 0.0,
    ) -> tuple[F32, F32]:
        """Values in [-1, 1] and weights (X, Y, Z) at the nodes origin + step * index.

        reach: truncation distance in world units; active: (ceil(X / 4), ...) blocks to fill, the others stay 0 with weight 0.
        standing: height above the grid's bottom, in world units, within which the weight of hidden space falls from BASE_WEIGHT
        to HIDDEN_WEIGHT (0: nowhere).
        """
        f = np.zeros(shape, np.float32)
        w = np.zeros(shape, np.float32)
        if active is None:
            active = np.ones(block_grid_shape(shape), np.uint8)
        closeness = (
            np.clip(1 - step * np.arange(shape[2]) / standing, 0, 1) if standing > 0 else np.zeros(shape[2])
        )
        hidden = (self.hidden + (BASE_WEIGHT - self.hidden) * closeness).astype(np.float32)
        blocks = np.argwhere(active).astype(np.int64)
        _integrate(
            origin.astype(np.float32), np.float32(step), blocks, self.depth, self.facts, self.offset, self.size, self.K,
            self.pose, self.centre, np.float32(reach), FREE_WEIGHT, hidden, self.blank, f, w,
        )  # fmt: skip
        return f, w

    def clear_enclosed(self, f: F32, w: F32, origin: F64, step: float) -> int:
        """Set enclosed free nodes to unknown, in place, and return their number.

        Enclosed are free nodes that no path through free nodes connects with a camera or with the sides or the top of the grid.
        Viewing rays pass through free space only, so such nodes come from depths that were measured too far. A few of them
        would make the membrane hollow out all unobserved space.
        """
        free = (f > 0) & (w > np.float32(0.05))  # looked through, not merely likely
        component, count = label(free, np.ones((3, 3, 3)))
        sides = [component[0], component[-1], component[:, 0], component[:, -1], component[:, :, -1]]
        reached = np.zeros(count + 1, bool)
        reached[np.unique(np.concatenate([side.ravel() for side in sides]))] = True
        for node in np.round((self.centre - origin) / step).astype(int):
            if (node >= 0).all() and (node < f.shape).all():
                reached[np.unique(component[tuple(slice(max(n - 1, 0), n + 2) for n in node)])] = True
        reached[0] = True
        enclosed = ~reached[component]
        f[enclosed] = w[enclosed] = 0.0
        return int(enclosed.sum())


def assume_solid_below(f: F32, w: F32) -> None:
    """Give unobserved nodes a faint prior, in place: solid below a measured surface (+z is up), free elsewhere.

    This closes an object on a table that was photographed from above, within its own outline; the membrane rounds the rest.
    Without it few stray votes would decide over the whole interior.
    """
    measured = maximum_filter((f < 0) & (w > 0.1), (3, 3, 1))
    below = np.maximum.accumulate(measured[:, :, ::-1], 2)[:, :, ::-1]
    unknown = w < 1e-5
    f[unknown] = np.where(below[unknown], np.float32(-1), np.float32(1))
    w[unknown] = PRIOR_WEIGHT
