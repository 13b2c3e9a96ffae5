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
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, Points, Voxels

if TYPE_CHECKING:
    import torch

NAME = "points_to_voxels"
FEWEST = 100
"""Samples that say anything."""
REACHES = (0.8, 1.4)
"""Of the frame, tried one after the other until the guess lies inside it."""
WALL, TOUCHES = 2, 12
"""Cells from the frame's wall in which no more than so many may be full."""
MOVES = 8


@register(
    Card(
        NAME, "Points", "Voxels",
        ("occupancy in a frame that holds the known part and room for the rest", "same points, same bytes"),
        "learned", "Ronneberger et al. 2015; Dai, Qi & Niessner 2017",
    )
)  # fmt: skip
@dataclass(frozen=True)
class PointsToVoxels(Mapping[Points, Voxels]):
    """weights: a run's folder or a weights file; the package's own if not given. asked: about how many of the 8 ways to lay
    the part, mirrored and turned, the network is asked; 1 is the quickest."""

    weights: str | None = None
    asked: int = 8

    def apply(self, source: Points, context: Context) -> Voxels:
        if source.normals is None:
            raise InputError(
                "the points have no normals, and without them nothing says which side is outside",
                "write them with the points (most scanning programs can)",
            )
        if len(source) < FEWEST:
            raise InputError(f"there are only {len(source)} points", f"give {FEWEST} or more")
        if not 1 <= self.asked <= MOVES:
            raise InputError(f"asked = {self.asked}", f"give 1 to {MOVES}")
        from lift3d.inference.networks import load_network

        net, found = load_network(NAME, self.weights)
        level = found.threshold
        normals = source.normals.astype(np.float64)
        for number, reach in enumerate(REACHES):
            context.progress(NAME, 0.2 + 0.4 * number)
            frame = fit_partial_frame(source.xyz, normals, reach)
            share = ask(net, partial_voxels(source.xyz, normals, frame), self.asked)
            if touching(share, level) <= TOUCHES:
                break
        context.note(
            NAME, weights=found.name, level=level, reach=reach, frame=round(frame.side, 6), points=len(source)
        )
        return Voxels(share, frame.affine, "occupancy", level)


def touching(share: F32, level: float) -> int:
    """Full cells beside the frame's wall."""
    inner = np.zeros(share.shape, bool)
    inner[(slice(WALL, -WALL),) * 3] = True
    return int(((share > level) & ~inner).sum())


def ask(net: torch.nn.Module, cells: F32, asked: int = MOVES) -> F32:
    """(64, 64, 64) shares in [0, 1]: the mean over so many ways to lay (5, 64, 64, 64)."""
    import torch

    from lift3d.inference.networks import inference_mode

    total = np.zeros(cells.shape[1:], np.float32)
    device = next(net.parameters()).device
    with inference_mode():
        for move in range(asked):
            said = net(torch.from_numpy(laid(cells, move)[None]).to(device))
            total += back(torch.sigmoid(said.float())[0].cpu().numpy(), move)
    return total / np.float32(asked)


def laid(cells: F32, move: int) -> F32:
    """(5, X, Y, Z) with x mirrored (move & 1), y mirrored (& 2), x and y exchanged (& 4); normals with their places."""
    out = cells.copy()
    for axis in (0, 1):
        if move >> axis & 1:
            out = np.flip(out, axis + 1).copy()
            out[1 + axis] *= -1
    if move & 4:
        out = out.transpose(0, 2, 1, 3)[[0, 2, 1, 3, 4]]
    return np.ascontiguousarray(out)


def back(share: F32, move: int) -> F32:
    """The inverse of `laid` for (X, Y, Z)."""
    if move & 4:
        share = share.transpose(1, 0, 2)
    for axis in (0, 1):
        if move >> axis & 1:
            share = np.flip(share, axis)
    return share
