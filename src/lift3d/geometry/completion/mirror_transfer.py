"""What is known on one side of a thing, on the other side as well, where a guess of the whole agrees.

A guess on cells is coarse, and a scan is not: where the guessed whole is its own mirror image, the scan's image in that plane
is a better surface than the guess's. The plane is found on the guess's cells (geometry/symmetry/plane.py) and then
moved, turn around z
and offset, until the images of the known samples lie on the known and on the guessed surface (iterated closest points with
point-to-plane distances, Chen & Medioni 1992). An image is taken only where the guess has a surface beside it that faces the
same way, and around it too.
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
ROUNDS = 12
FIRST, LAST = 2.5, 0.8
"""Cells: how far closest points may lie, in the first round and in the last."""
FACING = 0.6
"""Least cosine of their normals."""
SURE = 4.0
"""Weight of a pair on the known surface beside one on the guess."""
SUPPORT = 0.6
"""Share of the images that must lie on a surface, or the plane is none."""
NEAR = 1.3
"""Cells between an image and the guess's surface."""
AROUND, SHARE = 1.5, 0.6
"""Cells around a face, of whose images this share must be good."""
MOST_FACES = 60_000


@dataclass(frozen=True, eq=False)
class PredictedSurface:
    """v, f: the guess's surface; points, normals (N, 3): its faces' middles; step: of its cells."""

    v: F64
    f: I32
    points: F64
    normals: F64
    step: float


def candidate_planes(guess: Voxels, level: float) -> list[SymmetryPlane]:
    """The upright plane in which the guess is most its own mirror image, and the best one at a right angle to it."""
    full = guess.values > level
    used = np.argwhere(full)
    if not len(used):
        return []
    low, high = used.min(0), used.max(0) + 1
    box = full[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    affine = guess.affine.copy()
    affine[:3, 3] += guess.affine[:3, :3] @ low
    first = symmetry_plane(box, affine)
    angle = float(np.arctan2(first.normal[1], first.normal[0]))
    return [first, symmetry_plane(box, affine, angle + np.pi / 2)]


def refine_plane(plane: SymmetryPlane, known: Points, guessed: PredictedSurface) -> SymmetryPlane:
    """The plane, moved; its likeness is the share of the known samples whose images lie on a surface."""
    assert known.normals is not None
    p, n = known.xyz, known.normals.astype(np.float64)
    q = np.concatenate([p, guessed.points])
    m = np.concatenate([n, guessed.normals])
    weight = np.concatenate([np.full(len(p), SURE), np.ones(len(guessed.points))])
    tree = cKDTree(q)
    angle, offset, found = float(np.arctan2(plane.normal[1], plane.normal[0])), plane.offset, 0.0
    for k in range(ROUNDS):
        reach = guessed.step * (FIRST + (LAST - FIRST) * k / (ROUNDS - 1))
        a, b = np.array([np.cos(angle), np.sin(angle), 0.0]), np.array([-np.sin(angle), np.cos(angle), 0.0])
        image = p - 2 * np.outer(p @ a - offset, a)
        away, which = tree.query(image, distance_upper_bound=reach)
        near = np.isfinite(away)
        turned = n - 2 * np.outer(n @ a, a)
        near[near] &= (turned[near] * m[which[near]]).sum(1) > FACING
        found = float(near.mean())
        if near.sum() < 20:
            break
        to = m[which[near]]
        rest = ((image[near] - q[which[near]]) * to).sum(1)
        by_angle = -2 * np.outer(p[near] @ b, a) - 2 * np.outer(p[near] @ a - offset, b)
        columns = np.stack([(by_angle * to).sum(1), 2 * (to @ a)], 1)
        heavy = weight[which[near]][:, None]
        system = columns.T @ (heavy * columns) + 1e-9 * np.eye(2) * len(rest)
        step = np.linalg.solve(system, -columns.T @ (heavy[:, 0] * rest))
        angle += float(np.clip(step[0], -0.05, 0.05))
        offset += float(np.clip(step[1], -guessed.step, guessed.step))
    return SymmetryPlane(np.array([np.cos(angle), np.sin(angle), 0.0]), offset, found)


def reflect_surface(v: F64, f: I32, plane: SymmetryPlane, guessed: PredictedSurface) -> tuple[F64, I32]:
    """Faces of the known surface in the mirror, in pieces no larger than a cell, where the guess agrees."""
    t = v[f]
    longest = np.linalg.norm(t - np.roll(t, 1, 1), axis=2).max(1)
    edge = guessed.step
    # every halving of its edges makes a face four: a bound, whatever the faces
    while (4.0 ** np.ceil(np.log2(np.maximum(longest / edge, 1)))).sum() > max(MOST_FACES, 2 * len(f)):
        edge *= 1.5
    pv, pf = trimesh.remesh.subdivide_to_size(v, f, edge, max_iter=20)
    mirror = plane.reflection()
    pv, pf = pv @ mirror[:3, :3].T + mirror[:3, 3], np.asarray(pf, np.int32)[:, ::-1]
    middle = pv[pf].mean(1)
    _, _, face = closest_in_tree(build_search_tree(guessed.v, guessed.f), middle, NEAR * guessed.step)
    same = (face_normals(pv, pf) * guessed.normals[face]).sum(1) > FACING
    good = (face >= 0) & same
    return pv, np.ascontiguousarray(pf[good & _among(middle, good, guessed.step)])


def _among(middle: F64, good: NDArray[np.bool_], step: float) -> NDArray[np.bool_]:
    """Whether most images around each are good: patches, no crumbs."""
    low = middle.min(0) - 4 * step
    cell = tuple(np.rint((middle - low) / step).astype(int).T)
    sums = np.zeros((2, *(max(c) + 5 for c in cell)))
    np.add.at(sums[0], cell, 1.0)
    np.add.at(sums[1], cell, good.astype(float))
    every, fine = (ndimage.gaussian_filter(x, AROUND)[cell] for x in sums)
    return np.asarray(fine >= SHARE * every)
