"""Signed distances of rounded cones, boxes, cylinders, ellipsoids and tori, joined by smooth unions.

Distances are those of Quilez ("Distance functions", iquilezles.org), the smooth minimum is his polynomial one; that of an
ellipsoid is an approximation with the right zero level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lift3d.types import F64

Vector = Sequence[float] | F64
CONE, BOX, CYLINDER, ELLIPSOID, TORUS = "cone", "box", "cylinder", "ellipsoid", "torus"
NEAR = 3.0
"""Steps of a grid around a primitive within which its distances are evaluated."""


@dataclass(frozen=True, eq=False)
class Primitive:
    """One solid. kind: CONE, rounded, from a with radius size[0] to b with size[1]; BOX with half sizes `size` around a;
    CYLINDER of radius size[0] and half height size[1] along the third axis; ELLIPSOID with semi-axes `size`; TORUS of the radii
    `size` around the third axis. axes (3, 3): rows are the primitive's axes in the world. round: rounding of edges.
    colour: sRGB, 0 to 255. group: primitives of one group are joined smoothly over `blend`; groups are united sharply. cut: the
    primitive is removed from all others. pattern: name of a pattern in the colours, see assembly.py."""

    kind: str
    a: F64
    size: F64
    colour: F64
    b: F64 = field(default_factory=lambda: np.zeros(3))
    axes: F64 = field(default_factory=lambda: np.eye(3))
    round: float = 0.0
    group: int = 0
    blend: float = 0.0
    cut: bool = False
    pattern: str = ""

    def distance(self, points: F64) -> F64:
        """(N,) signed distances of points (N, 3), negative inside."""
        if self.kind == CONE:
            return _rounded_cone(points, self.a, self.b, float(self.size[0]), float(self.size[1]))
        p = (points - self.a) @ self.axes.T
        if self.kind == BOX:
            q = np.abs(p) - self.size + self.round
            return np.asarray(np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0) - self.round)
        if self.kind == CYLINDER:
            d = (
                np.stack([np.hypot(p[:, 0], p[:, 1]) - self.size[0], np.abs(p[:, 2]) - self.size[1]], 1)
                + self.round
            )
            return np.asarray(np.minimum(d.max(1), 0) + np.linalg.norm(np.maximum(d, 0), axis=1) - self.round)
        if self.kind == ELLIPSOID:
            k = np.linalg.norm(p / self.size, axis=1)
            return np.asarray(k * (k - 1) / np.maximum(np.linalg.norm(p / self.size**2, axis=1), 1e-9))
        ring = np.hypot(p[:, 0], p[:, 1]) - self.size[0]
        return np.asarray(np.hypot(ring, p[:, 2]) - self.size[1])

    def box(self) -> tuple[F64, F64]:
        """Corners (3,) of a box around the primitive."""
        if self.kind == CONE:
            r = self.size[:2, None]
            ends = np.stack([self.a, self.b])
            return (ends - r).min(0), (ends + r).max(0)
        reach = {CYLINDER: np.array([self.size[0], self.size[0], self.size[-1]]),
                 TORUS: np.array([self.size.sum(), self.size.sum(), self.size[-1]])}.get(self.kind, self.size)  # fmt: skip
        half = np.abs(self.axes.T) @ reach
        return self.a - half, self.a + half


def _rounded_cone(p: F64, a: F64, b: F64, r1: float, r2: float) -> F64:
    """(N,) distances to the convex hull of two balls."""
    ba = b - a
    length2 = float(ba @ ba)
    if length2 <= (r1 - r2) ** 2:  # one ball holds the other
        centre, r = (a, r1) if r1 >= r2 else (b, r2)
        return np.asarray(np.linalg.norm(p - centre, axis=1) - r)
    rr = r1 - r2
    a2, il2 = length2 - rr * rr, 1 / length2
    pa = p - a
    y = pa @ ba
    z = y - length2
    x = pa * length2 - y[:, None] * ba
    x2 = (x * x).sum(1)
    y2, z2 = y * y * length2, z * z * length2
    k = np.sign(rr) * rr * rr * x2
    side = (np.sqrt(x2 * a2 * il2) + y * rr) * il2 - r1
    out = np.where(np.sign(y) * a2 * y2 < k, np.sqrt(x2 + y2) * il2 - r1, side)
    return np.asarray(np.where(np.sign(z) * a2 * z2 > k, np.sqrt(x2 + z2) * il2 - r2, out))


def smooth_min(a: F64, b: F64, k: float) -> F64:
    """The polynomial smooth minimum over a width k; the minimum for k = 0."""
    if k <= 0:
        return np.minimum(a, b)
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.asarray(np.minimum(a, b) - h * h * k / 4)


def union_on_grid(
    primitives: Sequence[Primitive], start: F64, step: float, count: tuple[int, int, int]
) -> F64:
    """(X, Y, Z) signed distances of the union at start + step * (i, j, k): smooth within groups, sharp between them, with the
    cuts removed. Each primitive is evaluated around itself alone; farther away distances are at least NEAR steps."""
    far = NEAR * step
    groups: dict[int, F64] = {}
    cut = np.full(count, -np.inf)
    for one in primitives:
        low, high = one.box()
        reach = far + one.blend
        first = np.clip(np.floor((low - reach - start) / step).astype(int), 0, count)
        last = np.clip(np.ceil((high + reach - start) / step).astype(int) + 1, 0, count)
        if (first >= last).any():
            continue
        block = tuple(slice(a, b) for a, b in zip(first, last))
        line = [start[k] + step * np.arange(first[k], last[k]) for k in range(3)]
        points = np.stack(np.meshgrid(*line, indexing="ij"), -1)
        d = one.distance(points.reshape(-1, 3)).reshape(points.shape[:3])
        if one.cut:
            cut[block] = np.maximum(cut[block], -d)
        else:
            values = groups.setdefault(one.group, np.full(count, far + 0.1))
            values[block] = smooth_min(values[block], d, one.blend)
    return np.asarray(np.maximum(np.min(list(groups.values()), axis=0), cut))
