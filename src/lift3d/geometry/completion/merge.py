"""A partial surface and a guess of the whole, made one solid in which the known part is kept.

1. The guess's level is the one at which its surface passes through the known samples (within limits). Behind every known sample
   is something, whatever the guess says. Its surface is drawn to the samples by a smooth displacement, so that it meets the known
   part without a step.
2. Where the guess is its own mirror image, so is the known part: its image, which is finer than the guess, stands in for it
   (geometry/completion/mirror_transfer.py).
3. Of the guess's surface only what continues the known one is kept; where both say the same, the known part stands alone.
4. All together wind about the inside almost everywhere: a new surface is made where their generalized winding number (Jacobson,
   Kavan & Sorkine-Hornung 2013) is a half, which closes the seam, and its vertices return to the old surfaces
   (geometry/repair/remesh.py). Where two of them end beside each other it is drawn tight, but for what lies on the known one.
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
LOWEST, HIGHEST = 0.3, 0.65
"""Of the guess's level."""
ROUGHER, MOST_CROSSINGS = (0.0, 1.0, 2.0, 4.0, 8.0), 40_000
"""Cells by which a guess is smoothed, in turn, until no more neighbours than this lie on different sides of its level. A ball
that fills the grid has 18,000, the most intricate of the corpus' shapes 36,000 in a grid that they fill."""
DRAWN, SPREAD = 2.5, 2.5
"""Cells: from so far the guess is drawn to the known samples, and so far that is felt around them."""
FAINT = 0.05
"""Of the densest place: with fewer samples around, a displacement fades away."""
BESIDE, ABOVE = 0.6, 1.5
"""Cells: guessed faces nearer to the known surface than this, or straight over or under it, say the same as it."""
ALIKE = 0.3
"""Least cosine between two faces that may say the same."""
BEHIND, MISSED, BACK = 0.6, 0.3, 0.9
"""Cells behind the known surface where something must be; the share under which the guess says that nothing is; the share
that it is given then."""
SEAM, ON, EVENED = 3.0, 0.2, 40
"""Steps of the new surface from a rim, that belong to the seam; steps from the known surface, that lie on it; rounds in which the
seam is evened."""
MOST_RIM = 2_000_000
"""Points along rims, beside one for each edge."""
LEAST = 0.002
"""Of the largest part's volume, that a part must have."""
RESOLUTION, COARSEST = 160, 32
MOST_AREA = 16 * RESOLUTION**2
"""Square steps of known surface. Of 200 of the corpus' things, scaled to a longest side of 1, the largest surface is 14 and half
have less than 1.8; a tangle of 2,000 large triangles has 290, and its new surface would take many minutes."""
FACES = 60_000


