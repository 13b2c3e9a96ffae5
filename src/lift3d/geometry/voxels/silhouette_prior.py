"""What a silhouette says of the cells behind it: a ray through the thing meets it somewhere.

A network that is asked which cells are full says "no" of every cell along a ray when it does not know at which depth the leg of
a chair stands; the leg is lost, though the photo shows it. Here such rays get a stretch of full cells: as thick as the part of
the silhouette is wide, at depths d that follow what the network thinks likely and are smooth from ray to ray,

    min  sum_i c_i (d_i - a_i)^2 + sum_ij (d_i - d_j)^2 + BESIDE sum_ik (d_i - m_k)^2

over rays i with neighbours j that lack cells and neighbours k that have them; a_i is the likeliest depth and c_i how likely, m_k
the middle of what is full on k. A screened Poisson equation (cf. Bhat et al. 2008), solved by a sparse factorisation.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.linalg import splu

from lift3d.types import F32, F64

ALONG = 0.7
"""Cells by which shares are smoothed along the rays: the depth of a surface is known no better, and steps show."""
ACROSS = 1.5
"""Cells across the rays over which neighbours tell each other what is likely."""
INSIDE = 0.4
"""Share of the silhouette in a ray's square from which on the ray goes through the thing."""
RIM = 2.0
"""Cells beside full rays that a silhouette may go beyond them: the network rounds off, and a mask may be too large."""
BESIDE = 0.2
THINNEST, THICKEST = 1.2, 5.0
"""Half a stretch, in cells."""


def fill_behind_silhouette(share: F32, silhouette: F32, level: float, ratio: float = 1.0) -> F32:
    """(D, H, W) shares, smoothed along the rays (first axis), where every ray of a part that the silhouette (H, W, from 0 to 1)
    shows has cells above the level. ratio: how many cells along a ray are as long as one across."""
    out: F32 = ndimage.gaussian_filter1d(share, ALONG, axis=0)
    peak = out.max(0)
    inside, full = silhouette > INSIDE, peak >= level
    if not full.any():
        return out
    lack = _reaching_out(inside & ~full, full)
    if not lack.any():
        return out
    around = ndimage.gaussian_filter(out, (ALONG, ACROSS, ACROSS))
    deep = np.arange(len(share), dtype=np.float64)[:, None, None]
    solid = np.where(out >= level, out, 0)
    middle = (deep * solid).sum(0) / np.maximum(solid.sum(0), 1e-9)
    at = _smooth(around.argmax(0), around.max(0) / level, middle, lack, full)
    deep_inside = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    # of the outline's place within a ray's square its share tells: rays beside it get what lies just below the level
    beyond = silhouette - INSIDE
    beyond = np.where(
        silhouette > 0.99, np.maximum(deep_inside, beyond), np.where(silhouette < 0.01, -1, beyond)
    )
    near = ndimage.distance_transform_edt(~lack, return_distances=False, return_indices=True)
    rays = lack | (ndimage.binary_dilation(lack, np.ones((3, 3))) & ~inside & ~full)
    number = np.zeros(lack.shape, int)
    number[lack] = np.arange(len(at))
    half = np.clip(deep_inside[lack] * ratio, THINNEST, THICKEST)
    nearest = number[near[0][rays], near[1][rays]]
    v, u = np.nonzero(rays)
    within = np.minimum(half[nearest] - np.abs(deep[:, :, 0] - at[nearest]), beyond[v, u])
    out[:, v, u] = np.maximum(out[:, v, u], level * (1 + 0.5 * np.clip(within, -2, 0.5)))
    return out


def _reaching_out(lack: NDArray[np.bool_], full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rays of parts that reach out, down to where they begin; not the rest of the rim around what is full."""
    far = lack & (ndimage.distance_transform_edt(~full) > RIM)
    return lack & (ndimage.distance_transform_edt(~far) <= RIM + 1.5) if far.any() else far


def _smooth(
    likeliest: NDArray[np.int64], sure: F32, middle: F64, lack: NDArray[np.bool_], full: NDArray[np.bool_]
) -> F64:
    """The depths of the rays that lack cells, in the order of `np.nonzero`."""
    number = np.full(lack.shape, -1)
    number[lack] = np.arange(lack.sum())
    diagonal = np.minimum(sure[lack].astype(np.float64), 1) + 1e-4
    right = diagonal * likeliest[lack]
    rows, columns = [], []
    for axis in (0, 1):
        for here, there in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            a = (here, slice(None)) if axis == 0 else (slice(None), here)
            b = (there, slice(None)) if axis == 0 else (slice(None), there)
            both = lack[a] & lack[b]
            rows.append(number[a][both])
            columns.append(number[b][both])
            np.add.at(diagonal, number[a][both], 1.0)
            beside = lack[a] & full[b]
            np.add.at(diagonal, number[a][beside], BESIDE)
            np.add.at(right, number[a][beside], BESIDE * middle[b][beside])
    i, j = np.concatenate(rows), np.concatenate(columns)
    matrix = sp.coo_matrix((-np.ones(len(i)), (i, j)), (len(diagonal),) * 2) + sp.diags(diagonal)
    return np.asarray(splu(matrix.tocsc()).solve(right))
