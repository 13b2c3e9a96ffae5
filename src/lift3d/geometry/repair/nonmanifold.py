"""Repair of non-manifold edges (more than two faces) and non-manifold vertices (more than one fan of faces).

Fins and inner walls are removed. The remaining faces around an edge are paired by angle so that each pair encloses
interior, as for solids that touch. Every fan gets its own vertex, and coincident vertices are moved apart into their
fans.
"""

from __future__ import annotations

import numpy as np

from lift3d.geometry.mesh.winding_number import build_winding_tree, winding_in_tree
from lift3d.geometry.repair.working_mesh import (
    Soup,
    bounding_diagonal,
    build_edge_table,
    face_areas,
    label_linked,
    label_patches,
)

NUDGE = 1e-4
"""Distance by which coincident vertices are moved, in bounding diagonals."""
WINDING_ACCURACY = 8.0
"""Accuracy of the winding number: errors of about 1 %."""


def remove_fins_and_walls(soup: Soup) -> tuple[Soup, int]:
    """(soup, number of removed faces) without fins and inner walls.

    A fin is a patch with open edges attached to an edge of two other faces; an inner wall has interior on both sides.
    """
    before = len(soup.f)
    for _ in range(max(20, min(300, 2_000_000 // max(before, 1)))):
        keep = _without_fins(soup)
        if keep.all():
            keep = _without_wall(soup)
        if keep.all():
            break
        soup = soup.select(keep)
    return soup, before - len(soup.f)


def _borders(soup: Soup) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(patch of each face (F,); patch and edge of each half-edge on a non-manifold edge; faces per edge (E,); whether
    each patch has open edges)."""
    table = build_edge_table(soup.f)
    label = label_patches(soup.f, table)
    half_edges = np.flatnonzero(table.count[table.half] > 2)
    has_boundary = np.bincount(label, (table.count[table.half] == 1).reshape(-1, 3).any(1)) > 0
    return label, label[half_edges // 3], table.half[half_edges], table.count, has_boundary


def _harmless(patch: np.ndarray, edge: np.ndarray, count: np.ndarray, n: int) -> np.ndarray:
    """(n,) True for patches at non-manifold edges whose removal leaves none of these edges with a single face."""
    key, uses = np.unique(patch.astype(np.int64) * len(count) + edge, return_counts=True)
    patch_of, e = key // len(count), key % len(count)
    bad = np.bincount(patch_of, count[e] - uses == 1, n) > 0
    return (np.bincount(patch_of, minlength=n) > 0) & ~bad


def _without_fins(soup: Soup) -> np.ndarray:
    """(F,) False for the faces of fins."""
    label, patch, edge, count, has_boundary = _borders(soup)
    n = int(label.max()) + 1
    area = np.bincount(label, face_areas(soup.v, soup.f), n)
    fin = _harmless(patch, edge, count, n) & has_boundary & (area < 0.2 * area.sum())
    remaining = count - np.bincount(edge, fin[patch], len(count)).astype(np.int64)
    single = (remaining == 1) & (count > 2)
    fin[patch[single[edge]]] = False
    return ~fin[label]


def _without_wall(soup: Soup) -> np.ndarray:
    """(F,) False for the faces of the smallest inner wall, if there is one."""
    label, patch, edge, count, _ = _borders(soup)
    n = int(label.max()) + 1
    keep = np.ones(len(soup.f), bool)
    candidates = np.flatnonzero(_harmless(patch, edge, count, n))
    if len(candidates) == 0:
        return keep
    area = np.bincount(label, face_areas(soup.v, soup.f), n)
    whole = build_winding_tree(soup.v, soup.f)
    for k in candidates[np.argsort(area[candidates], kind="stable")][:50]:
        in_patch = label == k
        if in_patch.all():
            continue
        patch_faces = soup.f[in_patch]
        t = soup.v[patch_faces[:: max(1, len(patch_faces) // 50)]]
        normal = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-300)[:, None]
        # The mean over both sides, since another wall may lie in the same plane.
        offset = 1e-5 * bounding_diagonal(soup.v, soup.f) * normal
        sides = np.concatenate([t.mean(1) + offset, t.mean(1) - offset])
        winding_of_others = winding_in_tree(whole, sides, WINDING_ACCURACY) - winding_in_tree(
            build_winding_tree(soup.v, patch_faces), sides, WINDING_ACCURACY
        )
        if np.median(np.abs(winding_of_others.reshape(2, -1).mean(0))) > 0.9:
            keep[in_patch] = False
            break
    return keep


def split_nonmanifold_vertices(soup: Soup) -> tuple[Soup, int]:
    """(soup, number of added vertices): every fan of faces has its own vertex, at an unchanged position."""
    table = build_edge_table(soup.f)
    pairings = [table.pairs(), _paired_by_angle(soup)]
    pairs = np.concatenate(pairings)
    i, j = pairs[:, 0], pairs[:, 1]
    next_corner = lambda h: 3 * (h // 3) + (h + 1) % 3  # noqa: E731
    same_direction = table.forward[i] == table.forward[j]
    near = np.where(same_direction, j, next_corner(j))
    far = np.where(same_direction, next_corner(j), j)
    links = np.concatenate([np.stack([i, near], 1), np.stack([next_corner(i), far], 1)])
    fan = label_linked(links, 3 * len(soup.f))
    _, first, index = np.unique(fan, return_index=True, return_inverse=True)
    old = soup.f.reshape(-1)[first]
    # The first fan of a vertex keeps the order of the input.
    order = np.lexsort((first, old))
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    f = rank[index.reshape(-1)].reshape(-1, 3)
    return Soup(soup.v[old[order]], f, soup.origin), len(order) - len(np.unique(soup.f))


def _paired_by_angle(soup: Soup) -> np.ndarray:
    """(P, 2) half-edges on non-manifold edges, paired across the interior between their faces."""
    table = build_edge_table(soup.f)
    half_edges = np.flatnonzero(table.count[table.half] > 2)
    if len(half_edges) == 0:
        return np.zeros((0, 2), np.int64)
    a, b = table.ends[table.half[half_edges]].T
    axis = soup.v[b] - soup.v[a]
    axis /= np.maximum(np.linalg.norm(axis, axis=1), 1e-300)[:, None]
    out = soup.v[soup.f[half_edges // 3, (half_edges + 2) % 3]] - soup.v[a]
    x = np.eye(3)[np.argmin(np.abs(axis), axis=1)]
    x = np.cross(axis, x)
    y = np.cross(axis, x)
    angle = np.arctan2(np.einsum("ij,ij->i", out, y), np.einsum("ij,ij->i", out, x))
    order = np.lexsort((angle, table.half[half_edges]))
    pairs = []
    edge = table.half[half_edges][order]
    for group in np.split(order, np.flatnonzero(np.diff(edge)) + 1):
        pairs.extend(_match(half_edges[group].tolist(), table.forward[half_edges[group]].tolist()))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _match(half: list[int], forward: list[bool]) -> list[tuple[int, int]]:
    """Matching brackets around the edge: a backward face opens the interior, the next forward face closes it."""
    if True not in forward or False not in forward:
        return []
    start = next(k for k in range(len(half)) if not forward[k] and forward[k - 1])
    opened: list[int] = []
    pairs = []
    for k in range(start, start + len(half)):
        h = half[k % len(half)]
        if not forward[k % len(half)]:
            opened.append(h)
        elif opened:
            pairs.append((opened.pop(), h))
    return pairs


def separate_coincident_vertices(soup: Soup) -> tuple[Soup, int]:
    """(soup, number of moved vertices): coincident vertices move NUDGE bounding diagonals towards the mean of their
    neighbours."""
    _, group, count = np.unique(soup.v.astype(np.float32), axis=0, return_inverse=True, return_counts=True)
    used = np.zeros(len(soup.v), bool)
    used[soup.f] = True
    coincident = (count[group.reshape(-1)] > 1) & used
    if not coincident.any():
        return soup, 0
    total, degree = np.zeros_like(soup.v), np.zeros(len(soup.v))
    for k in range(3):
        for d in (1, 2):
            np.add.at(total, soup.f[:, k], soup.v[soup.f[:, (k + d) % 3]])
            np.add.at(degree, soup.f[:, k], 1)
    direction = total / np.maximum(degree, 1)[:, None] - soup.v
    length = np.maximum(np.linalg.norm(direction, axis=1), 1e-300)
    step = np.minimum(NUDGE * bounding_diagonal(soup.v, soup.f) / length, 0.3)
    v = soup.v.copy()
    v[coincident] += (direction * step[:, None])[coincident]
    return Soup(v, soup.f, soup.origin), int(coincident.sum())