def merge_completion(
    v: F64,
    f: I32,
    samples: Points,
    guess: Voxels,
    level: float,
    resolution: int = RESOLUTION,
    symmetric: bool = True,
) -> tuple[F64, I32]:
    """The closed surface: v, f the known one (open, or a soup of small squares), samples of it with normals, the guess's
    cells (occupancy), whose level is looked for around `level`; resolution: steps along the longest side; symmetric: use
    the known part's mirror images as well."""
    resolution = choose_resolution(v, f, resolution)
    level = choose_level(samples, guess, level)
    guess = fill_behind_samples(samples, guess)
    gv, gf = predicted_surface(guess, level)
    both_v, both_f = v, f
    if len(gf):
        gv = warp_to_samples(gv, gf, samples, guess.affine)
        step = float(guess.affine[0, 0])
        if symmetric:
            both_v, both_f = add_reflections(v, f, samples, guess, level, (gv, gf))
        gf = gf[~duplicate_faces(gv, gf, both_v, both_f, step)]
        both_v, both_f = concatenate_surfaces((both_v, both_f), (gv, gf))
    nv, nf, step = remesh(both_v, both_f, resolution)
    if not len(nf):
        return nv, nf
    nv = smooth_seam(nv, nf, (v, f), (both_v, both_f), step)
    nv, nf, _ = keep_main_components(nv, nf, LEAST)
    fewer = decimate(nv, nf, max(2000, min(len(nf) // 4, FACES)), 0.05 * step)
    return fewer if inspect_arrays(*fewer, 1).is_solid else (nv, nf)


def voxel_coordinates(guess: Voxels, points: F64) -> F64:
    """(3, N) indices of points in the guess's cells."""
    inverse = np.linalg.inv(guess.affine)
    return np.asarray((points @ inverse[:3, :3].T + inverse[:3, 3]).T)


def choose_resolution(v: F64, f: I32, resolution: int) -> int:
    """Fewer steps where there is very much surface, so that what is new has no more faces than can be worked on."""
    t = v[f]
    area = 0.5 * float(np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum())
    return max(COARSEST, min(resolution, int(np.sqrt(MOST_AREA / max(area, 1e-9)))))


def choose_level(samples: Points, guess: Voxels, level: float) -> float:
    """The median of the guess on the known surface, where it lies on the guess's; within LOWEST and HIGHEST."""
    said = ndimage.map_coordinates(
        guess.values, voxel_coordinates(guess, samples.xyz), order=1, mode="nearest"
    )
    near = said[(said > 0.05) & (said < 0.95)]
    return float(np.clip(np.median(near), LOWEST, HIGHEST)) if len(near) >= 0.2 * len(said) else level


def add_reflections(
    v: F64, f: I32, samples: Points, guess: Voxels, level: float, surface: tuple[F64, I32]
) -> tuple[F64, I32]:
    """The known surface and its mirror images where the guess agrees; after the second plane those of the first as well."""
    gv, gf = surface
    step = float(guess.affine[0, 0])
    guessed = PredictedSurface(gv, gf, gv[gf].mean(1), face_normals(gv, gf), step)
    for plane in candidate_planes(guess, level):
        moved = refine_plane(plane, samples, guessed)
        if moved.score < SUPPORT:
            continue
        mv, mf = reflect_surface(v, f, moved, guessed)
        if len(mf):
            mf = mf[~duplicate_faces(mv, mf, v, f, step)]
            v, f = concatenate_surfaces((v, f), (mv, mf))
    return v, f


def concatenate_surfaces(a: tuple[F64, I32], b: tuple[F64, I32]) -> tuple[F64, I32]:
    """Two surfaces as one."""
    return np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1] + len(a[0])]).astype(np.int32)


def fill_behind_samples(samples: Points, guess: Voxels) -> Voxels:
    """The guess with full cells behind every known sample: where the network would leave out what is known, a leg or a sheet
    that is thin for its cells, the known part gets a back a cell behind it, and is not lost."""
    assert samples.normals is not None
    behind = voxel_coordinates(guess, samples.xyz - BEHIND * guess.affine[0, 0] * samples.normals)
    said = ndimage.map_coordinates(guess.values, behind, order=1, mode="constant")
    cell = np.rint(behind[:, said < MISSED]).astype(int)
    inside = ((cell >= 0) & (cell < np.array(guess.values.shape)[:, None])).all(0)
    values = guess.values.copy()
    where = tuple(cell[:, inside])
    values[where] = np.maximum(values[where], BACK)
    return replace(guess, values=values)


def predicted_surface(guess: Voxels, level: float) -> tuple[F64, I32]:
    """In the world, without crumbs and without the steps of its cells. A guess that is all noise is smoothed first: its
    surface would be millions of faces that mean nothing."""
    values = guess.values
    for sigma in ROUGHER:
        soft = ndimage.gaussian_filter(values, sigma) if sigma else values
        full = soft > level
        share = np.where(full & ~main_components(full), level * 0.98, soft)
        crossings = sum(int(np.count_nonzero(np.diff(share > level, axis=axis))) for axis in range(3))
        if crossings <= MOST_CROSSINGS:
            break
    padded = np.pad(share.astype(np.float32), 1)
    v, f = marching_tetrahedra(np.ascontiguousarray(-padded), -level)
    v = constrained_smooth(v, f) - 1
    return np.asarray(v @ guess.affine[:3, :3].T + guess.affine[:3, 3]), f


