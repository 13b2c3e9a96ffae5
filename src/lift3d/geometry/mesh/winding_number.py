"""Generalised winding numbers of triangle soups: 1 inside, 0 outside, fractional near holes.

Hierarchy of Barill, Dickson, Schmidt, Levin & Jacobson 2018 (Fast winding numbers for soups and clouds): a node
farther from the query than ACCURACY times its radius is replaced by its Taylor expansion of second order,
w = (1 / 4 pi) [N . r / |r|^3 + tr(M) / |r|^3 - 3 r^T M r / |r|^5] with r = centre - query. Near triangles contribute
their solid angle (van Oosterom & Strackee 1983),
tan(omega / 2) = det(a, b, c) / (|a||b||c| + (a.b)|c| + (b.c)|a| + (c.a)|b|).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lift3d.geometry.mesh.bvh import Bvh, build_bvh, leaf_range
from lift3d.types import F64

ACCURACY = 2.5
"""Distance in node radii beyond which a node is replaced by its expansion."""


class WindingTree(NamedTuple):
    """bvh: hierarchy over the triangles. moments (nodes, 16): area-weighted centre (3), squared radius about it (1),
    sum of area vectors (3), and sum of outer products (centroid - centre) (area vector)^T, row-major (9)."""

    bvh: Bvh
    moments: F64


def build_winding_tree(v: F64, f: NDArray[np.integer]) -> WindingTree:
    """The hierarchy of a mesh with its moments; v (V, 3) finite, f (F, 3) with at least one face."""
    bvh = build_bvh(np.asarray(v, np.float64), np.asarray(f, np.int32))
    c, leaves = bvh.tri, (len(bvh.box) + 1) // 2
    vector = 0.5 * np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])
    area, centroid = np.linalg.norm(vector, axis=1), c.mean(1)
    outer = (centroid[:, :, None] * vector[:, None, :]).reshape(-1, 9)
    rows = np.concatenate([area[:, None], area[:, None] * centroid, vector, outer], axis=1)
    levels = [np.add.reduceat(rows, (len(c) * np.arange(leaves)) // leaves, axis=0)]
    while len(levels[0]) > 1:
        levels.insert(0, levels[0][0::2] + levels[0][1::2])
    total = np.concatenate(levels)
    low, high, weight = bvh.box[:, :3], bvh.box[:, 3:], total[:, :1]
    centre = np.where(weight > 0, total[:, 1:4] / np.where(weight > 0, weight, 1), 0.5 * (low + high))
    moments = np.empty((len(total), 16))
    moments[:, :3] = centre
    moments[:, 3] = (np.maximum(centre - low, high - centre) ** 2).sum(1)
    moments[:, 4:7] = total[:, 4:7]
    moments[:, 7:] = total[:, 7:] - (centre[:, :, None] * total[:, None, 4:7]).reshape(-1, 9)
    return WindingTree(bvh, moments)


@njit(cache=True)
def _solid_angle(t: Any, px: float, py: float, pz: float) -> float:
    """Solid angle of triangle t (3, 3) seen from p, positive where p lies behind it."""
    ax, ay, az = t[0, 0] - px, t[0, 1] - py, t[0, 2] - pz
    bx, by, bz = t[1, 0] - px, t[1, 1] - py, t[1, 2] - pz
    cx, cy, cz = t[2, 0] - px, t[2, 1] - py, t[2, 2] - pz
    a = math.sqrt(ax * ax + ay * ay + az * az)
    b = math.sqrt(bx * bx + by * by + bz * bz)
    c = math.sqrt(cx * cx + cy * cy + cz * cz)
    det = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    den = a * b * c + (ax * bx + ay * by + az * bz) * c
    den += (bx * cx + by * cy + bz * cz) * a + (cx * ax + cy * ay + cz * az) * b
    if det == 0.0:
        return 0.0  # p in the plane of the triangle: on the triangle itself the mean of both sides
    return 2.0 * math.atan2(det, den)


@njit(cache=True, parallel=True)
def _winding(tri: Any, moments: Any, queries: Any, far: float, out: Any) -> None:
    """Winding numbers into out (N,); far: squared accuracy."""
    inner = len(moments) >> 1
    for i in prange(len(queries)):
        stack = np.empty(128, np.int64)
        px, py, pz = queries[i, 0], queries[i, 1], queries[i, 2]
        total = 0.0
        stack[0] = 0
        top = 1
        while top > 0:
            top -= 1
            node = stack[top]
            m = moments[node]
            x, y, z = m[0] - px, m[1] - py, m[2] - pz
            d2 = x * x + y * y + z * z
            if d2 > far * m[3]:
                inverse = 1.0 / math.sqrt(d2)
                cube = inverse * inverse * inverse
                quad = x * (m[7] * x + m[8] * y + m[9] * z)
                quad += y * (m[10] * x + m[11] * y + m[12] * z)
                quad += z * (m[13] * x + m[14] * y + m[15] * z)
                trace = m[7] + m[11] + m[15]
                total += cube * (m[4] * x + m[5] * y + m[6] * z + trace - 3.0 * quad * inverse * inverse)
            elif node >= inner:
                lo, hi = leaf_range(node, len(moments), len(tri))
                for k in range(lo, hi):
                    total += _solid_angle(tri[k], px, py, pz)
            else:
                stack[top], stack[top + 1] = 2 * node + 1, 2 * node + 2
                top += 2
        out[i] = total / (4.0 * math.pi)


def winding_in_tree(tree: WindingTree, queries: F64, accuracy: float = ACCURACY) -> F64:
    """(N,) winding numbers at queries (N, 3); accuracy=inf sums over every triangle."""
    q = np.ascontiguousarray(queries, np.float64)
    out = np.empty(len(q))
    _winding(tree.bvh.tri, tree.moments, q, float(accuracy) ** 2, out)
    return out


def winding_number(v: F64, f: NDArray[np.integer], queries: F64, accuracy: float = ACCURACY) -> F64:
    """(N,) generalised winding numbers of the mesh at queries (N, 3): 1 inside a closed surface that points
    outward."""
    return winding_in_tree(build_winding_tree(v, f), queries, accuracy)
