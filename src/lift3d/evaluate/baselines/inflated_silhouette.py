"""The silhouette inflated, as a baseline without a network: the depth is the square root of the solution of a Poisson equation on
the silhouette with zero at its border (as in the inflation of sketches, Igarashi, Matsuoka & Tanaka 1999, and Joshi & Carr 2008,
"Repoussé: automatic inflation of 2D artwork"). A disc becomes a ball."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from lift3d.geometry.image.guided_upsampling import resize_map
from lift3d.inference.single_view import SingleViewPrediction
from lift3d.nets.views_to_volume import GRID_SIZE
from lift3d.types import F32, F64

LEVEL = 0.5
MARGIN = 1.06
EDGE = 0.25
"""Half width, in voxels, of the ramp of the occupancy along a ray."""


def inflate(silhouette: NDArray[np.bool_]) -> F64:
    """(H, W) half thickness in pixels inside the silhouette, 0 elsewhere: sqrt(h) with Laplace(h) = -4."""
    index = np.full(silhouette.shape, -1)
    count = int(silhouette.sum())
    index[silhouette] = np.arange(count)
    padded = np.pad(index, 1, constant_values=-1)
    rows, columns = [np.arange(count)], [np.arange(count)]
    data = [np.full(count, 4.0)]
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        other = padded[dy : dy + silhouette.shape[0], dx : dx + silhouette.shape[1]][silhouette]
        known = other >= 0
        rows.append(np.flatnonzero(known))
        columns.append(other[known])
        data.append(np.full(int(known.sum()), -1.0))
    out = np.zeros(silhouette.shape)
    if count:
        matrix = sp.csc_matrix(
            (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))), (count, count)
        )
        out[silhouette] = np.sqrt(np.maximum(splu(matrix).solve(np.full(count, 4.0)), 0))
    return out


class InflatedSilhouette:
    """The predictor of the baseline: the first image's silhouette, inflated on both sides of the plane w = 0."""

    def predict_silhouette(self, coverage: F32, n: int = GRID_SIZE) -> SingleViewPrediction:
        """The prediction on n^3 voxels from the coverage (S, S) of the crop's pixels."""
        half = inflate(resize_map(coverage, n, n) > 0.5) * 2 / n
        extent = max(float(half.max()), 2 / n) * MARGIN
        w = ((np.arange(n) + 0.5) / n * 2 - 1)[:, None, None] * extent
        occupancy = np.clip(LEVEL + (half - np.abs(w)) * n / (4 * EDGE) * LEVEL, 0, 1)
        return SingleViewPrediction(
            np.where(half > 0, occupancy, 0).astype(np.float32), float(np.log(extent))
        )
