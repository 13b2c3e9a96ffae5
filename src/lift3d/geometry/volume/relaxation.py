"""Smoothing of a surface net whose vertices stay in their boxes, with the volume of every label restored.

First steps of lambda (x moves towards the mean of its neighbours), then gradient descent with momentum on the sum of |L x|^2, the
thin-plate energy, where L x is the difference of the mean of the neighbours and x; after every step x is projected on its box.
The membrane energy alone (Gibson 1998) leaves facets and loses the volume of thin walls; the thin plate alone needs many more
steps. Where three or more labels meet, the neighbours are those along the junction, which keeps it smooth (Frisken 2022).

The volume is restored by pressures p: the surface between labels a and b moves by p_a - p_b along its normal, and

    sum_b A_ab (p_a - p_b) = wanted volume of a - volume of a,    p = 0 for the background,

with the areas A_ab in square millimetres.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from lift3d.geometry.kernels import njit_kernel, run_in_bands
from lift3d.geometry.volume.net import Net
from lift3d.types import F32, F64

PLATE_STEPS = 40
LAMBDA, PLATE_STEP, MOMENTUM = 0.6, 0.25, 0.9
RESTORE_EVERY, LAST_RESTORES, ENOUGH = 3, 5, 1e-4
"""Restores of the volume: each so many steps, and at most so many at the end, until the largest relative error is below this."""


def relax(net: Net, matrix: F64, volumes: F64, steps: int = PLATE_STEPS, start: F32 | None = None) -> F64:
    """(V, 3) positions of the vertices in indices: smooth, inside their boxes, with these volumes of labels as far as possible.

    matrix (3, 3): index to millimetres. volumes (K,): wanted volumes of the labels 1 ... K in cubic voxels. steps: of the thin
    plate; the membrane takes a quarter of them first.
    """
    neighbours, junction = neighbour_table(net)
    x = net.start.copy() if start is None else start.copy()
    previous, delta = x.copy(), np.empty_like(x)
    for step in range(steps // 4 + steps):
        plate = step >= steps // 4
        if step <= steps // 4:
            previous[:] = x
        if plate:
            ahead = x + np.float32(MOMENTUM) * (x - previous)
            previous, x = x, ahead
        run_in_bands(_laplacian, len(x), _none, x, neighbours, junction, delta)
        if plate:
            run_in_bands(_plate_step, len(x), _none, x, delta, neighbours, junction, net.low, net.high)
        else:
            run_in_bands(_membrane_step, len(x), _none, x, delta, net.low, net.high)
        if step % RESTORE_EVERY == 0:
            before = x.copy()
            restore_volumes(net, x, matrix, volumes)
            previous += x - before  # no momentum from here
    for _ in range(LAST_RESTORES):
        if restore_volumes(net, x, matrix, volumes) < ENOUGH:
            break
    return x.astype(np.float64)


def net_volumes(net: Net, x: F32, matrix: F64, k: int) -> F64:
    """(K,) volumes of the labels 1 ... K in cubic voxels, with vertices at x (V, 3)."""
    found, areas = np.zeros(k + 1), np.zeros((k + 1, k + 1))
    cofactor = np.linalg.inv(matrix).T * abs(np.linalg.det(matrix))
    _measure(x, net.quads, net.quad_labels, cofactor, found, areas)
    _measure(x, net.polygons, net.polygon_labels, cofactor, found, areas)
    return found[1:]


def _none() -> None:
    """The scratch of kernels that need none."""


def neighbour_table(net: Net) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """((V, 6) neighbours along sides of polygons, filled with -1; (V,) whether the vertex lies on a junction).

    On a junction: three or more labels meet at the vertex and at two or more of its neighbours, one of which is on a junction."""
    n = len(net.start)
    neighbours = np.full((n, 6), -1, np.int32)
    least, most = np.full(n, 65535, np.uint16), np.zeros(n, np.uint16)
    several = np.zeros(n, np.bool_)
    for corners, labels in ((net.quads, net.quad_labels), (net.polygons, net.polygon_labels)):
        _link(corners, neighbours)
        _extremes(corners, labels, least, most)
    for corners, labels in ((net.quads, net.quad_labels), (net.polygons, net.polygon_labels)):
        _mark_others(corners, labels, least, most, several)
    junction = several & (_count_marked(neighbours, several) >= 2)
    return neighbours, junction & (_count_marked(neighbours, junction) >= 1)


def _count_marked(neighbours: NDArray[np.int32], marked: NDArray[np.bool_]) -> NDArray[np.int8]:
    """(V,) how many neighbours of each vertex are marked (V,)."""
    count = np.zeros(len(marked), np.int8)
    for m in range(6):
        count += marked[neighbours[:, m]] & (neighbours[:, m] >= 0)
    return count


def restore_volumes(net: Net, x: F32, matrix: F64, volumes: F64) -> float:
    """Move x (V, 3) in place, inside the boxes, towards the wanted volumes (K,) of the labels 1 ... K in cubic voxels.

    Returns the largest relative error of a volume before."""
    k = len(volumes) + 1
    unit = abs(np.linalg.det(matrix))
    cofactor = np.linalg.inv(matrix).T * unit
    found, areas = np.zeros(k), np.zeros((k, k))
    _measure(x, net.quads, net.quad_labels, cofactor, found, areas)
    _measure(x, net.polygons, net.polygon_labels, cofactor, found, areas)
    areas = areas + areas.T
    system = sparse.csc_matrix(np.diag(areas.sum(1)) - areas + 1e-9 * np.eye(k))[1:, 1:]
    pressure = np.zeros(k)
    pressure[1:] = spsolve(system, (volumes - found[1:]) * unit)
    shift, weight = np.zeros_like(x), np.zeros(len(x), np.float32)
    _push(x, net.quads, net.quad_labels, cofactor, pressure, shift, weight)
    _push(x, net.polygons, net.polygon_labels, cofactor, pressure, shift, weight)
    _move(x, shift, weight, np.linalg.inv(matrix), net.low, net.high)
    return float((np.abs(volumes - found[1:]) / np.maximum(volumes, 1)).max())


@njit_kernel
def _link(corners: Any, neighbours: Any) -> None:
    """Enter the ends of the sides of polygons (P, n) as neighbours of each other."""
    for p in range(len(corners)):
        size = corners.shape[1]
        while corners[p, size - 1] < 0:
            size -= 1
        for m in range(size):
            a, b = corners[p, m], corners[p, (m + 1) % size]
            for here, other in ((a, b), (b, a)):
                for s in range(6):
                    if neighbours[here, s] == other:
                        break
                    if neighbours[here, s] < 0:
                        neighbours[here, s] = other
                        break


@njit_kernel
def _extremes(corners: Any, labels: Any, least: Any, most: Any) -> None:
    """Lower `least` and raise `most` (V,) to the labels of the polygons at each vertex."""
    for p in range(len(corners)):
        low, high = min(labels[p, 0], labels[p, 1]), max(labels[p, 0], labels[p, 1])
        for m in range(corners.shape[1]):
            if corners[p, m] >= 0:
                least[corners[p, m]] = min(least[corners[p, m]], low)
                most[corners[p, m]] = max(most[corners[p, m]], high)


@njit_kernel
def _mark_others(corners: Any, labels: Any, least: Any, most: Any, several: Any) -> None:
    """Set several (V,) where a polygon has a label that is neither the least nor the largest at the vertex."""
    for p in range(len(corners)):
        for m in range(corners.shape[1]):
            v = corners[p, m]
            if v >= 0:
                for s in range(2):
                    if labels[p, s] != least[v] and labels[p, s] != most[v]:
                        several[v] = True


@njit_kernel
def _laplacian(
    first: int, last: int, scratch: None, x: Any, neighbours: Any, junction: Any, out: Any
) -> None:
    """out = mean of the neighbours - x; on a junction only neighbours on a junction count."""
    for v in range(first, last):
        count, sx, sy, sz = 0, 0.0, 0.0, 0.0
        for m in range(6):
            n = neighbours[v, m]
            if n < 0:
                break
            if junction[n] or not junction[v]:
                count += 1
                sx += x[n, 0]
                sy += x[n, 1]
                sz += x[n, 2]
        out[v, 0], out[v, 1], out[v, 2] = sx / count - x[v, 0], sy / count - x[v, 1], sz / count - x[v, 2]


@njit_kernel
def _membrane_step(first: int, last: int, scratch: None, x: Any, delta: Any, low: Any, high: Any) -> None:
    """x moves by 0.6 of its difference to the mean of the neighbours, inside its box."""
    for v in range(first, last):
        for a in range(3):
            x[v, a] = min(max(x[v, a] + np.float32(LAMBDA) * delta[v, a], low[v, a]), high[v, a])


@njit_kernel
def _plate_step(
    first: int,
    last: int,
    scratch: None,
    x: Any,
    delta: Any,
    neighbours: Any,
    junction: Any,
    low: Any,
    high: Any,
) -> None:
    """x moves against the gradient of |delta|^2 / 2, inside its box."""
    for v in range(first, last):
        gx, gy, gz = -delta[v, 0], -delta[v, 1], -delta[v, 2]
        for m in range(6):
            n = neighbours[v, m]
            if n < 0:
                break
            if junction[n] and not junction[v]:
                continue
            count = 0
            for s in range(6):
                o = neighbours[n, s]
                if o >= 0 and (junction[o] or not junction[n]):
                    count += 1
            gx += delta[n, 0] / count
            gy += delta[n, 1] / count
            gz += delta[n, 2] / count
        x[v, 0] = min(max(x[v, 0] - np.float32(PLATE_STEP) * gx, low[v, 0]), high[v, 0])
        x[v, 1] = min(max(x[v, 1] - np.float32(PLATE_STEP) * gy, low[v, 1]), high[v, 1])
        x[v, 2] = min(max(x[v, 2] - np.float32(PLATE_STEP) * gz, low[v, 2]), high[v, 2])


@njit_kernel
def _normal(x: Any, corners: Any, size: int, cofactor: Any, out: Any) -> float:
    """Write the vector area of a polygon in square millimetres to out (3,); returns its volume in cubic voxels, the mean of its
    two triangulations for a quadrilateral and of the fan from its mean for others."""
    mx, my, mz = 0.0, 0.0, 0.0
    for m in range(size):
        mx += x[corners[m], 0] / size
        my += x[corners[m], 1] / size
        mz += x[corners[m], 2] / size
    nx, ny, nz = 0.0, 0.0, 0.0
    for m in range(size):
        p, q = corners[m], corners[(m + 1) % size]
        ax, ay, az = x[p, 0] - mx, x[p, 1] - my, x[p, 2] - mz
        bx, by, bz = x[q, 0] - mx, x[q, 1] - my, x[q, 2] - mz
        nx += (ay * bz - az * by) / 2
        ny += (az * bx - ax * bz) / 2
        nz += (ax * by - ay * bx) / 2
    for a in range(3):
        out[a] = cofactor[a, 0] * nx + cofactor[a, 1] * ny + cofactor[a, 2] * nz
    return (mx * nx + my * ny + mz * nz) / 3


@njit_kernel
def _size(corners: Any) -> int:
    """Number of corners of a row that is filled with -1."""
    size = len(corners)
    while corners[size - 1] < 0:
        size -= 1
    return size


@njit_kernel
def _measure(x: Any, corners: Any, labels: Any, cofactor: Any, volume: Any, areas: Any) -> None:
    """Add the polygons (P, n) to the volumes of labels (K + 1,) in cubic voxels and to the areas between them in mm^2."""
    n = np.empty(3)
    for p in range(len(corners)):
        part = _normal(x, corners[p], _size(corners[p]), cofactor, n)
        a, b = labels[p, 0], labels[p, 1]
        volume[a] += part
        volume[b] -= part
        areas[a, b] += np.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2)


@njit_kernel
def _push(x: Any, corners: Any, labels: Any, cofactor: Any, pressure: Any, shift: Any, weight: Any) -> None:
    """Add the pressures on the polygons to shift (V, 3), and their areas to weight (V,)."""
    n = np.empty(3)
    for p in range(len(corners)):
        size = _size(corners[p])
        _normal(x, corners[p], size, cofactor, n)
        area = np.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2)
        d = pressure[labels[p, 0]] - pressure[labels[p, 1]]
        for m in range(size):
            v = corners[p, m]
            weight[v] += area / size
            for a in range(3):
                shift[v, a] += n[a] * d / size


@njit_kernel
def _move(x: Any, shift: Any, weight: Any, inverse: Any, low: Any, high: Any) -> None:
    """Move the vertices by shift / weight millimetres, inside their boxes; inverse: millimetres to indices."""
    for v in range(len(x)):
        if weight[v] <= 0:
            continue
        for a in range(3):
            d = (
                inverse[a, 0] * shift[v, 0] + inverse[a, 1] * shift[v, 1] + inverse[a, 2] * shift[v, 2]
            ) / weight[v]
            x[v, a] = min(max(x[v, a] + d, low[v, a]), high[v, a])
