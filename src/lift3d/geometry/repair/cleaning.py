"""Cleaning of a triangle soup: invalid, degenerate and duplicate faces, welding, cracks, and debris."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from lift3d.geometry.mesh.components import DEBRIS
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
"""Distances at which open edges are welded, in bounding diagonals, tried in this order."""


def drop_invalid(soup: Soup) -> Soup:
    """The soup without faces whose vertices are missing or not finite in float32."""
    inside = np.asarray(((soup.f >= 0) & (soup.f < len(soup.v))).all(axis=1), bool)
    soup = soup.select(inside)
    with np.errstate(over="ignore"):
        finite = np.asarray(np.isfinite(soup.v.astype(np.float32)).all(axis=1), bool)
    return drop_unused_vertices(soup.select(finite[soup.f].all(1)))


def weld(soup: Soup) -> Soup:
    """The soup with vertices of equal float32 position merged."""
    v, row = weld_exact(soup.v)
    return Soup(v, row[soup.f], soup.origin)


def weld_boundaries(soup: Soup) -> Soup:
    """The soup with nearby vertices of open edges merged, at the smallest of WELD_TOLERANCES that closes the most
    edges."""
    best, fewest, scale = soup, count_boundary_edges(soup.f), bounding_diagonal(soup.v, soup.f)
    table = build_edge_table(soup.f)
    boundary = np.unique(table.ends[table.count == 1])
    if len(boundary) == 0:
        return soup
    tree = cKDTree(soup.v[boundary])
    for tolerance in WELD_TOLERANCES:
        pairs = tree.query_pairs(tolerance * scale, output_type="ndarray")
        if len(pairs) == 0:
            continue
        if len(pairs) > 20 * len(boundary):
            break
        label = label_linked(pairs, len(boundary))
        first = np.full(label.max() + 1, -1)
        first[label[::-1]] = boundary[::-1]
        row = np.arange(len(soup.v))
        row[boundary] = first[label]
        f = row[soup.f].astype(np.int32)
        welded = Soup(soup.v, f, soup.origin).select((f != np.roll(f, 1, axis=1)).all(1))
        open_now = count_boundary_edges(welded.f)
        if len(welded.f) > 0.9 * len(soup.f) and open_now < fewest:
            best, fewest = welded, open_now
        if fewest == 0:
            break
    return best


def drop_degenerate(soup: Soup) -> Soup:
    """The soup without faces that repeat a corner or have no area."""
    f = soup.f
    soup = soup.select((f != np.roll(f, 1, axis=1)).all(1))
    return soup.select(~degenerate_faces(soup.v, soup.f)) if len(soup.f) else soup


def drop_duplicates(soup: Soup) -> Soup:
    """The soup with the first face of each set of three corners, whatever their order."""
    _, first = np.unique(np.sort(soup.f, axis=1), axis=0, return_index=True)
    keep = np.zeros(len(soup.f), bool)
    keep[first] = True
    return soup.select(keep)


def zip_cracks(soup: Soup, tolerance: float = 1e-6) -> Soup:
    """The soup with open edges split at the ends of other open edges that lie on them (T-junctions).

    tolerance: largest distance from the edge, in bounding diagonals.
    """
    table = build_edge_table(soup.f)
    open_half = np.flatnonzero(table.count[table.half] == 1)
    if len(open_half) == 0:
        return soup
    boundary = np.unique(table.ends[table.count == 1])
    max_distance = tolerance * bounding_diagonal(soup.v, soup.f)
    a, b = soup.f.reshape(-1)[open_half], np.roll(soup.f, -1, axis=1).reshape(-1)[open_half]
    midpoint, radius = 0.5 * (soup.v[a] + soup.v[b]), 0.5 * np.linalg.norm(soup.v[b] - soup.v[a], axis=1)
    near = cKDTree(soup.v[boundary]).query_ball_point(midpoint, radius + max_distance)
    splits: dict[int, list[list[int]]] = {}
    for h, x, y, found in zip(open_half.tolist(), a.tolist(), b.tolist(), near):
        inner = [int(boundary[k]) for k in found if boundary[k] != x and boundary[k] != y]
        if not inner:
            continue
        line = soup.v[y] - soup.v[x]
        t = (soup.v[inner] - soup.v[x]) @ line / (line @ line)
        distance = np.linalg.norm(soup.v[inner] - soup.v[x] - t[:, None] * line, axis=1)
        accepted = np.flatnonzero((distance <= max_distance) & (t > 0) & (t < 1))
        vertices_on_side = [inner[k] for k in accepted[np.argsort(t[accepted], kind="stable")]]
        if vertices_on_side:
            splits.setdefault(h // 3, [[], [], []])[h % 3] = vertices_on_side
    if not splits:
        return soup
    faces, origins = [], []
    for i, chains in splits.items():
        corners = soup.f[i].tolist()
        polygon = [p for k in range(3) for p in (corners[k], *chains[k])]
        for triangle in _fan(soup, polygon, [corners[k] for k in range(3)]):
            faces.append(triangle)
            origins.append(soup.origin[i])
    keep = np.ones(len(soup.f), bool)
    keep[list(splits)] = False
    remainder = soup.select(keep)
    if not faces:
        return remainder
    return Soup(
        soup.v,
        np.concatenate([remainder.f, np.array(faces, np.int32)]),
        np.concatenate([remainder.origin, np.array(origins, np.int32)]),
    )


def _fan(soup: Soup, polygon: list[int], corners: list[int]) -> list[list[int]]:
    """Triangles of a triangle with extra vertices on its sides: ear clipping, best aspect ratio first."""
    out, ring = [], list(polygon)
    while len(ring) > 3:
        best, best_ear = -1.0, 0
        for k in range(len(ring)):
            p, q, r = (soup.v[ring[(k + d) % len(ring)]] for d in (-1, 0, 1))
            longest_squared = max(
                float(((p - q) ** 2).sum()), float(((r - q) ** 2).sum()), float(((p - r) ** 2).sum())
            )
            quality = (
                float(np.linalg.norm(np.cross(p - q, r - q))) / longest_squared
                if longest_squared > 0
                else 0.0
            )
            # An ear may be clipped only while the remaining polygon has an area.
            remainder = ring[:k] + ring[k + 1 :]
            if quality > best and _has_area(soup, remainder):
                best, best_ear = quality, k
        out.append([ring[best_ear - 1], ring[best_ear], ring[(best_ear + 1) % len(ring)]])
        del ring[best_ear]
    return [*out, ring]


def _has_area(soup: Soup, ring: list[int]) -> bool:
    """True if the vertices of the ring are not collinear."""
    p = soup.v[ring]
    spread = np.linalg.svd(p - p.mean(0), compute_uv=False)
    return bool(spread[1] > 1e-5 * spread[0])


def drop_debris(soup: Soup) -> Soup:
    """The soup without debris: open patches of small area beside one large patch, and closed ones of negligible
    volume."""
    table = build_edge_table(soup.f)
    label = label_patches(soup.f, table)
    n = int(label.max()) + 1
    if n == 1:
        return soup
    area = np.bincount(label, face_areas(soup.v, soup.f), n)
    is_open = np.bincount(label, (table.count[table.half].reshape(-1, 3) == 1).any(1), n) > 0
    debris = is_open & (area < 5e-3 * area.max()) & (area.max() > 0.5 * area.sum())
    volume = np.abs(np.bincount(label, signed_volumes(soup.v, soup.f), n))
    closed = np.bincount(label, (table.count[table.half].reshape(-1, 3) != 2).any(1), n) == 0
    if closed.any():
        debris |= closed & (volume < DEBRIS * volume[closed].max())
    return soup.select(~debris[label]) if debris.any() else soup
