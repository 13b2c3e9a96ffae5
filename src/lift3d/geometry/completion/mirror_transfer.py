"""Transfer of a partial surface across its symmetry planes, where a prediction of the whole shape agrees.

A prediction on voxels is coarse and a scan is not. Where the predicted shape is symmetric, the reflection of the scan
is a better surface than the prediction. The plane is found on the predicted voxels (geometry/symmetry/plane.py), and
its angle around z and offset are refined until the reflected samples lie on the known and the predicted surface
(iterative closest points with point-to-plane distances, Chen & Medioni 1992). A reflected face is accepted only where
the prediction has a surface nearby with a similar normal, and so have most faces around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.mesh.normals import face_normals
from lift3d.geometry.symmetry.plane import symmetry_plane
from lift3d.types import F64, Points, SymmetryPlane, Voxels

I32 = NDArray[np.int32]
ITERATIONS = 12
FIRST_DISTANCE, LAST_DISTANCE = 2.5, 0.8
"""Largest distance of closest points in the first and the last iteration, in voxels."""
MIN_COSINE = 0.6
"""Least cosine between normals of matching points."""
KNOWN_WEIGHT = 4.0
"""Weight of a pair on the known surface relative to one on the predicted surface."""
SUPPORT = 0.6
"""Least symmetry score of a plane that is used."""
MAX_DISTANCE = 1.3
"""Largest distance of a reflected face from the predicted surface, in voxels."""
NEIGHBOURHOOD, MIN_FRACTION = 1.5, 0.6
"""Sigma of a neighbourhood in voxels; least fraction of accepted faces in it."""
MOST_FACES = 60_000


@dataclass(frozen=True, eq=False)
class PredictedSurface:
    """v (V, 3), f (F, 3): the surface; points, normals (F, 3): centroids and unit normals of its faces; step: side of
    a voxel."""

    v: F64
    f: I32
    points: F64
    normals: F64
    step: float


def candidate_planes(prediction: Voxels, iso_level: float) -> list[SymmetryPlane]:
    """The vertical plane with the highest symmetry score for the voxels above iso_level, and the best one
    perpendicular to it; none for an empty prediction."""
    full = prediction.values > iso_level
    used = np.argwhere(full)
    if not len(used):
        return []
    low, high = used.min(0), used.max(0) + 1
    box = full[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    affine = prediction.affine.copy()
    affine[:3, 3] += prediction.affine[:3, :3] @ low
    first = symmetry_plane(box, affine)
    angle = float(np.arctan2(first.normal[1], first.normal[0]))
    return [first, symmetry_plane(box, affine, angle + np.pi / 2)]


def refine_plane(plane: SymmetryPlane, known: Points, predicted: PredictedSurface) -> SymmetryPlane:
    """The plane refined to samples with normals; its score is the fraction of reflected samples that match a
    surface."""
    assert known.normals is not None
    p, n = known.xyz, known.normals.astype(np.float64)
    q = np.concatenate([p, predicted.points])
    m = np.concatenate([n, predicted.normals])
    weight = np.concatenate([np.full(len(p), KNOWN_WEIGHT), np.ones(len(predicted.points))])
    tree = cKDTree(q)
    angle, offset, score = float(np.arctan2(plane.normal[1], plane.normal[0])), plane.offset, 0.0
    for k in range(ITERATIONS):
        max_distance = predicted.step * (
            FIRST_DISTANCE + (LAST_DISTANCE - FIRST_DISTANCE) * k / (ITERATIONS - 1)
        )
        a, b = np.array([np.cos(angle), np.sin(angle), 0.0]), np.array([-np.sin(angle), np.cos(angle), 0.0])
        reflected = p - 2 * np.outer(p @ a - offset, a)
        distance, index = tree.query(reflected, distance_upper_bound=max_distance)
        near = np.isfinite(distance)
        reflected_normal = n - 2 * np.outer(n @ a, a)
        near[near] &= (reflected_normal[near] * m[index[near]]).sum(1) > MIN_COSINE
        score = float(near.mean())
        if near.sum() < 20:
            break
        to = m[index[near]]
        residual = ((reflected[near] - q[index[near]]) * to).sum(1)
        by_angle = -2 * np.outer(p[near] @ b, a) - 2 * np.outer(p[near] @ a - offset, b)
        columns = np.stack([(by_angle * to).sum(1), 2 * (to @ a)], 1)
        pair_weight = weight[index[near]][:, None]
        system = columns.T @ (pair_weight * columns) + 1e-9 * np.eye(2) * len(residual)
        step = np.linalg.solve(system, -columns.T @ (pair_weight[:, 0] * residual))
        angle += float(np.clip(step[0], -0.05, 0.05))
        offset += float(np.clip(step[1], -predicted.step, predicted.step))
    return SymmetryPlane(np.array([np.cos(angle), np.sin(angle), 0.0]), offset, score)


def reflect_surface(v: F64, f: I32, plane: SymmetryPlane, predicted: PredictedSurface) -> tuple[F64, I32]:
    """(vertices, faces) of the reflected known surface, divided into pieces no larger than a voxel, where the
    prediction agrees."""
    t = v[f]
    longest_edge = np.linalg.norm(t - np.roll(t, 1, 1), axis=2).max(1)
    edge = predicted.step
    # halving the edges of a face makes four of it: an upper bound of the number of faces
    while (4.0 ** np.ceil(np.log2(np.maximum(longest_edge / edge, 1)))).sum() > max(MOST_FACES, 2 * len(f)):
        edge *= 1.5
    pv, pf = trimesh.remesh.subdivide_to_size(v, f, edge, max_iter=20)
    reflection = plane.reflection()
    pv, pf = pv @ reflection[:3, :3].T + reflection[:3, 3], np.asarray(pf, np.int32)[:, ::-1]
    centroids = pv[pf].mean(1)
    _, _, face = closest_in_tree(
        build_search_tree(predicted.v, predicted.f), centroids, MAX_DISTANCE * predicted.step
    )
    facing = (face_normals(pv, pf) * predicted.normals[face]).sum(1) > MIN_COSINE
    accepted = (face >= 0) & facing
    return pv, np.ascontiguousarray(pf[accepted & _in_patch(centroids, accepted, predicted.step)])


def _in_patch(centroids: F64, accepted: NDArray[np.bool_], step: float) -> NDArray[np.bool_]:
    """(N,) whether most faces around each centroid (N, 3) are accepted, so that patches remain and no debris."""
    low = centroids.min(0) - 4 * step
    cell = tuple(np.rint((centroids - low) / step).astype(int).T)
    sums = np.zeros((2, *(max(c) + 5 for c in cell)))
    np.add.at(sums[0], cell, 1.0)
    np.add.at(sums[1], cell, accepted.astype(float))
    total, accepted_total = (ndimage.gaussian_filter(x, NEIGHBOURHOOD)[cell] for x in sums)
    return np.asarray(accepted_total >= MIN_FRACTION * total)
