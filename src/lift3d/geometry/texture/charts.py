"""Segment a surface into charts that are flat enough for an orthographic projection each.

A chart is a connected set of faces whose normals all lie well within 90 degrees of the chart's direction, so the projection
along it is one-to-one for every face. Candidate directions are clusters of the surface's normals (farthest first, then
spherical k-means: Dhillon & Modha 2001). Faces choose one by a Potts energy over the face adjacency, lowered by iterated
conditional modes (Besag 1986),

    E(d) = sum_f a_f (1 - n_f . d_f) + smoothness * sum_(f,g) [d_f != d_g].

Small charts join a neighbour whose direction still sees all of their faces. Where a chart overlaps itself in the projection
(a spiral, a fold), the hidden faces become charts of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.texture.face_graph import (
    connected_components,
    face_neighbours,
    face_normals,
    potts_sweeps,
    smooth_normals,
)
from lift3d.types import F64

I32 = NDArray[np.int32]


def cluster_directions(normals: F64, areas: F64, limit: int = 10, cone: float = 50.0) -> F64:
    """(D, 3) unit directions such that nearly all area lies within `cone` degrees of one of them; at most `limit`."""
    cosine, directions = np.cos(np.radians(cone)), []
    grid = np.indices((5, 5, 5)).reshape(3, -1).T - 2.0
    grid = grid[np.abs(grid).max(1) == 2]
    grid /= np.linalg.norm(grid, axis=1)[:, None]
    bins = np.argmax(normals @ grid.T, axis=1)
    remaining = areas.copy()
    for _ in range(limit):
        fullest = int(np.argmax(np.bincount(bins, remaining, len(grid))))
        inside = bins == fullest
        d = (normals[inside] * remaining[inside, None]).sum(0)
        if not np.linalg.norm(d) > 0:
            break
        directions.append(d / np.linalg.norm(d))
        remaining[normals @ directions[-1] > cosine] = 0
        if remaining.sum() < 0.005 * areas.sum():
            break
    centres = np.array(directions if directions else [[0.0, 0.0, 1.0]])
    for _ in range(5):
        owner = np.argmax(normals @ centres.T, axis=1)
        for k in range(len(centres)):
            mean = (normals[owner == k] * areas[owner == k, None]).sum(0)
            if np.linalg.norm(mean) > 0:
                centres[k] = mean / np.linalg.norm(mean)
    return centres


@njit(cache=True)
def _join_small(
    charts: Any,
    neighbours: Any,
    lengths: Any,
    normals: Any,
    directions: Any,
    area: Any,
    small: float,
    least: float,
) -> int:
    """Each chart smaller than `small` joins the chart with the longest common border that sees all its faces.

    Returns the number of charts that joined another one.
    """
    n = len(area)
    start = np.zeros(n + 1, np.int64)
    for c in charts:
        start[c + 1] += 1
    for c in range(n):
        start[c + 1] += start[c]
    members, fill = np.empty(len(charts), np.int32), start[:-1].copy()
    for i in range(len(charts)):
        members[fill[charts[i]]] = i
        fill[charts[i]] += 1
    border = np.zeros(n)
    moved = 0
    for c in np.argsort(area, kind="mergesort"):
        if area[c] >= small:
            break
        touched = [np.int32(0) for _ in range(0)]
        for i in members[start[c] : start[c + 1]]:
            for k in range(3):
                j = neighbours[i, k]
                if j >= 0 and charts[j] != charts[i]:
                    if border[charts[j]] == 0.0:
                        touched.append(charts[j])
                    border[charts[j]] += lengths[i, k]
        best, longest = np.int32(-1), 0.0
        for d in touched:
            fits = True
            for i in members[start[c] : start[c + 1]]:
                dot = normals[i, 0] * directions[d, 0] + normals[i, 1] * directions[d, 1]
                if dot + normals[i, 2] * directions[d, 2] < least:
                    fits = False
                    break
            if fits and border[d] > longest:
                best, longest = d, border[d]
        for d in touched:
            border[d] = 0.0
        if best >= 0:
            for i in members[start[c] : start[c + 1]]:
                charts[i] = best
            moved += 1
    return moved


@njit(cache=True)
def _mark_hidden(
    corners: Any, heights: Any, charts: Any, offsets: Any, widths: Any, owner: Any, out: Any
) -> int:
    """Rasterise all faces of all charts into `owner` (flat, one block per chart) and mark the hidden ones in `out`.

    Where two faces of a chart meet, the lower one, by its mean height along the chart's direction, is hidden. corners: (F, 3,
    2) in texels of the block. Returns the number of marks.
    """
    count = 0
    for i in range(len(charts)):
        x0, y0, x1, y1, x2, y2 = (
            corners[i, 0, 0],
            corners[i, 0, 1],
            corners[i, 1, 0],
            corners[i, 1, 1],
            corners[i, 2, 0],
            corners[i, 2, 1],
        )
        low = max(int(np.ceil(min(y0, y1, y2) - 0.5)), 0)
        high = int(np.floor(max(y0, y1, y2) - 0.5))
        left = max(int(np.ceil(min(x0, x1, x2) - 0.5)), 0)
        right = int(np.floor(max(x0, x1, x2) - 0.5))
        base, width = offsets[charts[i]], widths[charts[i]]
        tiny = 1e-7 * abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) + 1e-12
        for yy in range(low, high + 1):
            y = yy + 0.5
            for xx in range(left, right + 1):
                x = xx + 0.5
                a = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
                b = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
                c = (x0 - x2) * (y - y2) - (x - x2) * (y0 - y2)
                if a > tiny and b > tiny and c > tiny:
                    o = owner[base + yy * width + xx]
                    if o < 0 or out[o]:
                        owner[base + yy * width + xx] = i
                    elif heights[o] < heights[i]:
                        owner[base + yy * width + xx] = i
                        out[o] = True
                        count += 1
                    else:
                        out[i] = True
                        count += 1
                        break
            if out[i]:
                break
    return count


def _frames(normals: F64, areas: F64, charts: I32) -> tuple[F64, F64]:
    """Chart directions (C, 3), the area-weighted mean normals, and chart areas (C,)."""
    count = int(charts.max()) + 1
    total = np.stack([np.bincount(charts, normals[:, k] * areas, count) for k in range(3)], 1)
    length = np.linalg.norm(total, axis=1)
    flat = length < 1e-300
    total[flat], length[flat] = (0.0, 0.0, 1.0), 1.0
    return total / length[:, None], np.bincount(charts, areas, count).astype(np.float64)


def plane_axes(directions: F64) -> tuple[F64, F64]:
    """Right-handed in-plane axes (C, 3) and (C, 3) with x cross y = direction."""
    helper = np.eye(3)[np.argmin(np.abs(directions), axis=1)]
    x = np.cross(helper, directions)
    x /= np.linalg.norm(x, axis=1)[:, None]
    return x, np.cross(directions, x)


def project_charts(v: F64, f: I32, charts: I32, directions: F64) -> tuple[F64, F64]:
    """Each face's corners (F, 3, 2) in its chart's plane, and its mean height (F,) along the chart's direction."""
    x, y = plane_axes(directions)
    p = v[f]
    uv = np.stack([np.einsum("fkc,fc->fk", p, x[charts]), np.einsum("fkc,fc->fk", p, y[charts])], -1)
    return uv, np.einsum("fc,fc->f", p.mean(1), directions[charts])


