"""Dropping what is no surface and joining what only looks apart: the least changes of all."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from lift3d.geometry.mesh.self_intersection import degenerate_faces
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.repair.working_mesh import (
    Soup,
    bounding_diagonal,
    build_edge_table,
    count_boundary_edges,
    drop_unused_vertices,
    face_areas,
    label_linked,
    label_patches,
    signed_volumes,
)

WELD_TOLERANCES = (1e-7, 1e-6, 1e-5, 1e-4, 5e-4)
DEBRIS = 1e-3


def drop_invalid(soup: Soup) -> Soup:
    """Without faces that point to missing or non-finite vertices."""
    inside = np.asarray(((soup.f >= 0) & (soup.f < len(soup.v))).all(axis=1), bool)
    soup = soup.only(inside)
    with np.errstate(over="ignore"):
        finite = np.asarray(np.isfinite(soup.v.astype(np.float32)).all(axis=1), bool)
    return drop_unused_vertices(soup.only(finite[soup.f].all(1)))


def weld(soup: Soup) -> Soup:
    """Vertices of equal float32 position become one."""
    v, row = weld_exact(soup.v)
    return Soup(v, row[soup.f], soup.origin)


def weld_boundaries(soup: Soup) -> Soup:
    """Vertices on open edges that are nearly at one place become one, with the smallest tolerance
    (relative to the diagonal) that closes most."""
    best, fewest, scale = soup, count_boundary_edges(soup.f), bounding_diagonal(soup.v, soup.f)
    table = build_edge_table(soup.f)
    rim = np.unique(table.ends[table.count == 1])
    if len(rim) == 0:
        return soup
    tree = cKDTree(soup.v[rim])
    for tolerance in WELD_TOLERANCES:
        pairs = tree.query_pairs(tolerance * scale, output_type="ndarray")
        if len(pairs) == 0:
            continue
        if len(pairs) > 20 * len(rim):
            break
        label = label_linked(pairs, len(rim))
        first = np.full(label.max() + 1, -1)
        first[label[::-1]] = rim[::-1]
        row = np.arange(len(soup.v))
        row[rim] = first[label]
        f = row[soup.f].astype(np.int32)
        joined = Soup(soup.v, f, soup.origin).only((f != np.roll(f, 1, axis=1)).all(1))
        open_now = count_boundary_edges(joined.f)
        if len(joined.f) > 0.9 * len(soup.f) and open_now < fewest:
            best, fewest = joined, open_now
        if fewest == 0:
            break
    return best


def drop_degenerate(soup: Soup) -> Soup:
    """Without faces that repeat a corner or have no area."""
    f = soup.f
    soup = soup.only((f != np.roll(f, 1, axis=1)).all(1))
    return soup.only(~degenerate_faces(soup.v, soup.f)) if len(soup.f) else soup


def drop_duplicates(soup: Soup) -> Soup:
    """One face of those with the same three corners, whichever way they turn."""
    _, first = np.unique(np.sort(soup.f, axis=1), axis=0, return_index=True)
    keep = np.zeros(len(soup.f), bool)
    keep[first] = True
    return soup.only(keep)


def zip_cracks(soup: Soup, tolerance: float = 1e-6) -> Soup:
    """Open edges with another open edge's end on them are split there, so that hanging vertices close."""
    table = build_edge_table(soup.f)
    open_half = np.flatnonzero(table.count[table.half] == 1)
    if len(open_half) == 0:
        return soup
    rim = np.unique(table.ends[table.count == 1])
    reach = tolerance * bounding_diagonal(soup.v, soup.f)
    a, b = soup.f.reshape(-1)[open_half], np.roll(soup.f, -1, axis=1).reshape(-1)[open_half]
    middle, radius = 0.5 * (soup.v[a] + soup.v[b]), 0.5 * np.linalg.norm(soup.v[b] - soup.v[a], axis=1)
    near = cKDTree(soup.v[rim]).query_ball_point(middle, radius + reach)
    cut: dict[int, list[list[int]]] = {}
    for h, x, y, found in zip(open_half.tolist(), a.tolist(), b.tolist(), near):
        on = [int(rim[k]) for k in found if rim[k] != x and rim[k] != y]
        if not on:
            continue
        line = soup.v[y] - soup.v[x]
        t = (soup.v[on] - soup.v[x]) @ line / (line @ line)
        off = np.linalg.norm(soup.v[on] - soup.v[x] - t[:, None] * line, axis=1)
        good = np.flatnonzero((off <= reach) & (t > 0) & (t < 1))
        chain = [on[k] for k in good[np.argsort(t[good], kind="stable")]]
        if chain:
            cut.setdefault(h // 3, [[], [], []])[h % 3] = chain
    if not cut:
        return soup
    faces, origins = [], []
    for i, chains in cut.items():
        corners = soup.f[i].tolist()
        outline = [p for k in range(3) for p in (corners[k], *chains[k])]
        for triangle in _fan(soup, outline, [corners[k] for k in range(3)]):
            faces.append(triangle)
            origins.append(soup.origin[i])
    keep = np.ones(len(soup.f), bool)
    keep[list(cut)] = False
    rest = soup.only(keep)
    if not faces:
        return rest
    return Soup(
        soup.v,
        np.concatenate([rest.f, np.array(faces, np.int32)]),
        np.concatenate([rest.origin, np.array(origins, np.int32)]),
    )


def _fan(soup: Soup, outline: list[int], corners: list[int]) -> list[list[int]]:
    """Triangles of a triangle with extra points on its sides: ears cut where they have the most area."""
    out, ring = [], list(outline)
    while len(ring) > 3:
        best, at = -1.0, 0
        for k in range(len(ring)):
            p, q, r = (soup.v[ring[(k + d) % len(ring)]] for d in (-1, 0, 1))
            long = max(float(((p - q) ** 2).sum()), float(((r - q) ** 2).sum()), float(((p - r) ** 2).sum()))
            quality = float(np.linalg.norm(np.cross(p - q, r - q))) / long if long > 0 else 0.0
            # A corner may be cut off only while points remain on its opposite side, else the rest is flat.
            rest = ring[:k] + ring[k + 1 :]
            if quality > best and _has_area(soup, rest):
                best, at = quality, k
        out.append([ring[at - 1], ring[at], ring[(at + 1) % len(ring)]])
        del ring[at]
    return [*out, ring]


def _has_area(soup: Soup, ring: list[int]) -> bool:
    p = soup.v[ring]
    spread = np.linalg.svd(p - p.mean(0), compute_uv=False)
    return bool(spread[1] > 1e-5 * spread[0])


def drop_debris(soup: Soup) -> Soup:
    """Without open crumbs (small area beside one large part) and closed parts of negligible volume."""
    table = build_edge_table(soup.f)
    label = label_patches(soup.f, table)
    n = int(label.max()) + 1
    if n == 1:
        return soup
    area = np.bincount(label, face_areas(soup.v, soup.f), n)
    is_open = np.bincount(label, (table.count[table.half].reshape(-1, 3) == 1).any(1), n) > 0
    crumb = is_open & (area < 5e-3 * area.max()) & (area.max() > 0.5 * area.sum())
    volume = np.abs(np.bincount(label, signed_volumes(soup.v, soup.f), n))
    closed = np.bincount(label, (table.count[table.half].reshape(-1, 3) != 2).any(1), n) == 0
    if closed.any():
        crumb |= closed & (volume < DEBRIS * volume[closed].max())
    return soup.only(~crumb[label]) if crumb.any() else soup
