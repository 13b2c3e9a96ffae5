"""Edges with more than two faces and vertices with more than one fan.

Fins and inner walls are removed; what is left around an edge is paired so that each pair of neighbours in
angle encloses inside (as solids that only touch would), every fan of faces gets its own vertex, and vertices
that still share a place are drawn a little into their own fans.
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
EXACT = 8.0  # of the winding number: errors of about 1 %


def remove_fins_and_walls(soup: Soup) -> tuple[Soup, int]:
    """Without fins (parts with a free rim hanging on an edge of two other faces) and inner walls (parts with
    inside on both sides); returns the number of faces removed."""
    before = len(soup.f)
    for _ in range(max(20, min(300, 2_000_000 // max(before, 1)))):
        keep = _without_fins(soup)
        if keep.all():
            keep = _without_wall(soup)
        if keep.all():
            break
        soup = soup.only(keep)
    return soup, before - len(soup.f)


def _borders(soup: Soup) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Part of each face; for the half-edges on edges with several faces: their part, edge; and counts."""
    table = build_edge_table(soup.f)
    label = label_patches(soup.f, table)
    many = np.flatnonzero(table.count[table.half] > 2)
    free = np.bincount(label, (table.count[table.half] == 1).reshape(-1, 3).any(1)) > 0
    return label, label[many // 3], table.half[many], table.count, free


def _harmless(part: np.ndarray, edge: np.ndarray, count: np.ndarray, n: int) -> np.ndarray:
    """(n,) True for parts on such edges whose removal leaves none of these edges with a single face."""
    key, uses = np.unique(part.astype(np.int64) * len(count) + edge, return_counts=True)
    owner, e = key // len(count), key % len(count)
    bad = np.bincount(owner, count[e] - uses == 1, n) > 0
    return (np.bincount(owner, minlength=n) > 0) & ~bad


def _without_fins(soup: Soup) -> np.ndarray:
    label, part, edge, count, free = _borders(soup)
    n = int(label.max()) + 1
    area = np.bincount(label, face_areas(soup.v, soup.f), n)
    fin = _harmless(part, edge, count, n) & free & (area < 0.2 * area.sum())
    left = count - np.bincount(edge, fin[part], len(count)).astype(np.int64)
    spoilt = (left == 1) & (count > 2)
    fin[part[spoilt[edge]]] = False
    return ~fin[label]


def _without_wall(soup: Soup) -> np.ndarray:
    label, part, edge, count, _ = _borders(soup)
    n = int(label.max()) + 1
    keep = np.ones(len(soup.f), bool)
    candidates = np.flatnonzero(_harmless(part, edge, count, n))
    if len(candidates) == 0:
        return keep
    area = np.bincount(label, face_areas(soup.v, soup.f), n)
    whole = build_winding_tree(soup.v, soup.f)
    for k in candidates[np.argsort(area[candidates], kind="stable")][:50]:
        mine = label == k
        if mine.all():
            continue
        some = soup.f[mine]
        t = soup.v[some[:: max(1, len(some) // 50)]]
        normal = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-300)[:, None]
        # The mean of both sides, because another wall may lie in the same plane.
        aside = 1e-5 * bounding_diagonal(soup.v, soup.f) * normal
        sides = np.concatenate([t.mean(1) + aside, t.mean(1) - aside])
        others = winding_in_tree(whole, sides, EXACT) - winding_in_tree(
            build_winding_tree(soup.v, some), sides, EXACT
        )
        if np.median(np.abs(others.reshape(2, -1).mean(0))) > 0.9:
            keep[mine] = False
            break
    return keep


def split_nonmanifold_vertices(soup: Soup) -> tuple[Soup, int]:
    """Each fan gets its own vertex (still in the same place); returns how many vertices were added."""
    table = build_edge_table(soup.f)
    joined = [table.pairs(), _paired_by_angle(soup)]
    pairs = np.concatenate(joined)
    i, j = pairs[:, 0], pairs[:, 1]
    following = lambda h: 3 * (h // 3) + (h + 1) % 3  # noqa: E731
    alike = table.forward[i] == table.forward[j]
    near = np.where(alike, j, following(j))
    far = np.where(alike, following(j), j)
    links = np.concatenate([np.stack([i, near], 1), np.stack([following(i), far], 1)])
    fan = label_linked(links, 3 * len(soup.f))
    _, first, index = np.unique(fan, return_index=True, return_inverse=True)
    old = soup.f.reshape(-1)[first]
    # Keep the numbering of the input: the first fan of a vertex keeps its place.
    order = np.lexsort((first, old))
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    f = rank[index.reshape(-1)].reshape(-1, 3)
    return Soup(soup.v[old[order]], f, soup.origin), len(order) - len(np.unique(soup.f))


def _paired_by_angle(soup: Soup) -> np.ndarray:
    """(P, 2) half-edges on edges with more than two faces, paired around the inside between them."""
    table = build_edge_table(soup.f)
    many = np.flatnonzero(table.count[table.half] > 2)
    if len(many) == 0:
        return np.zeros((0, 2), np.int64)
    a, b = table.ends[table.half[many]].T
    axis = soup.v[b] - soup.v[a]
    axis /= np.maximum(np.linalg.norm(axis, axis=1), 1e-300)[:, None]
    out = soup.v[soup.f[many // 3, (many + 2) % 3]] - soup.v[a]
    x = np.eye(3)[np.argmin(np.abs(axis), axis=1)]
    x = np.cross(axis, x)
    y = np.cross(axis, x)
    angle = np.arctan2(np.einsum("ij,ij->i", out, y), np.einsum("ij,ij->i", out, x))
    order = np.lexsort((angle, table.half[many]))
    pairs = []
    edge = table.half[many][order]
    for group in np.split(order, np.flatnonzero(np.diff(edge)) + 1):
        pairs.extend(_match(many[group].tolist(), table.forward[many[group]].tolist()))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _match(half: list[int], forward: list[bool]) -> list[tuple[int, int]]:
    """Brackets around a circle: a backward face opens the inside, the next forward one closes it."""
    if True not in forward or False not in forward:
        return []
    start = next(k for k in range(len(half)) if not forward[k] and forward[k - 1])
    waiting: list[int] = []
    pairs = []
    for k in range(start, start + len(half)):
        h = half[k % len(half)]
        if not forward[k % len(half)]:
            waiting.append(h)
        elif waiting:
            pairs.append((waiting.pop(), h))
    return pairs


def separate_coincident_vertices(soup: Soup) -> tuple[Soup, int]:
    """Vertices in the same place move NUDGE of the diagonal towards the middle of their own neighbours."""
    _, group, count = np.unique(soup.v.astype(np.float32), axis=0, return_inverse=True, return_counts=True)
    used = np.zeros(len(soup.v), bool)
    used[soup.f] = True
    twin = (count[group.reshape(-1)] > 1) & used
    if not twin.any():
        return soup, 0
    total, number = np.zeros_like(soup.v), np.zeros(len(soup.v))
    for k in range(3):
        for d in (1, 2):
            np.add.at(total, soup.f[:, k], soup.v[soup.f[:, (k + d) % 3]])
            np.add.at(number, soup.f[:, k], 1)
    way = total / np.maximum(number, 1)[:, None] - soup.v
    length = np.maximum(np.linalg.norm(way, axis=1), 1e-300)
    step = np.minimum(NUDGE * bounding_diagonal(soup.v, soup.f) / length, 0.3)
    v = soup.v.copy()
    v[twin] += (way * step[:, None])[twin]
    return Soup(v, soup.f, soup.origin), int(twin.sum())