def smooth_seam(v: F64, f: I32, known: tuple[F64, I32], parts: tuple[F64, I32], step: float) -> F64:
    """Vertices of the new surface, which lies around several open ones: near their rims two of them are nearly one, and it has
    crumbs. There it is drawn tight between what lies on either side; what lies on the known surface stays."""
    rim = rim_points(*parts, step)
    if not len(rim):
        return v
    near = cKDTree(rim).query(v, distance_upper_bound=SEAM * step)[0] <= SEAM * step
    loose = near & (closest_in_tree(build_search_tree(*known), v, ON * step)[2] < 0)
    return move_towards(v, f, relax_vertices(v, f, EVENED, loose), np.where(loose, 1.0, 0.0), step)


def rim_points(v: F64, f: I32, step: float) -> F64:
    """(N, 3) along the open edges, no farther apart than a step, or than a soup's many edges allow (MOST_RIM)."""
    v, same = weld_exact(v)
    f = same[f]
    sides = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    sides = sides[sides[:, 0] != sides[:, 1]]  # of faces that single precision makes none
    _, first, count = np.unique(np.sort(sides, 1), axis=0, return_index=True, return_counts=True)
    a, b = v[sides[first[count == 1]]].transpose(1, 0, 2)
    length = np.linalg.norm(b - a, axis=1)
    step = max(step, float(length.sum()) / MOST_RIM)
    pieces = np.maximum(np.ceil(length / step), 1).astype(int)
    which = np.repeat(np.arange(len(a)), pieces)
    share = (np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + 0.5) / pieces[which]
    return np.asarray(a[which] + share[:, None] * (b - a)[which])


def warp_to_samples(v: F64, f: I32, samples: Points, affine: F64) -> F64:
    """The guess's vertices, moved as the known samples wish that lie near and face the same way."""
    assert samples.normals is not None
    step = float(affine[0, 0])
    q, _, face = closest_in_tree(build_search_tree(v, f), samples.xyz, DRAWN * step)
    same = (face >= 0) & ((face_normals(v, f)[face] * samples.normals).sum(1) > ALIKE)
    if not same.any():
        return v
    wish = samples.xyz[same] - q[same]
    low = np.minimum(v.min(0), samples.xyz.min(0)) - 2 * step
    shape = np.ceil((np.maximum(v.max(0), samples.xyz.max(0)) + 2 * step - low) / step).astype(int) + 1
    cell = tuple(np.rint((q[same] - low) / step).astype(int).T)
    sums = np.zeros((4, *shape))
    for k in range(3):
        np.add.at(sums[k], cell, wish[:, k])
    np.add.at(sums[3], cell, 1.0)
    soft = np.stack([ndimage.gaussian_filter(x, SPREAD) for x in sums])
    there = ((v - low) / step).T
    number = ndimage.map_coordinates(soft[3], there, order=1)
    moved = np.stack([ndimage.map_coordinates(soft[k], there, order=1) for k in range(3)], 1)
    return np.asarray(v + moved / (number + FAINT * soft[3].max())[:, None])


def duplicate_faces(gv: F64, gf: I32, v: F64, f: I32, step: float) -> NDArray[np.bool_]:
    """Which guessed faces say what the known surface says: turned alike and close to it, or straight over or under it."""
    middle = gv[gf].mean(1)
    q, away, face = closest_in_tree(build_search_tree(v, f), middle, ABOVE * step)
    normal = face_normals(v, f)[face]
    alike = (face_normals(gv, gf) * normal).sum(1) > ALIKE
    straight = np.abs(((middle - q) * normal).sum(1)) > 0.8 * away
    return np.asarray((face >= 0) & alike & ((away < BESIDE * step) | straight))


def squares_around_points(points: F64, normals: F64, side: F64) -> tuple[F64, I32]:
    """A soup of small squares, one around each point (N, 3) on its plane, side (N,): (4 N, 3) and (2 N, 3)."""
    across = np.cross(normals, np.eye(3)[np.abs(normals).argmin(1)])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    other = np.cross(normals, across)
    half = np.asarray(side)[:, None] / 2
    corner = [points + half * (a * across + b * other) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    first = 4 * np.arange(len(points))[:, None]
    faces = np.concatenate([first + [0, 1, 2], first + [0, 2, 3]])
    return np.stack(corner, 1).reshape(-1, 3), faces.astype(np.int32)
