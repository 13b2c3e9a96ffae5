"""The last resort: a new surface around where the old one winds about.

Sign by the generalized winding number (Jacobson, Kavan & Sorkine-Hornung 2013), magnitude by the distance to
the old surface, both only in blocks of the grid that the surface passes; marching tetrahedra on that field;
then the new vertices return to the old surface wherever that causes no crossing.
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
PAD = 2
MOST_NODES = 24_000_000
MOST_PAIRS = 20_000


def signed_distance_grid(v: F64, f: I32, resolution: int) -> tuple[np.ndarray, F64, float]:
    """values (X, Y, Z) float32 in units of the grid step, negative inside, at origin + step * index."""
    low, high = v[f].reshape(-1, 3).min(0), v[f].reshape(-1, 3).max(0)
    step = float((high - low).max()) / resolution
    if not step > 0:
        raise SolidError("the mesh is a single point", "check the file")
    while np.prod((high - low) / step + 2 * PAD + BLOCK) > MOST_NODES:
        step *= 1.1
    # A step off the round numbers, so that flat axis-parallel faces do not fall on the grid's nodes.
    step *= 1.00731
    blocks = np.ceil(((high - low) / step + 2 * PAD + 1) / BLOCK).astype(int)
    origin = 0.5 * (low + high) - 0.5 * step * (blocks * BLOCK - 1) + 0.0137 * step
    tree, wind = build_search_tree(v, f), build_winding_tree(v, f)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in blocks), indexing="ij"), -1).reshape(-1, 3)
    centre = origin + step * (index * BLOCK + 0.5 * (BLOCK - 1))
    reach = step * (0.5 * np.sqrt(3) * (BLOCK - 1) + 2.0)
    near = closest_in_tree(tree, centre, reach)[2] >= 0
    around = winding_in_tree(wind, centre)
    near |= np.abs(around - 0.5) < 0.35  # holes: the field may change sign far away
    far = np.where(around > 0.5, -2.0, 2.0).astype(np.float32)
    values = np.empty((*blocks, BLOCK, BLOCK, BLOCK), np.float32)
    values[...] = far.reshape(*blocks, 1, 1, 1)
    inner = np.stack(np.meshgrid(*(np.arange(BLOCK),) * 3, indexing="ij"), -1).reshape(-1, 3)
    for part in np.array_split(np.flatnonzero(near), max(1, int(near.sum()) // 2000)):
        if len(part) == 0:
            continue
        nodes = (origin + step * (index[part][:, None] * BLOCK + inner)).reshape(-1, 3)
        w = winding_in_tree(wind, nodes, 2.0)
        distance = closest_in_tree(tree, nodes, 2.0 * step)[1] / step
        doubtful = np.flatnonzero(np.abs(w - 0.5) < 0.25)
        w[doubtful] = winding_in_tree(wind, nodes[doubtful], 6.0)
        # Far from the old surface (across holes) the winding number itself is the field.
        open_field = np.clip((0.5 - w) * 8.0, -2.0, 2.0)
        value = np.where(distance < 1.9, np.copysign(distance, 0.5 - w), open_field)
        values[tuple(index[part].T)] = value.reshape(-1, BLOCK, BLOCK, BLOCK).astype(np.float32)
    shape = tuple(int(n) * BLOCK for n in blocks)
    return values.transpose(0, 3, 1, 4, 2, 5).reshape(shape), origin, step


def remesh(v: F64, f: I32, resolution: int) -> tuple[F64, I32, float]:
    """A solid within about half a step of the old surface: (v, f, step)."""
    values, origin, step = signed_distance_grid(v, f, resolution)
    nv, nf = marching_tetrahedra(values, 0.0, clamp=0.1)
    if len(nf) == 0:
        return nv, nf, step
    nv = (origin + step * nv).astype(np.float32).astype(np.float64)
    return project_to_surface(nv, nf, v, f, step), nf, step


def project_to_surface(nv: F64, nf: I32, v: F64, f: I32, step: float) -> F64:
    """New vertices at their closest points of the old surface (within half a step), pulled back halfway,
    then wholly, around faces that would cross."""
    points, _, found = closest_in_tree(build_search_tree(v, f), nv, 0.6 * step)
    return move_towards(nv, nf, points, np.where(found >= 0, 0.95, 0.0), step)


def move_towards(nv: F64, nf: I32, points: F64, share: F64, step: float) -> F64:
    """Vertices moved by their shares (V,) of the way to points (V, 3); less, or not at all, around faces that would cross."""
    share = share.copy()
    before, pairs = nv, None
    for attempt in range(12):
        moved = (nv + share[:, None] * (points - nv)).astype(np.float32).astype(np.float64)
        pairs = update_intersections(before, moved, nf, pairs)
        before = moved
        thin = _flattened(moved, nf, step)
        bad = np.union1d(np.unique(pairs), thin).astype(np.int64)
        if len(bad) == 0:
            return moved
        around = np.zeros(len(nv), bool)
        around[nf[bad]] = True
        if attempt > 2:  # widen the retreat
            around[nf[around[nf].any(1)]] = True
        share[around] = np.where(attempt < 3, 0.5 * share[around], 0.0)
    return nv


def update_intersections(before: F64, v: F64, f: I32, known: I32 | None) -> I32:
    """Pairs (K, 2) of faces f (F, 3) that meet, each once, in no order: all of them if they are fewer than MOST_PAIRS, else at
    least that many. known: those with the vertices before (V, 3), None if they were not sought. Only what lies near a face
    that has changed since is looked at."""
    if known is None or len(known) >= MOST_PAIRS:
        return self_intersections(v, f, MOST_PAIRS)
    changed = (v != before).any(1)[f].any(1)
    t = v[f]
    centres = t.mean(1)
    # Faces that meet have their middles within twice the largest radius: in the same cell, or in one beside it.
    size = 2.001 * float(np.linalg.norm(t - centres[:, None], axis=2).max())
    if not size > 0:
        return self_intersections(v, f, MOST_PAIRS)
    cell = np.floor((centres - centres.min(0)) / size).astype(np.int64) + 1
    row = cell.max(0) + 2
    number = (cell[:, 0] * row[1] + cell[:, 1]) * row[2] + cell[:, 2]
    beside = np.stack(np.meshgrid(*(np.arange(-1, 2),) * 3, indexing="ij"), -1).reshape(-1, 3)
    reached = (
        np.unique(number[changed])[:, None] + (beside[:, 0] * row[1] + beside[:, 1]) * row[2] + beside[:, 2]
    )
    near = np.flatnonzero(np.isin(number, reached))
    found = near[self_intersections(v, f[near], MOST_PAIRS)].astype(np.int32)
    return np.concatenate([known[~changed[known].any(1)], found[changed[found].any(1)]])


def _flattened(v: F64, f: I32, step: float) -> np.ndarray:
    t = v[f]
    area = 0.5 * np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1)
    return np.flatnonzero(area < 1e-6 * step * step)
