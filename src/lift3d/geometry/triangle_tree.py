"""A balanced tree of boxes over triangles: one build, used by distances, rays and winding numbers.

The tree is implicit: node i has children 2i + 1 and 2i + 2, every leaf holds the same number of slots, and
the build splits every box of a level at the median of its longest axis at once (Bentley 1975, k-d trees).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

LEAF = 6


@dataclass(frozen=True, eq=False)
class TriangleTree:
    """corners (F, 3, 3) in tree order; faces (F,) original ids; leaf l holds rows starts[l]:starts[l + 1];
    boxes (2L - 1, 6) as min xyz, max xyz; node L - 1 + l is leaf l."""

    corners: F64
    faces: NDArray[np.int32]
    starts: NDArray[np.int64]
    boxes: F64

    @cached_property
    def moments(self) -> F64:
        """(2L - 1, 16): area-weighted centre (3), squared radius about it (1), sum of area vectors (3) and
        sum of (triangle centroid - centre) x area vector, row-major (9). For the far field of winding."""
        c = self.corners
        vector = 0.5 * np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])
        area = np.linalg.norm(vector, axis=1)
        centroid = c.mean(1)
        outer = (centroid[:, :, None] * vector[:, None, :]).reshape(-1, 9)
        rows = np.concatenate([area[:, None], area[:, None] * centroid, vector, outer], axis=1)
        sums = np.add.reduceat(rows, self.starts[:-1], axis=0)
        levels = [sums]
        while len(levels[0]) > 1:
            levels.insert(0, levels[0][0::2] + levels[0][1::2])
        total = np.concatenate(levels)
        middle = 0.5 * (self.boxes[:, :3] + self.boxes[:, 3:])
        weight = total[:, :1]
        centre = np.where(weight > 0, total[:, 1:4] / np.where(weight > 0, weight, 1), middle)
        out = np.empty((len(total), 16))
        out[:, :3] = centre
        reach = np.maximum(centre - self.boxes[:, :3], self.boxes[:, 3:] - centre)
        out[:, 3] = (reach**2).sum(1)
        out[:, 4:7] = total[:, 4:7]
        out[:, 7:] = total[:, 7:] - (centre[:, :, None] * total[:, None, 4:7]).reshape(-1, 9)
        return out


def build_tree(v: F64, f: NDArray[np.integer]) -> TriangleTree:
    """The tree of triangles v[f]; v (V, 3) finite, f (F, 3) with F >= 1."""
    corners = np.ascontiguousarray(np.asarray(v, np.float64)[np.asarray(f)])
    n = len(corners)
    if n == 0 or not np.isfinite(corners).all():
        raise ValueError("a triangle tree needs at least one face and finite vertices")
    leaves = 1
    while n > leaves * LEAF:
        leaves *= 2
    size = -(-n // leaves)
    # Slots beyond n repeat evenly chosen triangles; they balance the splits and are dropped at the end.
    pad = leaves * size - n
    ids = np.concatenate([np.arange(n), (np.arange(pad) * n) // max(pad, 1)])
    real = np.arange(leaves * size) < n
    middle = 0.5 * (corners.min(1) + corners.max(1))
    order = np.arange(leaves * size)[None, :]
    while order.shape[0] < leaves:
        m = middle[ids[order]]
        axis = np.argmax(m.max(1) - m.min(1), axis=1)
        key = np.take_along_axis(m, axis[:, None, None], axis=2)[..., 0]
        half = order.shape[1] // 2
        rank = np.argpartition(key, half, axis=1)
        order = np.take_along_axis(order, rank, axis=1).reshape(-1, half)
    order = np.sort(order, axis=1)
    keep = real[order]
    # A leaf of copies only keeps one of them: a repeated triangle must not count twice in sums.
    counts = keep.sum(1)
    starts = np.concatenate([[0], np.cumsum(counts)])
    faces = ids[order[keep]]
    if (counts == 0).any():
        return _plain_leaves(corners, faces, leaves)
    return _with_boxes(corners, faces, starts)


def _plain_leaves(corners: F64, faces: NDArray[np.int64], leaves: int) -> TriangleTree:
    """Even cuts of the same order, for the rare case that a leaf received only repeated triangles."""
    starts = np.linspace(0, len(faces), leaves + 1).astype(np.int64)
    return _with_boxes(corners, faces, starts)


def _with_boxes(corners: F64, faces: NDArray[np.int64], starts: NDArray[np.int64]) -> TriangleTree:
    c = np.ascontiguousarray(corners[faces])
    low = np.minimum.reduceat(c.min(1), starts[:-1], axis=0)
    high = np.maximum.reduceat(c.max(1), starts[:-1], axis=0)
    levels = [np.concatenate([low, high], axis=1)]
    while len(levels[0]) > 1:
        a, b = levels[0][0::2], levels[0][1::2]
        both = np.concatenate([np.minimum(a[:, :3], b[:, :3]), np.maximum(a[:, 3:], b[:, 3:])], axis=1)
        levels.insert(0, both)
    boxes = np.ascontiguousarray(np.concatenate(levels))
    return TriangleTree(c, faces.astype(np.int32), starts.astype(np.int64), boxes)