def segment_charts(v: F64, f: I32, smoothness: float = 0.35, smoothing: int = 6) -> tuple[I32, F64]:
    """Charts (F,) int32, numbered from 0 without gaps, and their directions (C, 3).

    Every face with area is seen from its chart's direction at less than 82 degrees, and no chart overlaps itself in its
    projection at the resolution of the test (about one million samples over the surface).
    """
    normals, areas = face_normals(v, f)
    neighbours = face_neighbours(f)
    if not areas.sum() > 0:
        return np.arange(len(f), dtype=np.int32), np.tile([0.0, 0.0, 1.0], (len(f), 1))
    smooth = smooth_normals(normals, areas, neighbours, smoothing)
    candidates = cluster_directions(smooth, areas)
    facing = normals @ candidates.T
    cost = (1 - smooth @ candidates.T + 4.0 * (facing < 0.2)).astype(np.float32)
    labels = np.argmin(cost, axis=1).astype(np.int32)
    lengths = np.linalg.norm(v[np.roll(f, -1, 1)] - v[f], axis=2)
    pull = (smoothness * lengths / max(float(lengths.mean()), 1e-300)).clip(0, 2).astype(np.float32)
    potts_sweeps(cost, neighbours, pull, labels, 20)
    charts = connected_components(labels, neighbours)
    least, small = 0.14, float(areas.sum()) * 2e-3
    for _ in range(4):
        directions, area = _frames(normals, areas, charts)
        if _join_small(charts, neighbours, lengths, normals, directions, area, small, 2 * least) == 0:
            break
        charts = np.unique(charts, return_inverse=True)[1].astype(np.int32)
    for _ in range(10):
        directions, _ = _frames(normals, areas, charts)
        tilted = (np.einsum("fc,fc->f", normals, directions[charts]) < least) & (areas > 0)
        removed = tilted | _self_overlap(v, f, charts, directions, areas, tilted)
        split = connected_components((2 * charts + removed).astype(np.int32), neighbours)
        if int(split.max()) == int(charts.max()):
            break
        charts = split
    return charts, _frames(normals, areas, charts)[0]


def _self_overlap(
    v: F64, f: I32, charts: I32, directions: F64, areas: F64, excluded: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(F,) True for faces hidden below another face of their own chart in the chart's projection."""
    uv, heights = project_charts(v, f, charts, directions)
    count = len(directions)
    low = np.full((count, 2), np.inf)
    high = np.full((count, 2), -np.inf)
    np.minimum.at(low, charts, uv.min(1))
    np.maximum.at(high, charts, uv.max(1))
    total_area = float(np.prod(high - low, axis=1).sum())
    step = max(np.sqrt(areas.sum() / 1e6), np.sqrt(total_area / 1.6e7), 1e-300)
    widths = np.ceil((high - low)[:, 0] / step).astype(np.int64) + 1
    heights_in_texels = np.ceil((high - low)[:, 1] / step).astype(np.int64) + 1
    offsets = np.concatenate([[0], np.cumsum(widths * heights_in_texels)])
    owner = np.full(int(offsets[-1]), -1, np.int32)
    out = excluded.copy()
    corners = (uv - low[charts][:, None]) / step
    _mark_hidden(
        np.where(excluded[:, None, None], -9.0, corners), heights, charts, offsets[:-1], widths, owner, out
    )
    return out & ~excluded
