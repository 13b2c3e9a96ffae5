"""Simplification of models of several textured parts, open and intersecting as they may be.

Each part is decimated without regard to its texture seams (`lift3d.geometry.surface.decimation`), with its open
borders fixed, so that parts keep meeting. A new face takes its texture from the chart closest to its centroid: the
closest old points of its corners within that chart give the texture coordinates, so that no face spans a seam.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.components import connected_components
from lift3d.geometry.mesh.distances import closest_points
from lift3d.geometry.surface.decimation import decimate
from lift3d.types import F64, Part

MIN_FACES = 60
"""Parts with at most this many faces are not simplified."""
MOST_CHARTS = 200
"""Texture maps with more charts are transferred per face instead of per chart."""


def simplify_parts(parts: list[Part], target: int) -> list[Part]:
    """The parts with about `target` faces in total; unchanged if they have no more."""
    total = sum(len(part.faces) for part in parts)
    if total <= target:
        return parts
    small = sum(len(part.faces) for part in parts if len(part.faces) <= MIN_FACES)
    fraction = max(target - small, target // 2) / max(total - small, 1)
    return [
        part
        if len(part.faces) <= MIN_FACES
        else _simplify(part, max(int(fraction * len(part.faces)), MIN_FACES))
        for part in parts
    ]


def _simplify(part: Part, target: int) -> Part:
    """The part with about `target` faces and its texture coordinates or colours transferred."""
    p, g = decimate(part.vertices, part.faces.astype(np.int32), target, keep_simple=False)
    if not 0 < len(g) < len(part.faces):
        return part
    if part.uv is None and part.colours is None:
        return replace(part, vertices=p, faces=g.astype(np.int64))
    values = [x for x in (part.uv, part.colours) if x is not None]
    old = np.column_stack([np.asarray(x, np.float64) for x in values])
    corners = transfer_values(part.vertices, part.faces, old, p, g)
    key = np.column_stack([g.reshape(-1), np.round(corners.reshape(-1, old.shape[1]), 6)])
    rows, first, index = np.unique(key, axis=0, return_index=True, return_inverse=True)
    flat = corners.reshape(-1, old.shape[1])[first]
    uv_columns = 0 if part.uv is None else 2
    return replace(
        part,
        vertices=p[rows[:, 0].astype(np.int64)],
        faces=index.reshape(-1, 3).astype(np.int64),
        uv=None if part.uv is None else flat[:, :2],
        colours=None if part.colours is None else np.rint(flat[:, uv_columns:]).clip(0, 255).astype(np.uint8),
    )


def transfer_values(v: F64, f: NDArray[np.int64], values: F64, p: F64, g: NDArray[np.int32]) -> F64:
    """(G, 3, C) values at the corners of new faces g (G, 3) over p (P, 3), from values (V, C) of old vertices v with
    faces f."""
    chart = _charts(v, f, values)
    centroid = p[g].mean(1)
    near = closest_points(v, f, centroid)[2]
    out = np.empty((len(g), 3, values.shape[1]))
    per_face = int(chart.max(initial=0)) >= MOST_CHARTS
    for label in [None] if per_face else np.unique(chart[near]):
        in_chart = np.ones(len(g), bool) if label is None else chart[near] == label
        faces = f if label is None else f[chart == label]
        corners = p[g[in_chart]].reshape(-1, 3)
        if label is None:  # close to the centroid, so that the closest face is that of the centroid
            corners = 0.3 * corners + 0.7 * np.repeat(centroid[in_chart], 3, 0)
        closest, _, face = closest_points(v, faces, corners)
        weight = _barycentric(v[faces[face]], closest)
        out[in_chart] = np.einsum("nk,nkc->nc", weight, values[faces[face]]).reshape(-1, 3, values.shape[1])
    return out


def _charts(v: F64, f: NDArray[np.int64], values: F64) -> NDArray[np.int32]:
    """(F,) chart of each face: faces are connected where their corners agree in position and value."""
    row = np.unique(np.column_stack([v, values]), axis=0, return_inverse=True)[1]
    return connected_components(row.reshape(-1)[f].astype(np.int32))


def _barycentric(t: F64, q: F64) -> F64:
    """(N, 3) barycentric coordinates of points q (N, 3) in triangles t (N, 3, 3), clipped to [0, 1]."""
    a, b, d = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0], q - t[:, 0]
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    da, db = (d * a).sum(1), (d * b).sum(1)
    det = np.maximum(aa * bb - ab * ab, 1e-300)
    s, r = (bb * da - ab * db) / det, (aa * db - ab * da) / det
    weight = np.clip(np.stack([1 - s - r, s, r], 1), 0, 1)
    return np.asarray(weight / np.maximum(weight.sum(1, keepdims=True), 1e-12))
