"""Remeshing, the last resort of repair: a new closed surface around the interior of the old one.

The sign of the field is that of the generalised winding number (Jacobson, Kavan & Sorkine-Hornung 2013), its
magnitude the distance to the old surface, evaluated in the blocks of the grid near the surface. Marching tetrahedra
extract the new surface, and its vertices are projected onto the old one wherever that causes no self-intersection.
"""

from __future__ import annotations

import numpy as np

from lift3d.errors import SolidError
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.winding_number import build_winding_tree, winding_in_tree
from lift3d.geometry.repair.working_mesh import I32
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.types import F64

BLOCK = 6
"""Grid nodes along a side of a block."""
PAD = 2
"""Grid nodes around the bounding box."""
MOST_NODES = 24_000_000
"""The grid is coarsened until it has at most this many nodes."""
MOST_PAIRS = 20_000
"""Most self-intersections that are searched for at once."""


def signed_distance_grid(v: F64, f: I32, resolution: int) -> tuple[np.ndarray, F64, float]:
    """(values, origin (3,), step): signed distance (X, Y, Z) float32 in steps, negative inside, at origin + step *
    index.

    resolution: steps along the longest side. Raises SolidError for a mesh without extent.
    """
    low, high = v[f].reshape(-1, 3).min(0), v[f].reshape(-1, 3).max(0)
    step = float((high - low).max()) / resolution
    if not step > 0:
        raise SolidError("the mesh is a single point", "check the file")
    while np.prod((high - low) / step + 2 * PAD + BLOCK) > MOST_NODES:
        step *= 1.1
    # An irregular step, so that axis-parallel faces do not coincide with grid nodes.
    step *= 1.00731
    blocks = np.ceil(((high - low) / step + 2 * PAD + 1) / BLOCK).astype(int)
    origin = 0.5 * (low + high) - 0.5 * step * (blocks * BLOCK - 1) + 0.0137 * step
    tree, wind = build_search_tree(v, f), build_winding_tree(v, f)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in blocks), indexing="ij"), -1).reshape(-1, 3)
    centre = origin + step * (index * BLOCK + 0.5 * (BLOCK - 1))
    max_distance = step * (0.5 * np.sqrt(3) * (BLOCK - 1) + 2.0)
    near = closest_in_tree(tree, centre, max_distance)[2] >= 0
    affected = winding_in_tree(wind, centre)
    near |= np.abs(affected - 0.5) < 0.35  # near holes the field may change sign away from the surface
    far = np.where(affected > 0.5, -2.0, 2.0).astype(np.float32)
    values = np.empty((*blocks, BLOCK, BLOCK, BLOCK), np.float32)
    values[...] = far.reshape(*blocks, 1, 1, 1)
    inner = np.stack(np.meshgrid(*(np.arange(BLOCK),) * 3, indexing="ij"), -1).reshape(-1, 3)
    for part in np.array_split(np.flatnonzero(near), max(1, int(near.sum()) // 2000)):
        if len(part) == 0:
            continue
        nodes = (origin + step * (index[part][:, None] * BLOCK + inner)).reshape(-1, 3)
        w = winding_in_tree(wind, nodes, 2.0)
        distance = closest_in_tree(tree, nodes, 2.0 * step)[1] / step
        uncertain = np.flatnonzero(np.abs(w - 0.5) < 0.25)
        w[uncertain] = winding_in_tree(wind, nodes[uncertain], 6.0)
        # Across holes, far from the old surface, the field is the winding number itself.
        open_field = np.clip((0.5 - w) * 8.0, -2.0, 2.0)
        value = np.where(distance < 1.9, np.copysign(distance, 0.5 - w), open_field)
        values[tuple(index[part].T)] = value.reshape(-1, BLOCK, BLOCK, BLOCK).astype(np.float32)
    shape = tuple(int(n) * BLOCK for n in blocks)
    return values.transpose(0, 3, 1, 4, 2, 5).reshape(shape), origin, step


def remesh(v: F64, f: I32, resolution: int) -> tuple[F64, I32, float]:
    """(vertices, faces, step) of a closed surface within about half a step of the old one; empty if there is no
    interior."""
    values, origin, step = signed_distance_grid(v, f, resolution)
    nv, nf = marching_tetrahedra(values, 0.0, clamp=0.1)
    if len(nf) == 0:
        return nv, nf, step
    nv = (origin + step * nv).astype(np.float32).astype(np.float64)
    return project_to_surface(nv, nf, v, f, step), nf, step


def project_to_surface(nv: F64, nf: I32, v: F64, f: I32, step: float) -> F64:
    """The new vertices moved 95 % of the way to their closest points on the old surface, where these lie within 0.6
    steps.

    Less, or not at all, around faces that would intersect.
    """
    points, _, found = closest_in_tree(build_search_tree(v, f), nv, 0.6 * step)
    return move_towards(nv, nf, points, np.where(found >= 0, 0.95, 0.0), step)


def move_towards(nv: F64, nf: I32, points: F64, fraction: F64, step: float) -> F64:
    """Vertices nv (V, 3) moved by a fraction (V,) of the way to points (V, 3); less around faces that would
    intersect.

    Fractions around such faces are halved three times, then set to zero in growing neighbourhoods.
    """
    fraction = fraction.copy()
    before, pairs = nv, None
    for attempt in range(12):
        moved = (nv + fraction[:, None] * (points - nv)).astype(np.float32).astype(np.float64)
        pairs = update_intersections(before, moved, nf, pairs)
        before = moved
        thin = _flattened(moved, nf, step)
        bad = np.union1d(np.unique(pairs), thin).astype(np.int64)
        if len(bad) == 0:
            return moved
        affected = np.zeros(len(nv), bool)
        affected[nf[bad]] = True
        if attempt > 2:  # enlarge the neighbourhood
            affected[nf[affected[nf].any(1)]] = True
        fraction[affected] = np.where(attempt < 3, 0.5 * fraction[affected], 0.0)
    return nv


def update_intersections(before: F64, v: F64, f: I32, known: I32 | None) -> I32:
    """(K, 2) pairs of faces f (F, 3) that intersect, each once, unordered: all of them if fewer than MOST_PAIRS, else
    at least that many.

    known: the pairs for the vertices `before` (V, 3), None if not computed. Only the neighbourhood of faces that have
    changed since is searched.
    """
    if known is None or len(known) >= MOST_PAIRS:
        return self_intersections(v, f, MOST_PAIRS)
    changed = (v != before).any(1)[f].any(1)
    t = v[f]
    centres = t.mean(1)
    # The centroids of faces that meet lie within twice the largest radius: in the same cell or in adjacent ones.
    size = 2.001 * float(np.linalg.norm(t - centres[:, None], axis=2).max())
    if not size > 0:
        return self_intersections(v, f, MOST_PAIRS)
    cell = np.floor((centres - centres.min(0)) / size).astype(np.int64) + 1
    row = cell.max(0) + 2
    cell_key = (cell[:, 0] * row[1] + cell[:, 1]) * row[2] + cell[:, 2]
    neighbours = np.stack(np.meshgrid(*(np.arange(-1, 2),) * 3, indexing="ij"), -1).reshape(-1, 3)
    search_keys = (
        np.unique(cell_key[changed])[:, None]
        + (neighbours[:, 0] * row[1] + neighbours[:, 1]) * row[2]
        + neighbours[:, 2]
    )
    near = np.flatnonzero(np.isin(cell_key, search_keys))
    found = near[self_intersections(v, f[near], MOST_PAIRS)].astype(np.int32)
    return np.concatenate([known[~changed[known].any(1)], found[changed[found].any(1)]])


def _flattened(v: F64, f: I32, step: float) -> np.ndarray:
    """Indices of faces with almost no area."""
    t = v[f]
    area = 0.5 * np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1)
    return np.flatnonzero(area < 1e-6 * step * step)
