"""Part of a thing's surface to the space that the whole fills: a network that has seen many things guesses what is missing.

The surface comes as samples with outward normals, even over its area (`geometry.distances.sample_surface` of a mesh); nothing
is said of where it was cut or seen from. The network is asked about the part, its mirror images and its quarter turn, and the
mean of what is said is taken. Where the guess runs into the frame's wall it is asked again in a larger frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.completion.partial_frame import fit_partial_frame, partial_voxels
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import POINTS_IN_GRID, PROBABILITIES
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, Points, Voxels

if TYPE_CHECKING:
    import torch

NAME = "points_to_voxels"
MIN_POINTS = 100
"""Samples that say anything."""
FRAME_MARGINS = (0.8, 1.4)
"""Of the frame, tried one after the other until the guess lies inside it."""
WALL_WIDTH, MAX_AT_WALL = 2, 12
"""Cells from the frame's wall in which no more than so many may be full."""
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
    """weights: a run's folder or a weights file; the package's own if not given. asked: about how many of the 8 ways to lay
    the part, mirrored and turned, the network is asked; 1 is the quickest."""

    weights: str | None = None
    augmentations: int = 8

    def apply(self, source: Points, context: Context) -> Voxels:
        if source.normals is None:
            raise InputError(
                "the points have no normals, and without them nothing says which side is outside",
                "write them with the points (most scanning programs can)",
            )
        if len(source) < MIN_POINTS:
            raise InputError(f"there are only {len(source)} points", f"give {MIN_POINTS} or more")
        if not 1 <= self.augmentations <= SYMMETRIES:
            raise InputError(f"augmentations = {self.augmentations}", f"give 1 to {SYMMETRIES}")
        from lift3d.inference.networks import load_network

        net, found = load_network(NAME, self.weights)
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
    """Full cells beside the frame's wall."""
    inner = np.zeros(share.shape, bool)
    inner[(slice(WALL_WIDTH, -WALL_WIDTH),) * 3] = True
    return int(((share > level) & ~inner).sum())


def predict_occupancy(net: torch.nn.Module, cells: F32, augmentations: int = SYMMETRIES) -> F32:
    """(64, 64, 64) shares in [0, 1]: the mean over so many ways to lay (5, 64, 64, 64)."""
    import torch

    from lift3d.inference.networks import inference_mode

    total = np.zeros(cells.shape[1:], np.float32)
    device = next(net.parameters()).device
    with inference_mode():
        for move in range(augmentations):
            said = net(torch.from_numpy(apply_symmetry(cells, move)[None]).to(device))
            total += undo_symmetry(torch.sigmoid(said.float())[0].cpu().numpy(), move)
    return total / np.float32(augmentations)


def apply_symmetry(cells: F32, move: int) -> F32:
    """(5, X, Y, Z) with x mirrored (move & 1), y mirrored (& 2), x and y exchanged (& 4); normals with their places."""
    out = cells.copy()
    for axis in (0, 1):
        if move >> axis & 1:
            out = np.flip(out, axis + 1).copy()
            out[1 + axis] *= -1
    if move & 4:
        out = out.transpose(0, 2, 1, 3)[[0, 2, 1, 3, 4]]
    return np.ascontiguousarray(out)


def undo_symmetry(share: F32, move: int) -> F32:
    """The inverse of `laid` for (X, Y, Z)."""
    if move & 4:
        share = share.transpose(1, 0, 2)
    for axis in (0, 1):
        if move >> axis & 1:
            share = np.flip(share, axis)
    return share
