"""Visibility, computed outside of autograd: the face at each pixel's centre, and the points at which the visible face changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lift3d.geometry.render.discontinuities import crossings
from lift3d.geometry.render.face_ids import face_ids
from lift3d.nets.renderer.scene import Surface


@dataclass(frozen=True, eq=False)
class Crossings:
    """Crossings of silhouettes with the central rows and columns of pixels, over all pictures. image, pixel (N,) int64 (flat
    index); axis (N,): 0 along the row, 1 along the column; line (N,): the fixed coordinate; start (N,): the pixel's first
    coordinate along the axis; ends (N, 2): vertices of the edge; late (N,) bool: after the pixel's centre; faces (N, 2): on
    both sides, -1 for the background."""

    image: Tensor
    pixel: Tensor
    axis: Tensor
    line: Tensor
    start: Tensor
    ends: Tensor
    late: Tensor
    faces: Tensor


def rasterize(
    p: Tensor, lens: Tensor, surface: Surface, size: tuple[int, int], antialias: bool
) -> tuple[np.ndarray, Crossings]:
    """Face ids (B, H, W) int32 at the pixel centres, and the crossings (none without `antialias`). Gradients do not pass."""
    points, grids = p.detach().cpu().numpy(), lens.detach().cpu().numpy()
    f, (w, h) = surface.faces.cpu().numpy(), size

    def one(i: int) -> tuple[np.ndarray, list[np.ndarray]]:
        grid = tuple(float(g) for g in grids[i])
        ids = face_ids(points[i], f, grid, size)
        if not antialias:
            return ids, []
        c = crossings(points[i], f, surface.edges, grid, ids)
        rows, axis = np.arange(len(c.edge)), c.axis.astype(np.int64)
        flat = (i * h + c.pixel[:, 1].astype(np.int64)) * w + c.pixel[:, 0]
        start, line = c.pixel[rows, axis].astype(np.float64), c.pixel[rows, 1 - axis] + 0.5
        return ids, [
            np.full(len(rows), i),
            flat,
            axis,
            line,
            start,
            surface.edges.ends[c.edge],
            c.after_centre,
            c.faces,
        ]

    # Torch's number of threads: a query for numba's number starts numba's threads, which resets torch's.
    threads = min(len(points), torch.get_num_threads())
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(one, range(len(points))))
    else:
        done = [one(i) for i in range(len(points))]
    ids = np.stack([d[0] for d in done])
    if not antialias:
        empty = torch.zeros(0, dtype=torch.int64)
        return ids, Crossings(empty, empty, empty, empty, empty, empty, empty, empty)
    rows = [d[1] for d in done]
    joined = (torch.from_numpy(np.concatenate(column)).to(p.device) for column in zip(*rows))
    return ids, Crossings(*(t.long() if t.dtype == torch.int32 else t for t in joined))
