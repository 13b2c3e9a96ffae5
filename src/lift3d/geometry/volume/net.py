"""Surface nets of label maps: one vertex in each cell with several labels, one polygon across each pair of unlike neighbours.

Gibson, "Constrained elastic surface nets", 1998; for several labels Frisken, "SurfaceNets for multi-label segmentations", 2022.
All labels share the vertices, so that neighbours fit exactly. In an ambiguous cell (see `cells`) an octahedron of the winning
label replaces the vertex; where two such cells share a face with a label in opposite corners only, the octahedra are joined
through a small square on that face. Then every label is a manifold, whatever the label map.

Every vertex has a box in which it may move. The net does not intersect itself for any positions in these boxes (Ju & Udeshi,
"Intersection-free contouring on an octree grid", 2006): a polygon stays in the tetrahedra between its voxel pair and its sides.
Coordinates are indices: voxel centres are integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.kernels import run_in_bands
from lift3d.geometry.volume.cells import REGULAR
from lift3d.geometry.volume.net_kernels import count_parts, write_parts
from lift3d.types import F32

MARGIN = 0.05
"""Least distance in voxels between a vertex and the walls of its cell."""
OCTAHEDRON = (0.2, 0.3, 0.4)
"""Least, first and largest distance in voxels of the vertices of an octahedron from the centre of its cell."""
SQUARE = (0.1, 0.2, 0.3)
"""The same for the corners of a square from the centre of its face."""


@dataclass(frozen=True, eq=False)
class Net:
    """A surface net of labels numbered from 0, the background.

    start, low, high (V, 3) float32: first positions and boxes of the vertices. quads (Q, 4) int32: polygons among four
    regular cells; the lower voxel is the lowest corner of the cell of quads[:, 2]. quad_labels (Q, 2): of the lower
    and the upper voxel; counter-clockwise seen from the upper one. quad_axis (Q,): direction of the pair. polygons (P, 8) int32,
    filled with -1, polygon_labels (P, 2), polygon_axis (P,), `FLAT` for the faces of octahedra and squares; polygon_voxel (P, 3):
    lower voxel.
    """

    start: F32
    low: F32
    high: F32
    quads: NDArray[np.int32]
    quad_labels: NDArray[np.uint16]
    quad_axis: NDArray[np.uint8]
    polygons: NDArray[np.int32]
    polygon_labels: NDArray[np.uint16]
    polygon_axis: NDArray[np.uint8]
    polygon_voxel: NDArray[np.int32]


def build_net(ids: NDArray[np.unsignedinteger], lookup: NDArray[np.uint16]) -> Net:
    """The net of ids (I, J, K), whose labels are lookup[id] (numbers from 0, the background). Outside of the grid is background.

    One plane of voxels at a time is looked up, so that a large map is not copied. Raises InputError for a net beyond int32."""
    slabs = ids.shape[0] + 2
    counts = np.zeros((slabs, 3), np.int64)
    shape = (ids.shape[1], ids.shape[2])

    def scratch() -> tuple[Any, ...]:
        planes = np.zeros((3, shape[0] + 2, shape[1] + 2), np.uint16)
        cells = (2, shape[0] + 1, shape[1] + 1)
        return (
            planes,
            np.zeros(cells, np.uint8),
            np.zeros(cells, np.uint8),
            np.zeros(cells, np.int32),
            np.zeros(cells, np.uint16),
        )

    run_in_bands(count_parts, slabs, scratch, ids, lookup, REGULAR, counts)
    offsets = np.cumsum(counts, 0) - counts
    total = counts.sum(0)
    if total.max() >= 2**31 // 3:
        raise InputError(f"the surface would have {total[1]} faces", "use a coarser volume or fewer labels")
    v, q, p = map(int, total)
    start = np.empty((v, 3), np.float32)
    low, high = np.empty((v, 3), np.float32), np.empty((v, 3), np.float32)
    quads, quad_labels, quad_axis = (
        np.empty((q, 4), np.int32),
        np.empty((q, 2), np.uint16),
        np.empty(q, np.uint8),
    )
    polygons, polygon_labels = np.full((p, 8), -1, np.int32), np.empty((p, 2), np.uint16)
    polygon_axis, polygon_voxel = np.empty(p, np.uint8), np.zeros((p, 3), np.int32)
    sizes = np.array([MARGIN, *OCTAHEDRON, *SQUARE], np.float64)
    run_in_bands(
        write_parts, slabs, scratch, ids, lookup, REGULAR, offsets, sizes, start, low, high, quads, quad_labels, quad_axis,
        polygons, polygon_labels, polygon_axis, polygon_voxel,
    )  # fmt: skip
    net = Net(
        start, low, high, quads, quad_labels, quad_axis, polygons, polygon_labels, polygon_axis, polygon_voxel
    )
    return net if p == 0 else _without_unused(net)


def _without_unused(net: Net) -> Net:
    """The net without vertices that no polygon has."""
    used = np.zeros(len(net.start) + 1, np.bool_)
    used[net.quads], used[net.polygons] = True, True
    used[-1] = False
    row = np.append(np.cumsum(used[:-1], dtype=np.int32) - np.int32(1), np.int32(-1))
    keep = used[:-1]
    return Net(
        net.start[keep], net.low[keep], net.high[keep], row[net.quads], net.quad_labels, net.quad_axis,
        row[net.polygons], net.polygon_labels, net.polygon_axis, net.polygon_voxel,
    )  # fmt: skip
