"""Merging of a partial surface and a predicted whole shape into one solid that keeps the partial surface.

1. The iso-level is the one at which the predicted surface passes through the known samples, within limits. Voxels
   behind the samples are filled, whatever the prediction. A smooth displacement moves the predicted surface to the
   samples, so that it meets the known part without a step.
2. Where the prediction is symmetric, the reflection of the known part, which is finer, replaces it
   (geometry/completion/mirror_transfer.py).
3. Predicted faces that duplicate the known surface are removed.
4. The generalised winding number (Jacobson, Kavan & Sorkine-Hornung 2013) of all surfaces together is near 1 inside.
   The surface where it is 1/2 closes the seams, and its vertices are projected onto the old surfaces
   (geometry/repair/remesh.py). Where two surfaces end beside each other the new one is relaxed, except on the known
   surface.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from lift3d.geometry.completion.mirror_transfer import (
    SUPPORT,
    PredictedSurface,
    candidate_planes,
    refine_plane,
    reflect_surface,
)
from lift3d.geometry.mesh.components import keep_main_components
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.mesh.normals import face_normals
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.repair.remesh import move_towards, remesh
from lift3d.geometry.surface.decimation import decimate
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.geometry.surface.smoothing import constrained_smooth, relax_vertices
from lift3d.geometry.voxels.bridge_components import main_components
from lift3d.types import F64, Points, Voxels

I32 = NDArray[np.int32]
MIN_LEVEL, MAX_LEVEL = 0.3, 0.65
"""Bounds of the iso-level of the prediction."""
SIGMAS, MOST_CROSSINGS = (0.0, 1.0, 2.0, 4.0, 8.0), 40_000
"""Sigmas in voxels by which the prediction is smoothed, in turn, until at most this many neighbouring voxels lie on
different sides of the iso-level. A ball that fills the grid has 18,000 crossings, the most intricate shape of the
corpus 36,000."""
WARP_DISTANCE, WARP_SIGMA = 2.5, 2.5
"""Largest distance from which the predicted surface moves to a sample, and sigma of the displacement around it, in
voxels."""
FADE = 0.05
"""Density of samples, relative to the highest, below which the displacement fades."""
NEAR, ABOVE = 0.6, 1.5
"""Predicted faces nearer to the known surface than NEAR voxels, or straight above or below it within ABOVE, duplicate
it."""
MIN_COSINE = 0.3
"""Least cosine between the normals of duplicate faces."""
DEPTH_BEHIND, EMPTY_BELOW, FILLED = 0.6, 0.3, 0.9
"""Depth in voxels at which the inside must be occupied; occupancy below which it counts as empty; occupancy that it
then gets."""
SEAM_DISTANCE, ON_KNOWN, SEAM_ITERATIONS = 3.0, 0.2, 40
"""Distance from a rim within which vertices belong to the seam, distance within which they lie on the known surface,
both in steps; iterations of relaxation."""
MOST_RIM = 2_000_000
"""Most sample points along rims, besides one for each edge."""
MIN_VOLUME = 0.002
"""Least volume of a component, relative to the largest."""
RESOLUTION, MIN_RESOLUTION = 160, 32
"""Steps of the new surface along the longest side: the default and the least."""
MOST_AREA = 16 * RESOLUTION**2
"""Largest area of known surface, in squared steps. Of 200 shapes of the corpus, scaled to longest side 1, the largest
area is 14 and the median 1.8; a tangle of 2,000 large triangles has 290, and its remeshing would take many
minutes."""
MOST_FACES = 60_000


def merge_completion(
    v: F64,
    f: I32,
    samples: Points,
    prediction: Voxels,
    iso_level: float,
    resolution: int = RESOLUTION,
    symmetric: bool = True,
) -> tuple[F64, I32]:
    """(vertices (N, 3), faces (M, 3)) of the completed closed surface.

    v, f: the known surface (open, or a soup of small squares). samples: area-uniform samples of it with normals.
    prediction: predicted occupancy, whose iso-level is chosen near iso_level. resolution: steps along the longest
    side. symmetric: use reflections of the known part as well.
    """
    resolution = choose_resolution(v, f, resolution)
    iso_level = choose_level(samples, prediction, iso_level)
    prediction = fill_behind_samples(samples, prediction)
    gv, gf = predicted_surface(prediction, iso_level)
    both_v, both_f = v, f
    if len(gf):
        gv = warp_to_samples(gv, gf, samples, prediction.affine)
        step = float(prediction.affine[0, 0])
        if symmetric:
            both_v, both_f = add_reflections(v, f, samples, prediction, iso_level, (gv, gf))
        gf = gf[~duplicate_faces(gv, gf, both_v, both_f, step)]
        both_v, both_f = concatenate_surfaces((both_v, both_f), (gv, gf))
    nv, nf, step = remesh(both_v, both_f, resolution)
    if not len(nf):
        return nv, nf
    nv = smooth_seam(nv, nf, (v, f), (both_v, both_f), step)
    nv, nf, _ = keep_main_components(nv, nf, MIN_VOLUME)
    decimated = decimate(nv, nf, max(2000, min(len(nf) // 4, MOST_FACES)), 0.05 * step)
    return decimated if inspect_arrays(*decimated, 1).is_solid else (nv, nf)


def voxel_coordinates(prediction: Voxels, points: F64) -> F64:
    """(3, N) voxel coordinates of points (N, 3) in the grid."""
    inverse = np.linalg.inv(prediction.affine)
    return np.asarray((points @ inverse[:3, :3].T + inverse[:3, 3]).T)


def choose_resolution(v: F64, f: I32, resolution: int) -> int:
    """The resolution, reduced where the known surface has a large area, so that the new one has a bounded number of
    faces."""
    t = v[f]
    area = 0.5 * float(np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum())
    return max(MIN_RESOLUTION, min(resolution, int(np.sqrt(MOST_AREA / max(area, 1e-9)))))


def choose_level(samples: Points, prediction: Voxels, iso_level: float) -> float:
    """The median of the prediction at the known samples, clipped to [MIN_LEVEL, MAX_LEVEL]; iso_level if too few
    samples lie near the predicted surface."""
    predicted_values = ndimage.map_coordinates(
        prediction.values, voxel_coordinates(prediction, samples.xyz), order=1, mode="nearest"
    )
    near = predicted_values[(predicted_values > 0.05) & (predicted_values < 0.95)]
    return (
        float(np.clip(np.median(near), MIN_LEVEL, MAX_LEVEL))
        if len(near) >= 0.2 * len(predicted_values)
        else iso_level
    )


def add_reflections(
    v: F64, f: I32, samples: Points, prediction: Voxels, iso_level: float, surface: tuple[F64, I32]
) -> tuple[F64, I32]:
    """The known surface with its reflections where the prediction agrees; the second plane reflects those of the
    first as well."""
    gv, gf = surface
    step = float(prediction.affine[0, 0])
    predicted = PredictedSurface(gv, gf, gv[gf].mean(1), face_normals(gv, gf), step)
    for plane in candidate_planes(prediction, iso_level):
        moved = refine_plane(plane, samples, predicted)
        if moved.score < SUPPORT:
            continue
        mv, mf = reflect_surface(v, f, moved, predicted)
        if len(mf):
            mf = mf[~duplicate_faces(mv, mf, v, f, step)]
            v, f = concatenate_surfaces((v, f), (mv, mf))
    return v, f


def concatenate_surfaces(a: tuple[F64, I32], b: tuple[F64, I32]) -> tuple[F64, I32]:
    """The union of the vertices and faces of two surfaces."""
    return np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1] + len(a[0])]).astype(np.int32)


def fill_behind_samples(samples: Points, prediction: Voxels) -> Voxels:
    """The prediction with voxels filled behind every known sample, where it is empty.

    A leg or a sheet that the network misses because it is thin keeps a back one voxel behind it, and is not lost.
    """
    assert samples.normals is not None
    behind = voxel_coordinates(
        prediction, samples.xyz - DEPTH_BEHIND * prediction.affine[0, 0] * samples.normals
    )
    predicted_values = ndimage.map_coordinates(prediction.values, behind, order=1, mode="constant")
    voxel = np.rint(behind[:, predicted_values < EMPTY_BELOW]).astype(int)
    inside = ((voxel >= 0) & (voxel < np.array(prediction.values.shape)[:, None])).all(0)
    values = prediction.values.copy()
    index = tuple(voxel[:, inside])
    values[index] = np.maximum(values[index], FILLED)
    return replace(prediction, values=values)


def predicted_surface(prediction: Voxels, iso_level: float) -> tuple[F64, I32]:
    """(vertices, faces) of the iso-surface in the world, without debris and without voxel terraces.

    A prediction that is mostly noise is smoothed first: its surface would have millions of meaningless faces.
    """
    values = prediction.values
    for sigma in SIGMAS:
        smoothed = ndimage.gaussian_filter(values, sigma) if sigma else values
        full = smoothed > iso_level
        fraction = np.where(full & ~main_components(full), iso_level * 0.98, smoothed)
        crossings = sum(int(np.count_nonzero(np.diff(fraction > iso_level, axis=axis))) for axis in range(3))
        if crossings <= MOST_CROSSINGS:
            break
    padded = np.pad(fraction.astype(np.float32), 1)
    v, f = marching_tetrahedra(np.ascontiguousarray(-padded), -iso_level)
    v = constrained_smooth(v, f) - 1
    return np.asarray(v @ prediction.affine[:3, :3].T + prediction.affine[:3, 3]), f


def smooth_seam(v: F64, f: I32, known: tuple[F64, I32], parts: tuple[F64, I32], step: float) -> F64:
    """Vertices v (V, 3) of the new surface f, relaxed near the rims of the parts, where two open surfaces nearly
    coincide.

    known, parts: (vertices, faces) of the known surface and of all surfaces. Vertices on the known surface stay.
    """
    rim = rim_points(*parts, step)
    if not len(rim):
        return v
    near = cKDTree(rim).query(v, distance_upper_bound=SEAM_DISTANCE * step)[0] <= SEAM_DISTANCE * step
    movable = near & (closest_in_tree(build_search_tree(*known), v, ON_KNOWN * step)[2] < 0)
    return move_towards(
        v, f, relax_vertices(v, f, SEAM_ITERATIONS, movable), np.where(movable, 1.0, 0.0), step
    )


def rim_points(v: F64, f: I32, step: float) -> F64:
    """(N, 3) points along the open edges, at most a step apart, or farther for soups with very many open edges
    (MOST_RIM)."""
    v, same = weld_exact(v)
    f = same[f]
    sides = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    sides = sides[sides[:, 0] != sides[:, 1]]  # faces that collapse in float32
    _, first, count = np.unique(np.sort(sides, 1), axis=0, return_index=True, return_counts=True)
    a, b = v[sides[first[count == 1]]].transpose(1, 0, 2)
    length = np.linalg.norm(b - a, axis=1)
    step = max(step, float(length.sum()) / MOST_RIM)
    pieces = np.maximum(np.ceil(length / step), 1).astype(int)
    which = np.repeat(np.arange(len(a)), pieces)
    fraction = (np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + 0.5) / pieces[which]
    return np.asarray(a[which] + fraction[:, None] * (b - a)[which])


def warp_to_samples(v: F64, f: I32, samples: Points, affine: F64) -> F64:
    """(V, 3) vertices of the predicted surface, displaced towards the nearby known samples with similar normals.

    affine (4, 4): from voxel indices to the world; its scale is the unit of the distances.
    """
    assert samples.normals is not None
    step = float(affine[0, 0])
    q, _, face = closest_in_tree(build_search_tree(v, f), samples.xyz, WARP_DISTANCE * step)
    same = (face >= 0) & ((face_normals(v, f)[face] * samples.normals).sum(1) > MIN_COSINE)
    if not same.any():
        return v
    displacement = samples.xyz[same] - q[same]
    low = np.minimum(v.min(0), samples.xyz.min(0)) - 2 * step
    shape = np.ceil((np.maximum(v.max(0), samples.xyz.max(0)) + 2 * step - low) / step).astype(int) + 1
    voxel = tuple(np.rint((q[same] - low) / step).astype(int).T)
    sums = np.zeros((4, *shape))
    for k in range(3):
        np.add.at(sums[k], voxel, displacement[:, k])
    np.add.at(sums[3], voxel, 1.0)
    smoothed = np.stack([ndimage.gaussian_filter(x, WARP_SIGMA) for x in sums])
    position = ((v - low) / step).T
    density = ndimage.map_coordinates(smoothed[3], position, order=1)
    moved = np.stack([ndimage.map_coordinates(smoothed[k], position, order=1) for k in range(3)], 1)
    return np.asarray(v + moved / (density + FADE * smoothed[3].max())[:, None])


def duplicate_faces(gv: F64, gf: I32, v: F64, f: I32, step: float) -> NDArray[np.bool_]:
    """(G,) True for predicted faces that duplicate the known surface: parallel and close to it, or straight above or
    below it."""
    centroid = gv[gf].mean(1)
    q, distance, face = closest_in_tree(build_search_tree(v, f), centroid, ABOVE * step)
    normal = face_normals(v, f)[face]
    parallel = (face_normals(gv, gf) * normal).sum(1) > MIN_COSINE
    perpendicular = np.abs(((centroid - q) * normal).sum(1)) > 0.8 * distance
    return np.asarray((face >= 0) & parallel & ((distance < NEAR * step) | perpendicular))


def squares_around_points(points: F64, normals: F64, side: F64) -> tuple[F64, I32]:
    """(vertices (4 N, 3), faces (2 N, 3)) of one square around each point (N, 3), in its tangent plane, with sides
    (N,)."""
    across = np.cross(normals, np.eye(3)[np.abs(normals).argmin(1)])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    other = np.cross(normals, across)
    half = np.asarray(side)[:, None] / 2
    corner = [points + half * (a * across + b * other) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    first = 4 * np.arange(len(points))[:, None]
    faces = np.concatenate([first + [0, 1, 2], first + [0, 2, 3]])
    return np.stack(corner, 1).reshape(-1, 3), faces.astype(np.int32)
