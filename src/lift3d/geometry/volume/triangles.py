"""Triangles of a surface net that do not intersect, for any positions of its vertices inside their boxes.

The polygon across a voxel pair A, B may use the tetrahedra between A, B and each of its sides, and those of different pairs are
disjoint (Ju & Udeshi 2006). A quadrilateral is cut along a diagonal if both triangles stay in them (Wang, "Intersection-free dual
contouring on uniform grids", 2009); otherwise, and for other polygons, a vertex between A and B joins the sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.geometry.volume.net import Net
from lift3d.geometry.volume.net_kernels import FLAT
from lift3d.types import F64

CLEARANCE = 0.02
"""Least distance in voxels of a diagonal from the walls of the tetrahedra of its pair."""
BETWEEN = 0.1
"""Least distance in voxels of a joining vertex from the voxel centres of its pair."""


def triangulate(net: Net, x: F64, metric: F64) -> tuple[F64, NDArray[np.int32], NDArray[np.uint16]]:
    """(vertices (N, 3) in indices, faces (F, 3), labels (F, 2)) of a net whose vertices lie at x (V, 3), inside their boxes.

    The vertices begin with x; joining vertices follow. Faces are counter-clockwise seen from their second label. metric (3, 3):
    A^T A of the index-to-millimetre matrix A; of two possible diagonals the shorter one is taken.
    """
    cut = np.empty(len(net.quads), np.uint8)
    _choose_cuts(x, net.quads, net.quad_axis, net.low, metric, cut)
    fans = int((cut == 2).sum())
    flat = net.polygon_axis == FLAT
    size = (net.polygons >= 0).sum(1)
    n_faces = 2 * len(cut) + 2 * fans + int(np.where(flat, size - 2, size).sum())
    faces, labels = np.empty((n_faces, 3), np.int32), np.empty((n_faces, 2), np.uint16)
    joints = np.empty((fans + int((~flat).sum()), 3))
    _write(
        x, net.low, net.quads, net.quad_labels, net.quad_axis, cut, net.polygons, net.polygon_labels, net.polygon_axis,
        net.polygon_voxel, joints, faces, labels,
    )  # fmt: skip
    return np.concatenate([x, joints]), faces, labels


@njit_inline
def _diagonal_fits(
    x: Any, quad: Any, a: int, axis: int, low0: float, low1: float, low2: float, clearance: float
) -> bool:
    """True if the triangles on both sides of the diagonal between corners a and a + 2 stay in the tetrahedra of the pair.

    low*: coordinates of the lower voxel. In the plane across the pair, with the pair at the origin, the diagonal passes it on one
    side. It must cross the spoke to the corner on that side, at a point of the triangle between the pair and that corner; the
    triangle on the other side must meet the line between the pair.
    """
    u, w = (axis + 1) % 3, (axis + 2) % 3
    lowest = (low0, low1, low2)
    p, r = quad[a], quad[a + 2]
    px, py, ph = x[p, u] - lowest[u], x[p, w] - lowest[w], x[p, axis] - lowest[axis]
    rx, ry, rh = x[r, u] - lowest[u], x[r, w] - lowest[w], x[r, axis] - lowest[axis]
    side = px * ry - py * rx  # of the origin: positive if it lies to the left of the diagonal
    m = quad[a + 1] if side > 0 else quad[(a + 3) % 4]
    o = quad[(a + 3) % 4] if side > 0 else quad[a + 1]
    mx, my, mh = x[m, u] - lowest[u], x[m, w] - lowest[w], x[m, axis] - lowest[axis]
    ox, oy, oh = x[o, u] - lowest[u], x[o, w] - lowest[w], x[o, axis] - lowest[axis]
    dx, dy = rx - px, ry - py
    cross = dx * my - dy * mx
    if abs(cross) < 1e-9:
        return False
    t = (dx * py - dy * px) / cross  # the diagonal meets the spoke at t (mx, my)
    if t < 0 or t > 1 - clearance:
        return False
    f = ((t * mx - px) * dx + (t * my - py) * dy) / (dx * dx + dy * dy)
    height = ph + f * (rh - ph)
    if height < t * mh + clearance * (1 - t) or height > t * mh + (1 - t) * (1 - clearance):
        return False
    area = (px - ox) * (ry - oy) - (py - oy) * (rx - ox)
    if abs(area) < 1e-9:
        return False
    wp, wr = (rx * oy - ry * ox) / area, (ox * py - oy * px) / area
    height = wp * ph + wr * rh + (1 - wp - wr) * oh
    return clearance <= height <= 1 - clearance


@njit_kernel
def _length2(x: Any, i: int, j: int, metric: Any) -> float:
    """Squared length of the segment between vertices i and j."""
    total = 0.0
    for a in range(3):
        for b in range(3):
            total += metric[a, b] * (x[j, a] - x[i, a]) * (x[j, b] - x[i, b])
    return total


@njit_kernel
def _choose_cuts(x: Any, quads: Any, axes: Any, low: Any, metric: Any, cut: Any) -> None:
    """Write 0 or 1 for a diagonal from corner 0 or 1, 2 for a joining vertex, to cut (Q,)."""
    for q in range(len(quads)):
        quad = quads[q]
        b = quad[2]
        l0, l1, l2 = np.floor(low[b, 0]), np.floor(low[b, 1]), np.floor(low[b, 2])
        first = 0
        if _length2(x, quad[1], quad[3], metric) < _length2(x, quad[0], quad[2], metric):
            first = 1
        if _diagonal_fits(x, quad, first, axes[q], l0, l1, l2, CLEARANCE):
            cut[q] = first
        elif _diagonal_fits(x, quad, 1 - first, axes[q], l0, l1, l2, CLEARANCE):
            cut[q] = 1 - first
        else:
            cut[q] = 2


@njit_kernel
def _join(
    x: Any,
    corners: Any,
    size: int,
    axis: int,
    lowest: Any,
    joint: int,
    n_vertices: int,
    joints: Any,
    faces: Any,
    n: int,
) -> int:
    """Write joining vertex `joint` of a polygon, at the mean of its corners along the pair, and its triangles from n."""
    mean = 0.0
    for m in range(size):
        mean += x[corners[m], axis] / size
    for a in range(3):
        joints[joint, a] = lowest[a]
    joints[joint, axis] = min(max(mean, lowest[axis] + BETWEEN), lowest[axis] + 1 - BETWEEN)
    for m in range(size):
        faces[n, 0], faces[n, 1], faces[n, 2] = corners[m], corners[(m + 1) % size], n_vertices + joint
        n += 1
    return n


@njit_kernel
def _write(
    x: Any, low: Any, quads: Any, quad_labels: Any, quad_axis: Any, cut: Any, polygons: Any, polygon_labels: Any,
    polygon_axis: Any, polygon_voxel: Any, joints: Any, faces: Any, labels: Any,
) -> None:  # fmt: skip
    """Write joining vertices, triangles and their labels."""
    n, joint = 0, 0
    lowest = np.empty(3)
    for q in range(len(quads)):
        begin, quad = n, quads[q]
        if cut[q] == 2:
            for a in range(3):
                lowest[a] = np.floor(low[quad[2], a])
            n = _join(x, quad, 4, quad_axis[q], lowest, joint, len(x), joints, faces, n)
            joint += 1
        else:
            c = cut[q]
            faces[n, 0], faces[n, 1], faces[n, 2] = quad[c], quad[c + 1], quad[c + 2]
            faces[n + 1, 0], faces[n + 1, 1], faces[n + 1, 2] = quad[c], quad[c + 2], quad[(c + 3) % 4]
            n += 2
        for m in range(begin, n):
            labels[m, 0], labels[m, 1] = quad_labels[q, 0], quad_labels[q, 1]
    for p in range(len(polygons)):
        begin, polygon = n, polygons[p]
        size = 0
        while size < 8 and polygon[size] >= 0:
            size += 1
        if polygon_axis[p] == FLAT:
            for m in range(1, size - 1):
                faces[n, 0], faces[n, 1], faces[n, 2] = polygon[0], polygon[m], polygon[m + 1]
                n += 1
        else:
            for a in range(3):
                lowest[a] = polygon_voxel[p, a]
            n = _join(x, polygon, size, polygon_axis[p], lowest, joint, len(x), joints, faces, n)
            joint += 1
        for m in range(begin, n):
            labels[m, 0], labels[m, 1] = polygon_labels[p, 0], polygon_labels[p, 1]
