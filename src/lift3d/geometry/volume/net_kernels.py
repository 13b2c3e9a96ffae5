"""Kernels of `net`: they walk through a label map plane by plane and count or write the vertices and polygons of its net.

At step i the planes i - 1, i, i + 1 are at hand, padded by a voxel of background on each side, and the cells below (slab 0) and
above (slab 1) plane i. Padded voxel (j, k) is voxel (j - 1, k - 1); cell (j, k) lies between the padded voxels (j, k) and
(j + 1, k + 1). A step writes the vertices of the cells above, the polygons across pairs along the first axis above the plane, and
across pairs in the plane, the octahedra of the cells below, and the squares of the cells above.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.geometry.volume.cells import AMBIGUOUS, classify_cell, corner_labels, low_faces_pinched

FLAT = 3
"""The axis of a polygon that lies across no pair of voxels: part of an octahedron or a square."""


@njit_kernel
def _load(ids: Any, lookup: Any, i: int, plane: Any) -> None:
    """Write the labels of plane i of the map, 0 outside of it, to the inner part of plane (J + 2, K + 2)."""
    if i < 0 or i >= ids.shape[0]:
        plane[:] = 0
        return
    for j in range(ids.shape[1]):
        for k in range(ids.shape[2]):
            plane[j + 1, k + 1] = lookup[ids[i, j, k]]


@njit_kernel
def _classify(
    below: Any, above: Any, regular: Any, state: Any, pinched: Any, first: Any, winner: Any, n: int
) -> int:
    """Classify the cells between two planes and number their vertices from n; returns the next number.

    A regular cell has one vertex; an ambiguous one has the six of an octahedron and four for each pinched low face."""
    corner = np.empty(8, np.uint16)
    for j in range(state.shape[0]):
        for k in range(state.shape[1]):
            state[j, k] = 0
            pinched[j, k] = 0
            if not corner_labels(below, above, j, k, corner):
                continue
            kind, label = classify_cell(corner, regular)
            state[j, k], winner[j, k], first[j, k] = kind, label, n
            n += 1
            if kind == AMBIGUOUS:
                bits = low_faces_pinched(corner)
                pinched[j, k] = bits
                n += 5 + 4 * ((bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1))
    return n


@njit_kernel
def _step(ids: Any, lookup: Any, regular: Any, i: int, work: Any, n: int) -> int:
    """Move on to plane i and number the vertices of the cells above it from n; returns the next number."""
    planes, state, pinched, first, winner = work
    planes[0], planes[1] = planes[1], planes[2]
    _load(ids, lookup, i + 1, planes[2])
    state[0], pinched[0], first[0], winner[0] = state[1], pinched[1], first[1], winner[1]
    return _classify(planes[1], planes[2], regular, state[1], pinched[1], first[1], winner[1], n)


@njit_kernel
def _begin(ids: Any, lookup: Any, regular: Any, i: int, work: Any, n: int) -> None:
    """Prepare for `_step` to plane i; n: number of the first vertex of the cells below it."""
    planes, state, pinched, first, winner = work
    planes[:] = 0
    _load(ids, lookup, i - 1, planes[1])
    _load(ids, lookup, i, planes[2])
    _classify(planes[1], planes[2], regular, state[1], pinched[1], first[1], winner[1], n)


@njit_inline
def _cell(axis: int, m: int, j: int, k: int) -> tuple[int, int, int]:
    """(slab, row, column) of cell m of the four around the pair along `axis` from padded voxel (j, k), counter-clockwise.

    With u, w the two axes after `axis`, the cells lie at (-u, -w), (+u, -w), (+u, +w), (-u, +w)."""
    u, w = (m == 1) + (m == 2), (m == 2) + (m == 3)
    if axis == 0:
        return 1, j - 1 + u, k - 1 + w
    if axis == 1:
        return w, j, k - 1 + u
    return u, j - 1 + w, k


@njit_inline
def _port(
    first: Any, pinched: Any, slab: int, j: int, k: int, axis: int, side: int, edge: int, end: int
) -> int:
    """The vertex of ambiguous cell (slab, j, k) at its face (axis, side) for the edge of the face at (edge, end).

    It is a vertex of the octahedron, or a corner of the square if the face is pinched."""
    slot = end if edge == (axis + 1) % 3 else 2 + end
    s, r, c = slab, j, k
    if side == 1:
        s, r, c = slab + (axis == 0), j + (axis == 1), k + (axis == 2)
    if s < 2 and r < first.shape[1] and c < first.shape[2] and pinched[s, r, c] >> axis & 1:
        bits = pinched[s, r, c]
        earlier = 0
        for a in range(axis):
            earlier += bits >> a & 1
        return first[s, r, c] + 6 + 4 * earlier + slot
    return first[slab, j, k] + 2 * axis + side


@njit_kernel
def _across(work: Any, axis: int, j: int, k: int, out: Any) -> tuple[int, bool]:
    """Write the polygon across the pair along `axis` from padded voxel (j, k) to out; (size, whether all cells are regular)."""
    planes, state, pinched, first, winner = work
    u, w = (axis + 1) % 3, (axis + 2) % 3
    size, regular = 0, True
    for m in range(4):
        slab, r, c = _cell(axis, m, j, k)
        if state[slab, r, c] != AMBIGUOUS:
            out[size] = first[slab, r, c]
            size += 1
            continue
        regular = False
        at_u, at_w = 1 - ((m == 1) + (m == 2)), 1 - ((m == 2) + (m == 3))
        by_u = _port(first, pinched, slab, r, c, u, at_u, w, at_w)
        by_w = _port(first, pinched, slab, r, c, w, at_w, u, at_u)
        enter, leave = (by_w, by_u) if m == 0 or m == 2 else (by_u, by_w)
        if size == 0 or out[size - 1] != enter:
            out[size] = enter
            size += 1
        out[size] = leave
        size += 1
    if size > 1 and out[size - 1] == out[0]:
        size -= 1
    return size, regular


@njit_kernel
def _octahedron_face(work: Any, j: int, k: int, corner: int, out: Any) -> int:
    """Write the polygon between the middle of ambiguous cell (0, j, k) and a corner, outward; returns its size."""
    planes, state, pinched, first, winner = work
    size = 0
    for axis in range(3):
        side = corner >> axis & 1
        for d in (2, 1):
            edge = (axis + d) % 3
            vertex = _port(first, pinched, 0, j, k, axis, side, edge, corner >> edge & 1)
            if size == 0 or out[size - 1] != vertex:
                out[size] = vertex
                size += 1
    if ((corner & 1) + (corner >> 1 & 1) + (corner >> 2 & 1)) % 2 == 0:
        for m in range(size // 2):
            out[m], out[size - 1 - m] = out[size - 1 - m], out[m]
    return size


@njit_kernel
def _place(
    i: int, j: int, k: int, kind: int, bits: int, n: int, sizes: Any, start: Any, low: Any, high: Any
) -> None:
    """Write first positions and boxes of the vertices from n of the cell (1, j, k) above plane i."""
    base = (float(i), j - 1.0, k - 1.0)
    if kind != AMBIGUOUS:
        for a in range(3):
            start[n, a] = base[a] + 0.5
            low[n, a] = base[a] + sizes[0]
            high[n, a] = base[a] + 1 - sizes[0]
        return
    for face in range(6):
        for a in range(3):
            start[n, a] = low[n, a] = high[n, a] = base[a] + 0.5
        axis = face >> 1
        if face & 1:
            low[n, axis] += sizes[1]
            start[n, axis] += sizes[2]
            high[n, axis] += sizes[3]
        else:
            low[n, axis] -= sizes[3]
            start[n, axis] -= sizes[2]
            high[n, axis] -= sizes[1]
        n += 1
    for axis in range(3):
        if not bits >> axis & 1:
            continue
        for slot in range(4):
            for a in range(3):
                start[n, a] = low[n, a] = high[n, a] = base[a] + (0.0 if a == axis else 0.5)
            edge = (axis + 1 + slot // 2) % 3
            if slot & 1:
                low[n, edge] += sizes[4]
                start[n, edge] += sizes[5]
                high[n, edge] += sizes[6]
            else:
                low[n, edge] -= sizes[6]
                start[n, edge] -= sizes[5]
                high[n, edge] -= sizes[4]
            n += 1


@njit_kernel
def count_parts(
    first_step: int, last_step: int, work: Any, ids: Any, lookup: Any, regular: Any, counts: Any
) -> None:
    """Write the numbers of vertices, quads and other polygons of the steps to counts (I + 2, 3); step s is plane s - 1."""
    planes, state, pinched, first, winner = work
    for s in range(first_step, last_step):
        i = s - 1
        if s == first_step:
            _begin(ids, lookup, regular, i, work, 0)
        counts[s, 0] = _step(ids, lookup, regular, i, work, 0)
        quads, others = _polygons(
            i, work, False, 0, 0, np.empty((0, 4), np.int32), np.empty((0, 2), np.uint16), np.empty(0, np.uint8),
            np.empty((0, 8), np.int32), np.empty((0, 2), np.uint16), np.empty(0, np.uint8), np.empty((0, 3), np.int32),
        )  # fmt: skip
        counts[s, 1], counts[s, 2] = quads, others


@njit_kernel
def write_parts(
    first_step: int, last_step: int, work: Any, ids: Any, lookup: Any, regular: Any, offsets: Any, sizes: Any,
    start: Any, low: Any, high: Any, quads: Any, quad_labels: Any, quad_axis: Any, polygons: Any, polygon_labels: Any,
    polygon_axis: Any, polygon_voxel: Any,
) -> None:  # fmt: skip
    """Write the parts of the steps behind the offsets (I + 2, 3) of their numbers of vertices, quads and other polygons."""
    planes, state, pinched, first, winner = work
    for s in range(first_step, last_step):
        i = s - 1
        if s == first_step:
            _begin(ids, lookup, regular, i, work, offsets[s - 1, 0] if s > 0 else 0)
        _step(ids, lookup, regular, i, work, offsets[s, 0])
        for j in range(state.shape[1]):
            for k in range(state.shape[2]):
                if state[1, j, k]:
                    _place(i, j, k, state[1, j, k], pinched[1, j, k], first[1, j, k], sizes, start, low, high)
        _polygons(
            i, work, True, offsets[s, 1], offsets[s, 2], quads, quad_labels, quad_axis, polygons, polygon_labels,
            polygon_axis, polygon_voxel,
        )  # fmt: skip


@njit_kernel
def _polygons(
    i: int, work: Any, write: bool, q: int, p: int, quads: Any, quad_labels: Any, quad_axis: Any, polygons: Any,
    polygon_labels: Any, polygon_axis: Any, polygon_voxel: Any,
) -> tuple[int, int]:  # fmt: skip
    """Write the quads of step i from number q and its other polygons from number p, or only count them; the next numbers."""
    planes, state, pinched, first, winner = work
    out = np.empty(8, np.int32)
    corner = np.empty(8, np.uint16)
    rows, columns = planes.shape[1], planes.shape[2]
    for j in range(rows - 1):
        for k in range(columns - 1):
            for axis in range(3):
                if (axis != 1 and j == 0) or (axis != 2 and k == 0):
                    continue
                a = planes[1, j, k]
                b = planes[1 + (axis == 0), j + (axis == 1), k + (axis == 2)]
                if a == b:
                    continue
                size, regular = _across(work, axis, j, k, out)
                if regular:
                    if write:
                        for m in range(4):
                            quads[q, m] = out[m]
                        quad_labels[q, 0], quad_labels[q, 1], quad_axis[q] = a, b, axis
                    q += 1
                    continue
                if write:
                    for m in range(size):
                        polygons[p, m] = out[m]
                    polygon_labels[p, 0], polygon_labels[p, 1], polygon_axis[p] = a, b, axis
                    polygon_voxel[p, 0], polygon_voxel[p, 1], polygon_voxel[p, 2] = i, j - 1, k - 1
                p += 1
            if state[0, j, k] == AMBIGUOUS:
                corner_labels(planes[0], planes[1], j, k, corner)
                for c in range(8):
                    if corner[c] == winner[0, j, k]:
                        continue
                    if write:
                        size = _octahedron_face(work, j, k, c, out)
                        for m in range(size):
                            polygons[p, m] = out[m]
                        polygon_labels[p, 0], polygon_labels[p, 1] = winner[0, j, k], corner[c]
                        polygon_axis[p] = FLAT
                    p += 1
            for axis in range(3):
                if not pinched[1, j, k] >> axis & 1:
                    continue
                below = winner[1 - (axis == 0), j - (axis == 1), k - (axis == 2)]
                if below == winner[1, j, k]:
                    continue
                if write:
                    for m in range(4):
                        slot = (1, 3, 0, 2)[m]
                        polygons[p, m] = _port(
                            first, pinched, 1, j, k, axis, 0, (axis + 1 + slot // 2) % 3, slot & 1
                        )
                    polygon_labels[p, 0], polygon_labels[p, 1] = below, winner[1, j, k]
                    polygon_axis[p] = FLAT
                p += 1
    return q, p
