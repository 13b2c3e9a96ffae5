"""Occupancy completed by the silhouette: a ray through the silhouette must meet the object.

A network that predicts occupancy per voxel predicts "empty" all along a ray if it does not know at which depth the
leg of a chair stands, and the leg is lost although the photo shows it. Such rays get an interval of full voxels, as
long as the part of the silhouette is wide, at depths d that follow the prediction and are smooth from ray to ray:

    min  sum_i c_i (d_i - a_i)^2 + sum_ij (d_i - d_j)^2 + NEIGHBOUR_WEIGHT sum_ik (d_i - m_k)^2

over rays i without full voxels, their neighbours j of the same kind and neighbours k with full voxels; a_i is the
depth of the largest occupancy and c_i that occupancy, m_k the centroid of the full voxels on k. This screened Poisson
equation (cf. Bhat et al. 2008) is solved by sparse LU factorisation.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.linalg import splu

from lift3d.types import F32, F64

ALONG = 0.7
"""Sigma, in voxels, of the smoothing along the rays: the depth of a surface is no more precise, and steps are
visible."""
ACROSS = 1.5
"""Sigma, in voxels, of the smoothing across the rays before the depth of the largest occupancy is taken."""
INSIDE = 0.4
"""Least coverage by the silhouette of a ray that passes through the object."""
RIM = 2.0
"""Distance, in voxels, by which the silhouette may exceed the full rays: the network rounds off, and masks may be too
large."""
NEIGHBOUR_WEIGHT = 0.2
"""Weight of neighbouring rays with full voxels."""
THINNEST, THICKEST = 1.2, 5.0
"""Bounds of half the length of an interval, in voxels."""


def fill_behind_silhouette(occupancy: F32, silhouette: F32, iso_level: float, ratio: float = 1.0) -> F32:
    """(D, H, W) occupancy smoothed along the rays (first axis), with voxels above iso_level on every ray of a
    protruding part.

    occupancy (D, H, W); silhouette (H, W) coverage in [0, 1]; ratio: voxels along a ray per length of one across.
    """
    out: F32 = ndimage.gaussian_filter1d(occupancy, ALONG, axis=0)
    peak = out.max(0)
    inside, full = silhouette > INSIDE, peak >= iso_level
    if not full.any():
        return out
    missing = _reaching_out(inside & ~full, full)
    if not missing.any():
        return out
    around = ndimage.gaussian_filter(out, (ALONG, ACROSS, ACROSS))
    depth_index = np.arange(len(occupancy), dtype=np.float64)[:, None, None]
    solid = np.where(out >= iso_level, out, 0)
    centroid = (depth_index * solid).sum(0) / np.maximum(solid.sum(0), 1e-9)
    depth = _smooth(around.argmax(0), around.max(0) / iso_level, centroid, missing, full)
    distance_inside = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    # the coverage locates the outline within a pixel: rays beside it get occupancies just below the iso-level
    clearance = silhouette - INSIDE
    clearance = np.where(
        silhouette > 0.99, np.maximum(distance_inside, clearance), np.where(silhouette < 0.01, -1, clearance)
    )
    near = ndimage.distance_transform_edt(~missing, return_distances=False, return_indices=True)
    rays = missing | (ndimage.binary_dilation(missing, np.ones((3, 3))) & ~inside & ~full)
    ray_index = np.zeros(missing.shape, int)
    ray_index[missing] = np.arange(len(depth))
    half_length = np.clip(distance_inside[missing] * ratio, THINNEST, THICKEST)
    nearest = ray_index[near[0][rays], near[1][rays]]
    v, u = np.nonzero(rays)
    within = np.minimum(half_length[nearest] - np.abs(depth_index[:, :, 0] - depth[nearest]), clearance[v, u])
    out[:, v, u] = np.maximum(out[:, v, u], iso_level * (1 + 0.5 * np.clip(within, -2, 0.5)))
    return out


def _reaching_out(missing: NDArray[np.bool_], full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) rays of protruding parts, down to their base, without the rest of the rim around the full rays."""
    far = missing & (ndimage.distance_transform_edt(~full) > RIM)
    return missing & (ndimage.distance_transform_edt(~far) <= RIM + 1.5) if far.any() else far


def _smooth(
    best_depth: NDArray[np.int64],
    confidence: F32,
    centroid: F64,
    missing: NDArray[np.bool_],
    full: NDArray[np.bool_],
) -> F64:
    """(N,) depths of the rays without full voxels, in the order of `np.nonzero`."""
    ray_index = np.full(missing.shape, -1)
    ray_index[missing] = np.arange(missing.sum())
    diagonal = np.minimum(confidence[missing].astype(np.float64), 1) + 1e-4
    right = diagonal * best_depth[missing]
    rows, columns = [], []
    for axis in (0, 1):
        for first, second in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            a = (first, slice(None)) if axis == 0 else (slice(None), first)
            b = (second, slice(None)) if axis == 0 else (slice(None), second)
            both = missing[a] & missing[b]
            rows.append(ray_index[a][both])
            columns.append(ray_index[b][both])
            np.add.at(diagonal, ray_index[a][both], 1.0)
            adjacent = missing[a] & full[b]
            np.add.at(diagonal, ray_index[a][adjacent], NEIGHBOUR_WEIGHT)
            np.add.at(right, ray_index[a][adjacent], NEIGHBOUR_WEIGHT * centroid[b][adjacent])
    i, j = np.concatenate(rows), np.concatenate(columns)
    matrix = sp.coo_matrix((-np.ones(len(i)), (i, j)), (len(diagonal),) * 2) + sp.diags(diagonal)
    return np.asarray(splu(matrix.tocsc()).solve(right))
