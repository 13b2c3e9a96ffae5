"""Points of a partial surface to the occupancy of the complete shape, predicted by a network.

The points are uniform samples with outward normals (`geometry.mesh.distances.sample_surface` of a mesh); where the surface was
cut is unknown. The prediction is the mean over reflections and a quarter rotation of the input (test-time augmentation). If it
touches the boundary of the grid, it is repeated on a larger grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.completion.partial_frame import fit_partial_frame, partial_voxels
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import POINTS_IN_GRID, PROBABILITIES
from lift3d.inference.network import open_network
from lift3d.inference.runtimes import Network
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, Points, Voxels

NAME = "points_to_voxels"
MIN_POINTS = 100
"""Fewest points that are accepted."""
FRAME_MARGINS = (0.8, 1.4)
"""Margins of the grid around the points, tried in order until the prediction lies inside."""
WALL_WIDTH, MAX_AT_WALL = 2, 12
"""Width of the boundary layer in voxels, and the number of voxels in it that may be occupied."""
SYMMETRIES = 8


@register(
    Card(
        NAME, "Points", "Voxels",
        (PROBABILITIES, POINTS_IN_GRID, SAME_BYTES),
        "learned", "Ronneberger et al. 2015; Dai, Qi & Niessner 2017",
    )
)  # fmt: skip
@dataclass(frozen=True)
class PointsToVoxels(Mapping[Points, Voxels]):
    """weights: a run's folder or a weights file; the package's own if not given. augmentations: number of the 8
    symmetries of the grid over which predictions are averaged; 1 is the fastest. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    augmentations: int = 8
    runtime: str | None = None

    def apply(self, source: Points, context: Context) -> Voxels:
        if source.normals is None:
            raise InputError(
                "the points have no normals, and without them the outside is unknown",
                "write them with the points (most scanning programs can)",
            )
        if len(source) < MIN_POINTS:
            raise InputError(f"there are only {len(source)} points", f"give {MIN_POINTS} or more")
        if not 1 <= self.augmentations <= SYMMETRIES:
            raise InputError(f"augmentations = {self.augmentations}", f"give 1 to {SYMMETRIES}")
        net = open_network(NAME, self.weights, self.runtime)
        found = net.found
        level = found.threshold
        normals = source.normals.astype(np.float64)
        for number, reach in enumerate(FRAME_MARGINS):
            context.progress(NAME, 0.2 + 0.4 * number)
            frame = fit_partial_frame(source.xyz, normals, reach)
            share = predict_occupancy(net, partial_voxels(source.xyz, normals, frame), self.augmentations)
            if count_at_wall(share, level) <= MAX_AT_WALL:
                break
        context.note(
            NAME, weights=found.name, level=level, reach=reach, frame=round(frame.side, 6), points=len(source)
        )
        return Voxels(share, frame.affine, "occupancy", level)


def count_at_wall(share: F32, level: float) -> int:
    """Number of occupied voxels in the boundary layer of the grid."""
    inner = np.zeros(share.shape, bool)
    inner[(slice(WALL_WIDTH, -WALL_WIDTH),) * 3] = True
    return int(((share > level) & ~inner).sum())


def predict_occupancy(net: Network, cells: F32, augmentations: int = SYMMETRIES) -> F32:
    """(64, 64, 64) float32 occupancy: the mean of the predictions over symmetries of the input (5, 64, 64, 64)."""
    total = np.zeros(cells.shape[1:], np.float32)
    for move in range(augmentations):
        (occupancy,) = net.run("complete", apply_symmetry(cells, move)[None])
        total += undo_symmetry(occupancy[0], move)
    return total / np.float32(augmentations)


def apply_symmetry(cells: F32, move: int) -> F32:
    """(5, X, Y, Z) with x reflected (move & 1), y reflected (& 2), x and y exchanged (& 4); normals are transformed too."""
    out = cells.copy()
    for axis in (0, 1):
        if move >> axis & 1:
            out = np.flip(out, axis + 1).copy()
            out[1 + axis] *= -1
    if move & 4:
        out = out.transpose(0, 2, 1, 3)[[0, 2, 1, 3, 4]]
    return np.ascontiguousarray(out)


def undo_symmetry(share: F32, move: int) -> F32:
    """The inverse of `apply_symmetry`, for occupancy (X, Y, Z)."""
    if move & 4:
        share = share.transpose(1, 0, 2)
    for axis in (0, 1):
        if move >> axis & 1:
            share = np.flip(share, axis)
    return share
